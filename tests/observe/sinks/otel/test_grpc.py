"""OpenTelemetry's own instrumentation of gRPC, over a real connection."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio
import pytest
from opentelemetry.instrumentation.grpc import aio_client_interceptors, client_interceptor
from opentelemetry.instrumentation.grpc.grpcext import intercept_channel

from recourse import Executor, Policy, RetryPolicy
from recourse.integrations.grpc import ClientInterceptor, aio_interceptors, without_own_retries

METHOD = "/payments.Payments/Charge"
KEY = "payments.Payments.Charge"
POLICY = Policy(KEY, retry=RetryPolicy(max_attempts=3, jitter="none", initial_backoff_s=0.001))


def made(function: Any) -> Any:
    """A function without annotations."""
    return function


@pytest.fixture
def address() -> Iterator[str]:
    """A server that is unavailable twice, and then not."""
    answers = iter([False, False, True])

    def charge(request: bytes, context: Any) -> bytes:
        if not next(answers):
            context.abort(grpc.StatusCode.UNAVAILABLE, "scripted")
        return request

    server = grpc.server(ThreadPoolExecutor(2))
    handlers = {"Charge": grpc.unary_unary_rpc_method_handler(charge)}
    service = grpc.method_handlers_generic_handler("payments.Payments", handlers)
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0).wait()


def assert_children_of_their_attempts(telemetry: Any) -> None:
    attempts = {
        span.context.span_id: span.attributes["recourse.attempt.retry_index"]
        for span in telemetry.spans(f"{KEY} attempt")
    }
    requests = telemetry.spans(METHOD)
    assert [attempts[span.parent.span_id] for span in requests] == [0, 1, 2]


def test_each_rpc_is_a_child_of_its_attempt(telemetry: Any, address: str) -> None:
    observer = telemetry.observer(mode="child-spans")
    executor = Executor(policies=[POLICY], observers=[observer])
    # What the instrumentor does to every channel, with a provider that it would not pass on.
    theirs = made(client_interceptor)(tracer_provider=telemetry.tracers)

    with grpc.insecure_channel(address, options=without_own_retries()) as channel:
        inner = made(intercept_channel)(channel, theirs)
        ours = grpc.intercept_channel(inner, ClientInterceptor(executor))
        assert ours.unary_unary(METHOD)(b"1", wait_for_ready=True) == b"1"

    assert_children_of_their_attempts(telemetry)


@pytest.mark.anyio
async def test_each_asynchronous_rpc_too(telemetry: Any, address: str) -> None:
    observer = telemetry.observer(mode="child-spans")
    executor = Executor(policies=[POLICY], observers=[observer])
    # Ours come first, so that theirs are within every attempt.
    theirs = made(aio_client_interceptors)(tracer_provider=telemetry.tracers)

    async with grpc.aio.insecure_channel(
        address,
        options=without_own_retries(),
        interceptors=[*aio_interceptors(executor), *theirs],
    ) as channel:
        assert await channel.unary_unary(METHOD)(b"1", wait_for_ready=True) == b"1"

    assert_children_of_their_attempts(telemetry)
