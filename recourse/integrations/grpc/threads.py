"""The interceptor for channels of threads."""

import importlib
from collections.abc import Callable
from typing import Any, Final

from recourse.context import current_attempt, deadline
from recourse.executor import Executor
from recourse.facade import get_executor
from recourse.integrations.grpc.calls import (
    CallDetails,
    ended,
    explained,
    key_of,
    limit_of,
    limited,
    watched,
)
from recourse.integrations.watch import Watch

__all__ = ["ClientInterceptor"]

_KINDS: Final = (
    "UnaryUnaryClientInterceptor",
    "UnaryStreamClientInterceptor",
    "StreamUnaryClientInterceptor",
    "StreamStreamClientInterceptor",
)


class ClientInterceptor:
    """Governs the unary calls of a channel; streaming calls pass through, told as one attempt.

    ``grpc.intercept_channel(channel, ClientInterceptor())``; make the channel with
    :func:`without_own_retries`. A call's ``timeout`` bounds all its attempts together. What the
    caller gets is gRPC's own call or error, or one of :mod:`recourse.errors`.

    ``stub.Method.future(…)`` blocks until the call is over, as gRPC runs interceptors in it.

    Args:
        executor: Carries the calls out; the process's own when left out.
        key: The policy key of a method's path; ``package.Service.Method`` when left out.
    """

    def __init__(
        self, executor: Executor | None = None, *, key: Callable[[str], str] | None = None
    ) -> None:
        self._executor = executor
        self._key = key or key_of
        grpc: Any = importlib.import_module("grpc")
        for name in _KINDS:
            # A virtual subclass: gRPC asks what it is, and inherits nothing to it.
            getattr(grpc, name).register(type(self))

    def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Any], details: Any, request: Any
    ) -> Any:
        """Carry a call out; the call of its last attempt is given back, with its metadata."""
        executor = self._executor or get_executor()

        def attempt() -> Any:
            running = current_attempt()
            assert running is not None  # noqa: S101 -- the executor runs it
            limit = limit_of(running)
            call = continuation(_with_timeout(details, limit.timeout_s), request)
            error = call.exception()
            if error is not None:
                raise explained(error, running, limit)
            return call

        key = self._key_of(details)
        if details.timeout is None:
            return _call_of(executor.call(key, attempt))
        with deadline(details.timeout, clock=executor.clock):
            return _call_of(executor.call(key, attempt))

    def intercept_unary_stream(
        self, continuation: Callable[[Any, Any], Any], details: Any, request: Any
    ) -> Any:
        """Pass the call through, and tell when its stream ends."""
        return self._pass(continuation, details, request)

    def intercept_stream_unary(
        self, continuation: Callable[[Any, Any], Any], details: Any, requests: Any
    ) -> Any:
        """Pass the call through, and tell when it ends."""
        return self._pass(continuation, details, requests)

    def intercept_stream_stream(
        self, continuation: Callable[[Any, Any], Any], details: Any, requests: Any
    ) -> Any:
        """Pass the call through, and tell when its streams end."""
        return self._pass(continuation, details, requests)

    def _key_of(self, details: Any) -> str:
        method: str | bytes = details.method
        return self._key(method.decode() if isinstance(method, bytes) else method)

    def _pass(self, continuation: Callable[[Any, Any], Any], details: Any, sent: Any) -> Any:
        executor = self._executor or get_executor()
        timeout_s = limited(details, executor.clock)
        watch = Watch("grpc", executor.observers, executor.clock)
        told = watched(watch, self._key_of(details), timeout_s)
        call = continuation(_with_timeout(details, timeout_s), sent)

        def over(done: Any) -> None:
            ended(told, done.code().name, done if isinstance(done, Exception) else None)

        call.add_done_callback(over)
        return call


class Scripted:
    """What stands for the call when a test has scripted its response."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def result(self, timeout: float | None = None) -> Any:
        """The response."""
        del timeout
        return self._response

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # Metadata, status, details: a script tells of none.
        return lambda *_: None


def _call_of(value: Any) -> Any:
    return value if callable(getattr(value, "result", None)) else Scripted(value)


def _with_timeout(details: Any, timeout_s: float | None) -> CallDetails:
    return CallDetails(
        details.method,
        timeout_s,
        details.metadata,
        details.credentials,
        getattr(details, "wait_for_ready", None),
        getattr(details, "compression", None),
    )
