"""OpenTelemetry's own instrumentation of httpx, over a real connection."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

from recourse import Executor, Policy, RetryPolicy
from recourse.testing import VirtualClock
from recourse_observe.sinks.otel import httpx_async_request_hook, httpx_request_hook

KEY = "payments.Charge"
POLICY = Policy(KEY, retry=RetryPolicy(max_attempts=3, jitter="none", classifier="http"))


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


@pytest.fixture
def instrumented(telemetry: Any) -> Iterator[None]:
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(
        tracer_provider=telemetry.tracers,
        meter_provider=telemetry.meters,
        request_hook=httpx_request_hook,
        async_request_hook=httpx_async_request_hook,
    )
    yield
    instrumentor.uninstrument()


def assert_children_of_their_attempts(telemetry: Any) -> None:
    attempts = {
        span.context.span_id: span.attributes["recourse.attempt.retry_index"]
        for span in telemetry.spans(f"{KEY} attempt")
    }
    requests = [span for span in telemetry.spans() if span.name == "GET"]
    assert [attempts[span.parent.span_id] for span in requests] == [0, 1, 2]
    resent = [span.attributes.get("http.request.resend_count") for span in requests]
    assert resent == [None, 1, 2]


@pytest.mark.usefixtures("instrumented")
def test_each_request_is_a_child_of_its_attempt(telemetry: Any, url: str) -> None:
    executor = Executor(
        policies=[POLICY],
        observers=[telemetry.observer(mode="child-spans")],
        clock=VirtualClock(),
    )

    with httpx.Client(trust_env=False) as client:
        executor.call(KEY, lambda: client.get(url).raise_for_status())

    assert_children_of_their_attempts(telemetry)


@pytest.mark.anyio
@pytest.mark.usefixtures("instrumented")
async def test_each_asynchronous_request_too(telemetry: Any, url: str) -> None:
    policy = Policy(
        KEY,
        retry=RetryPolicy(
            max_attempts=3, jitter="none", classifier="http", initial_backoff_s=0.001
        ),
    )
    executor = Executor(policies=[policy], observers=[telemetry.observer(mode="child-spans")])

    async with httpx.AsyncClient(trust_env=False) as client:

        async def get() -> None:
            (await client.get(url)).raise_for_status()

        await executor.acall(KEY, get)

    assert_children_of_their_attempts(telemetry)


@pytest.mark.usefixtures("instrumented")
def test_a_request_outside_of_calls_has_no_count(telemetry: Any, url: str) -> None:
    with httpx.Client(trust_env=False) as client:
        client.get(url)

    [span] = telemetry.spans("GET")
    assert "http.request.resend_count" not in span.attributes
