"""OpenTelemetry's own instrumentations of requests, aiohttp and urllib3, over real connections."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
import requests
import urllib3
from opentelemetry.instrumentation.requests import RequestsInstrumentor

from recourse import Executor, Policy, RetryPolicy
from recourse.integrations.aiohttp import RecourseMiddleware
from recourse.integrations.requests import RecourseAdapter
from recourse_observe.sinks.otel import httpx_request_hook

KEY = "payments.Charge"
POLICY = Policy(
    KEY,
    retry=RetryPolicy(max_attempts=3, jitter="none", classifier="http", initial_backoff_s=0.001),
)
EACH_ATTEMPT = [(0, None), (1, 1), (2, 2)]


@contextmanager
def instrumented(instrumentor: Any, telemetry: Any) -> Iterator[None]:
    instrumentor.instrument(
        tracer_provider=telemetry.tracers,
        meter_provider=telemetry.meters,
        request_hook=httpx_request_hook,
    )
    yield
    instrumentor.uninstrument()


@pytest.fixture
def traced_requests(telemetry: Any) -> Iterator[None]:
    with instrumented(RequestsInstrumentor(), telemetry):
        yield


@pytest.fixture
def traced_urllib3(telemetry: Any) -> Iterator[None]:
    theirs = pytest.importorskip("opentelemetry.instrumentation.urllib3")
    with instrumented(theirs.URLLib3Instrumentor(), telemetry):
        yield


@pytest.fixture
def traced_aiohttp(telemetry: Any) -> Iterator[None]:
    theirs = pytest.importorskip("opentelemetry.instrumentation.aiohttp_client")
    with instrumented(theirs.AioHttpClientInstrumentor(), telemetry):
        yield


@pytest.fixture
def executor(telemetry: Any) -> Executor:
    return Executor(policies=[POLICY], observers=[telemetry.observer(mode="child-spans")])


@pytest.mark.usefixtures("traced_requests")
def test_each_request_of_requests_is_a_child_of_its_attempt(
    telemetry: Any, executor: Executor, url: str
) -> None:
    with requests.Session() as session:
        session.trust_env = False
        executor.call(KEY, lambda: session.get(url, timeout=5).raise_for_status())

    assert telemetry.sent(KEY) == EACH_ATTEMPT


@pytest.mark.usefixtures("traced_requests")
def test_a_session_with_our_adapter_has_one_span_around_all_its_attempts(
    telemetry: Any, executor: Executor, url: str
) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.mount(url, RecourseAdapter(executor=executor, key_func=lambda _: KEY))
        assert session.get(url, timeout=5).status_code == 200

    [around, call, *attempts] = telemetry.spans()
    assert call.parent.span_id == around.context.span_id
    assert len(attempts) == 3
    assert telemetry.sent(KEY) == [(None, None)]


@pytest.mark.usefixtures("traced_urllib3")
def test_what_urllib3_sends_for_our_adapter_is_a_child_of_its_attempt(
    telemetry: Any, executor: Executor, url: str
) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.mount(url, RecourseAdapter(executor=executor, key_func=lambda _: KEY))
        assert session.get(url, timeout=5).status_code == 200

    assert telemetry.sent(KEY) == EACH_ATTEMPT


@pytest.mark.usefixtures("traced_urllib3")
def test_each_request_of_urllib3_is_a_child_of_its_attempt(
    telemetry: Any, executor: Executor, url: str
) -> None:
    with urllib3.PoolManager(retries=False) as pool:

        def get() -> None:
            response = pool.request("GET", url)
            if response.status == 503:
                raise ConnectionError

        executor.call(KEY, get)

    assert telemetry.sent(KEY) == EACH_ATTEMPT


@pytest.mark.usefixtures("traced_aiohttp")
def test_each_request_of_aiohttp_is_a_child_of_its_attempt(
    telemetry: Any, executor: Executor, url: str
) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:

            async def get() -> None:
                async with session.get(url) as response:
                    response.raise_for_status()

            await executor.acall(KEY, get)

    asyncio.run(main())

    assert telemetry.sent(KEY) == EACH_ATTEMPT


@pytest.mark.usefixtures("traced_aiohttp")
def test_a_session_with_our_middleware_has_one_span_around_all_its_attempts(
    telemetry: Any, executor: Executor, url: str
) -> None:
    async def main() -> None:
        governed = RecourseMiddleware(executor=executor, key_func=lambda _: KEY)
        session = aiohttp.ClientSession(middlewares=(governed,))
        async with session, session.get(url) as response:
            assert response.status == 200

    asyncio.run(main())

    [around, call, *attempts] = telemetry.spans()
    assert call.parent.span_id == around.context.span_id
    assert len(attempts) == 3
    assert telemetry.sent(KEY) == [(None, None)]
