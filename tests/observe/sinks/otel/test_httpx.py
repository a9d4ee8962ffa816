"""OpenTelemetry's own instrumentation of httpx, over a real connection."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

from recourse import Executor, Policy, RetryPolicy
from recourse.testing import VirtualClock
from recourse_observe.sinks.otel import httpx_async_request_hook, httpx_request_hook

KEY = "payments.Charge"
POLICY = Policy(KEY, retry=RetryPolicy(max_attempts=3, jitter="none", classifier="http"))


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


@pytest.mark.usefixtures("instrumented")
def test_each_request_is_a_child_of_its_attempt(telemetry: Any, url: str) -> None:
    executor = Executor(
        policies=[POLICY],
        observers=[telemetry.observer(mode="child-spans")],
        clock=VirtualClock(),
    )

    with httpx.Client(trust_env=False) as client:
        executor.call(KEY, lambda: client.get(url).raise_for_status())

    assert telemetry.sent(KEY) == [(0, None), (1, 1), (2, 2)]


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

    assert telemetry.sent(KEY) == [(0, None), (1, 1), (2, 2)]


@pytest.mark.usefixtures("instrumented")
def test_a_request_outside_of_calls_has_no_count(telemetry: Any, url: str) -> None:
    with httpx.Client(trust_env=False) as client:
        client.get(url)

    [span] = telemetry.spans("GET")
    assert "http.request.resend_count" not in span.attributes
