"""Watching redis-py, which retries ten times: every attempt is told, nothing is changed."""

import copy
import inspect
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from recourse.clock import Clock
from recourse.integrations.redis.classifier import RedisClassifier
from recourse.integrations.redis.commands import doing
from recourse.integrations.watch import Stop, Watch, WatchedCall
from recourse.observer import Observer

__all__ = ["watch"]


def watch(
    client: Any,
    observers: Sequence[Observer] | None = None,
    *,
    key: str = "redis",
    clock: Clock | None = None,
) -> Stop:
    """Tell of every command, pipeline and connection of a Redis client, sync or asyncio.

    Args:
        client: A ``redis.Redis`` or ``redis.asyncio.Redis``.
        observers: Who is told; those of the process's executor when left out.
        key: Begins the policy keys: ``redis.GET``, ``redis.PIPELINE``, ``redis.CONNECT``.
        clock: What times are read on.

    Returns:
        What ends the watch when it is called.
    """
    watching = Watch("redis", observers, clock)
    own = client.get_retry()
    client.set_retry(_watched(own, watching, key))

    def stop() -> None:
        client.set_retry(own)

    return stop


def _watched(retry: Any, watching: Watch, prefix: str) -> Any:
    """The same settings, in a class that tells what becomes of them."""
    kind: Any = retry.__class__

    def begin(do: Any) -> WatchedCall | None:
        known = doing(do)
        if known.is_done:
            return None
        retries = retry.get_retries()
        return watching.call(f"{prefix}.{known.name}", retries + 1 if retries >= 0 else 10)

    is_async = inspect.iscoroutinefunction(kind.call_with_retry)
    method = (_around_coroutine if is_async else _around)(kind, begin)
    watched = copy.copy(retry)
    # Every connection takes a deep copy, which is of the same class.
    watched.__class__ = type(kind.__name__, (kind,), {"call_with_retry": method})
    return watched


def _around(kind: Any, begin: Callable[[Any], WatchedCall | None]) -> Callable[..., Any]:
    def call_with_retry(self: Any, do: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:
        call = begin(do)
        if call is None:
            return kind.call_with_retry(self, do, *args, **kwargs)

        def attempt() -> Any:
            with _attempt(call):
                return do()

        with call:
            return kind.call_with_retry(self, attempt, *args, **kwargs)

    return call_with_retry


def _around_coroutine(kind: Any, begin: Callable[[Any], WatchedCall | None]) -> Callable[..., Any]:
    async def call_with_retry(self: Any, do: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:
        call = begin(do)
        if call is None:
            return await kind.call_with_retry(self, do, *args, **kwargs)

        async def attempt() -> Any:
            with _attempt(call):
                return await do()

        with call:
            return await kind.call_with_retry(self, attempt, *args, **kwargs)

    return call_with_retry


@contextmanager
def _attempt(call: WatchedCall) -> Generator[None]:
    call.attempt_started()
    try:
        yield
    except Exception as error:
        call.attempt_ended(RedisClassifier().classify(None, error), error)
        raise
