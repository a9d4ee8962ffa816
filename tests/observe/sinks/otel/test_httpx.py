"""OpenTelemetry's own instrumentations of httpx and httpx2, over a real connection."""

from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest
from opentelemetry.instrumentation import httpx as theirs

from recourse import Executor, Policy, RetryPolicy
from recourse.testing import VirtualClock
from recourse_observe.sinks.otel import httpx_async_request_hook, httpx_request_hook

KEY = "payments.Charge"
POLICY = Policy(KEY, retry=RetryPolicy(max_attempts=3, jitter="none", classifier="http"))


@pytest.fixture(params=["httpx", "httpx2"])
def client(request: pytest.FixtureRequest, telemetry: Any) -> Iterator[Any]:
    """A module whose clients are traced."""
    name = "HTTPXClientInstrumentor" if request.param == "httpx" else "HTTPX2ClientInstrumentor"
    made = getattr(theirs, name, None)
    if made is None:
        pytest.skip("this release of the instrumentation does not know httpx2")
    instrumentor = made()
    instrumentor.instrument(
        tracer_provider=telemetry.tracers,
        meter_provider=telemetry.meters,
        request_hook=httpx_request_hook,
        async_request_hook=httpx_async_request_hook,
    )
    yield httpx if request.param == "httpx" else httpx2
    instrumentor.uninstrument()


def test_each_request_is_a_child_of_its_attempt(telemetry: Any, client: Any, url: str) -> None:
    executor = Executor(
        policies=[POLICY],
        observers=[telemetry.observer(mode="child-spans")],
        clock=VirtualClock(),
    )

    with client.Client(trust_env=False) as session:
        executor.call(KEY, lambda: session.get(url).raise_for_status())

    assert telemetry.sent(KEY) == [(0, None), (1, 1), (2, 2)]


@pytest.mark.anyio
async def test_each_asynchronous_request_too(telemetry: Any, client: Any, url: str) -> None:
    policy = Policy(
        KEY,
        retry=RetryPolicy(
            max_attempts=3, jitter="none", classifier="http", initial_backoff_s=0.001
        ),
    )
    executor = Executor(policies=[policy], observers=[telemetry.observer(mode="child-spans")])

    async with client.AsyncClient(trust_env=False) as session:

        async def get() -> None:
            (await session.get(url)).raise_for_status()

        await executor.acall(KEY, get)

    assert telemetry.sent(KEY) == [(0, None), (1, 1), (2, 2)]


def test_a_request_outside_of_calls_has_no_count(telemetry: Any, client: Any, url: str) -> None:
    with client.Client(trust_env=False) as session:
        session.get(url)

    [span] = telemetry.spans("GET")
    assert "http.request.resend_count" not in span.attributes
