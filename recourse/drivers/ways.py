"""What the calls of each key go by: the short way, once their policy is known, or the plan."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar

from recourse.drivers.aio import aplanned
from recourse.drivers.hedged import HedgedCalls
from recourse.drivers.lanes import Lanes
from recourse.drivers.limited import LimitedCalls
from recourse.drivers.misuse import check_acall, check_call
from recourse.drivers.streams import adrive_stream, drive_stream
from recourse.drivers.threads import planned
from recourse.drivers.unheard import UnheardCalls
from recourse.key import PolicyKey
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Call
from recourse.plan.govern import govern
from recourse.plan.resolve import Resolver

__all__ = ["Ways"]

T = TypeVar("T")


class Ways:
    """What the calls of each key go by.

    A key has a short way once its policy is known, if that never changes. All other calls, and
    streams, are the plan's from their beginning.

    Attributes:
        calls: By the key: its calls.
        acalls: Likewise, those that are awaited.
    """

    __slots__ = ("_bind", "_hedged", "_limited", "_resolver", "_runtime", "acalls", "calls")

    def __init__(self, runtime: Runtime, resolver: Resolver) -> None:
        self._runtime = runtime
        self._resolver = resolver
        self._bind = resolver.bind
        lanes = Lanes(runtime.clock)
        self._limited = LimitedCalls(runtime, self._bind, lanes)
        self._hedged = HedgedCalls(runtime, self._bind, lanes)
        self.calls: dict[str | PolicyKey, UnheardCalls] = {}
        self.acalls: dict[str | PolicyKey, UnheardCalls] = {}

    def carry(
        self,
        key: str | PolicyKey,
        op: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> T:
        """Make a call of a key that has no short way so far, and may have one now."""
        calls = self._kept(self.calls, self._resolver.short.get(key), None)
        if calls is not None:
            return calls.call(op, args, kwargs)
        check_call(op)
        value: T = planned(self._new_call(key, partial(op, *args, **kwargs)), self._bind)
        return value

    def acarry(
        self,
        key: str | PolicyKey,
        op: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Coroutine[Any, Any, T]:
        """As :meth:`carry`, of calls that are awaited."""
        bound = self._resolver.ashort.get(key)
        timed: LimitedCalls | HedgedCalls | None = None
        if bound is not None and bound.is_timed:
            timed = self._limited if bound.hedge_s is None else self._hedged
        calls = self._kept(self.acalls, bound, timed)
        if calls is not None:
            return calls.acall(op, args, kwargs)
        return self._aplanned(key, op, args, kwargs)

    async def _aplanned(
        self,
        key: str | PolicyKey,
        op: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> T:
        check_acall(op)
        value: T = await aplanned(self._new_call(key, partial(op, *args, **kwargs)), self._bind)
        return value

    def stream(self, key: str | PolicyKey, operation: Callable[[], Any]) -> Iterator[Any]:
        """The items of a stream; nothing runs before the first one is asked for."""
        call = self._new_call(key, operation)
        call.is_stream = True
        return drive_stream(call, govern(call, self._bind))

    def astream(self, key: str | PolicyKey, operation: Callable[[], Any]) -> AsyncIterator[Any]:
        """As :meth:`stream`, awaited."""
        call = self._new_call(key, operation)
        call.is_async = call.is_stream = True
        return adrive_stream(call, govern(call, self._bind))

    def _new_call(self, key: str | PolicyKey, operation: Callable[[], Any]) -> Call:
        text = key if isinstance(key, str) and key else PolicyKey.parse(key).text
        return Call.begun(self._runtime, text, operation)

    def shut(self) -> None:
        """Have every call go the long way, where it finds the executor closed."""
        for ways in (self._resolver.short, self._resolver.ashort, self.calls, self.acalls):
            ways.clear()

    def _kept(
        self,
        ways: dict[str | PolicyKey, UnheardCalls],
        bound: Bound | None,
        timed: LimitedCalls | HedgedCalls | None,
    ) -> UnheardCalls | None:
        if bound is None:
            return None
        calls = ways[bound.key] = UnheardCalls(self._runtime, self._bind, bound, timed)
        if self._runtime.closed:
            ways.clear()  # by another thread, meanwhile
        return calls
