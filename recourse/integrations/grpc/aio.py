"""The interceptors for channels of event loops: one for each way to call, as gRPC wants them."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from recourse.context import current_attempt, deadline
from recourse.executor import Executor
from recourse.facade import get_executor
from recourse.integrations.grpc.calls import ended, explained, key_of, limit_of, limited, watched
from recourse.integrations.watch import Watch, WatchedCall

__all__ = ["aio_interceptors"]

Continuation: TypeAlias = Callable[[Any, Any], Awaitable[Any]]


def aio_interceptors(
    executor: Executor | None = None, *, key: Callable[[str], str] | None = None
) -> list[Any]:
    """The interceptors that govern an aio channel's unary calls; streams pass through.

    ``grpc.aio.insecure_channel(target, options=without_own_retries(),
    interceptors=aio_interceptors())``. A call's ``timeout`` bounds all its attempts together.

    Args:
        executor: Carries the calls out; the process's own when left out.
        key: The policy key of a method's path; ``package.Service.Method`` when left out.
    """
    aio: Any = importlib.import_module("grpc.aio")
    kinds = {
        "UnaryUnaryClientInterceptor": UnaryUnary,
        "UnaryStreamClientInterceptor": UnaryStream,
        "StreamUnaryClientInterceptor": StreamUnary,
        "StreamStreamClientInterceptor": StreamStream,
    }
    for name, kind in kinds.items():
        # A virtual subclass: gRPC asks what it is, and inherits nothing to it.
        getattr(aio, name).register(kind)
    return [kind(executor, key or key_of) for kind in kinds.values()]


class Interceptor:
    """What the interceptors share."""

    def __init__(self, executor: Executor | None, key: Callable[[str], str]) -> None:
        self._executor = executor
        self._key = key
        # Tasks that tell of streams which have just ended; each leaves by itself.
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def executor(self) -> Executor:
        """What carries the calls out."""
        return self._executor or get_executor()

    def key_of(self, details: Any) -> str:
        """The policy key of a call."""
        method: str | bytes = details.method
        return self._key(method.decode() if isinstance(method, bytes) else method)

    async def passed(self, continuation: Continuation, details: Any, sent: Any) -> Any:
        """Pass a streaming call through, and tell when it ends."""
        executor = self.executor
        timeout_s = limited(details, executor.clock)
        watch = Watch("grpc", executor.observers, executor.clock)
        told = watched(watch, self.key_of(details), timeout_s)
        # Only its name is private: it is how a named tuple is copied.
        copied = details._replace(timeout=timeout_s)  # pyright: ignore[reportPrivateUsage]
        call = await continuation(copied, sent)

        def over(done: Any) -> None:
            del done  # it may be a wrapper; the call itself is asked
            telling = asyncio.get_running_loop().create_task(_tell(told, call))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

        call.add_done_callback(over)
        return call


class UnaryUnary(Interceptor):
    """Governs unary calls."""

    async def intercept_unary_unary(
        self, continuation: Continuation, details: Any, request: Any
    ) -> Any:
        """Carry a call out; the call of its last attempt is given back, with its metadata."""
        executor = self.executor

        async def attempt() -> Any:
            running = current_attempt()
            assert running is not None  # noqa: S101 -- the executor runs it
            limit = limit_of(running)
            copied = details._replace(timeout=limit.timeout_s)  # pyright: ignore[reportPrivateUsage] -- see above
            call = await continuation(copied, request)
            try:
                await call
            except Exception as error:
                explained(error, running, limit)
                raise
            return call

        key = self.key_of(details)
        if details.timeout is None:
            return await executor.acall(key, attempt)
        with deadline(details.timeout, clock=executor.clock):
            return await executor.acall(key, attempt)


class UnaryStream(Interceptor):
    """Passes calls with a stream of answers through."""

    async def intercept_unary_stream(
        self, continuation: Continuation, details: Any, request: Any
    ) -> Any:
        """Pass the call through."""
        return await self.passed(continuation, details, request)


class StreamUnary(Interceptor):
    """Passes calls with a stream of requests through."""

    async def intercept_stream_unary(
        self, continuation: Continuation, details: Any, requests: Any
    ) -> Any:
        """Pass the call through."""
        return await self.passed(continuation, details, requests)


class StreamStream(Interceptor):
    """Passes calls with streams both ways through."""

    async def intercept_stream_stream(
        self, continuation: Continuation, details: Any, requests: Any
    ) -> Any:
        """Pass the call through."""
        return await self.passed(continuation, details, requests)


async def _tell(told: WatchedCall, call: Any) -> None:
    code = await call.code()
    ended(told, code.name, None)
