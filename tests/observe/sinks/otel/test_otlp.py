"""All the way: the SDK's exporter, HTTP, protobuf, and back to what the timeline said."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

KEY = "payments.Charge"
ERROR = 2


class Receiver:
    """A collector: decodes what it is sent."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.requests.append(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *facts: Any) -> None:
                """Keep quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/traces"

    def spans(self) -> list[Any]:
        found = [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def scopes(self) -> set[tuple[str, str]]:
        return {
            (scope.scope.name, scope.schema_url)
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
        }

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def decoded(attributes: Any) -> dict[str, Any]:
    values = {}
    for pair in attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        if kind == "array_value":
            value = [getattr(each, each.WhichOneof("value")) for each in value.values]
        values[pair.key] = value
    return values


def exported(receiver: Receiver, telemetry: Any, scenario: Any, mode: str) -> Any:
    exporter = OTLPSpanExporter(receiver.url)
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(exporter))
    timeline = scenario(telemetry.observer(mode=mode, tracer_provider=tracers, metrics=False))
    assert tracers.force_flush()
    tracers.shutdown()
    return timeline


def attempt_of(record: Any, index: int) -> dict[str, Any]:
    return {
        "recourse.attempt.index": index,
        "recourse.attempt.retry_index": record.attempt,
        "recourse.attempt.hedge_index": record.hedge_index,
        "recourse.attempt.hedge": record.is_hedge,
        "recourse.attempt.outcome": record.outcome.kind,
        "recourse.attempt.reason": record.outcome.reason,
        "recourse.attempt.waited_before": record.waited_before_s,
        "recourse.budget.reason": record.budget_reason,
    }


def assert_is_the_call(span: Any, timeline: Any) -> None:
    facts = decoded(span.attributes)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (
        timeline.started_unix_ns,
        timeline.ended_unix_ns,
    )
    assert facts["recourse.call.id"] == timeline.call_id
    assert facts["recourse.call.result"] == timeline.disposition
    assert facts["recourse.call.attempts"] == timeline.attempts_run
    failed = timeline.disposition not in ("success", "cancelled")
    assert (span.status.code == ERROR) is failed


def test_the_events_that_arrive_are_the_attempts(
    receiver: Receiver, telemetry: Any, scenario: Any
) -> None:
    timeline = exported(receiver, telemetry, scenario, "span-events")

    span = receiver.spans()[-1]
    assert receiver.scopes() == {("recourse", "https://opentelemetry.io/schemas/1.44.0")}
    assert_is_the_call(span, timeline)
    told = {
        facts["recourse.attempt.index"]: facts
        for event in span.events
        if event.name in ("recourse.attempt", "recourse.hedge.cancel")
        for facts in [decoded(event.attributes)]
    }
    assert sorted(told) == list(range(len(timeline.attempts)))
    for index, record in enumerate(timeline.attempts):
        assert told[index].items() >= attempt_of(record, index).items()


def test_the_child_spans_that_arrive_are_the_attempts(
    receiver: Receiver, telemetry: Any, scenario: Any
) -> None:
    timeline = exported(receiver, telemetry, scenario, "child-spans")

    call = [span for span in receiver.spans() if span.name == KEY][-1]
    assert_is_the_call(call, timeline)
    children = [span for span in receiver.spans() if span.parent_span_id == call.span_id]
    ran = [record for record in timeline.attempts if record.ran]
    assert len(children) == len(ran)
    for index, (record, span) in enumerate(zip(ran, children, strict=True)):
        assert decoded(span.attributes).items() >= attempt_of(record, index).items()
        assert (span.start_time_unix_nano, span.end_time_unix_nano) == (
            record.started_unix_ns,
            record.ended_unix_ns,
        )
        assert [link.span_id for link in span.links] == (
            [children[0].span_id] if record.is_hedge else []
        )
