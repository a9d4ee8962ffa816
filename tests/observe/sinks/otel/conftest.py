"""Telemetry kept in memory, and a server for clients that are traced."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from recourse_observe.sinks.otel import OTelObserver


class Telemetry:
    """Everything that was written."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        made: Any = InMemoryLogRecordExporter
        self.records = made()  # its constructor has no annotations
        self.loggers = LoggerProvider(shutdown_on_exit=False)
        self.loggers.add_log_record_processor(SimpleLogRecordProcessor(self.records))

    def observer(self, **options: Any) -> OTelObserver:
        return OTelObserver(
            **{
                "tracer_provider": self.tracers,
                "meter_provider": self.meters,
                "logger_provider": self.loggers,
                **options,
            }
        )

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """Spans in the order of their start."""
        spans = sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        return [span for span in spans if name in (None, span.name)]

    def sent(self, key: str) -> list[tuple[Any, Any]]:
        """Of each request of a client: the attempt that it is a child of, and its resend count."""
        attempts = {
            span.context.span_id: dict(span.attributes or {})["recourse.attempt.retry_index"]
            for span in self.spans(f"{key} attempt")
        }
        return [
            (
                None if span.parent is None else attempts.get(span.parent.span_id),
                dict(span.attributes or {}).get("http.request.resend_count"),
            )
            for span in self.spans()
            if span.kind is SpanKind.CLIENT
        ]

    def logs(self, name: str | None = None) -> list[Any]:
        records = [each.log_record for each in self.records.get_finished_logs()]
        return [record for record in records if name in (None, record.event_name)]

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Attributes and value (of histograms: count) of each point of an instrument."""
        data = self.reader.get_metrics_data()
        scopes = [] if data is None else data.resource_metrics[0].scope_metrics
        found = [
            (dict(point.attributes or {}), getattr(point, "value", getattr(point, "count", None)))
            for scope in scopes
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
        return sorted(found, key=str)

    def close(self) -> None:
        self.tracers.shutdown()
        self.meters.shutdown()
        self.loggers.shutdown()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    kept = Telemetry()
    yield kept
    kept.close()


class Flaky(BaseHTTPRequestHandler):
    """Answers 503 twice, then 200."""

    answers: Iterator[int]

    def do_GET(self) -> None:
        self.send_response(next(self.answers))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *facts: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    class Handler(Flaky):
        answers = iter([503, 503, 200])

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
