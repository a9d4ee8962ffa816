"""The short way: keys whose policy is known and never changes, and what their calls go by."""

from recourse.drivers.hedged import HedgedCalls
from recourse.drivers.lanes import Lanes
from recourse.drivers.limited import LimitedCalls
from recourse.drivers.unheard import UnheardCalls
from recourse.key import PolicyKey
from recourse.plan.bound import Bound, Runtime
from recourse.plan.resolve import Resolver

__all__ = ["ShortWays"]


class ShortWays:
    """What the calls of each key go by, once the key has a short way.

    Attributes:
        calls: By the key: its calls.
        acalls: Likewise, those that are awaited.
    """

    __slots__ = ("_hedged", "_limited", "_resolver", "_runtime", "acalls", "calls")

    def __init__(self, runtime: Runtime, resolver: Resolver) -> None:
        self._runtime = runtime
        self._resolver = resolver
        lanes = Lanes(runtime.clock)
        self._limited = LimitedCalls(runtime, resolver.bind, lanes)
        self._hedged = HedgedCalls(runtime, resolver.bind, lanes)
        self.calls: dict[str | PolicyKey, UnheardCalls] = {}
        self.acalls: dict[str | PolicyKey, UnheardCalls] = {}

    def opened(self, key: str | PolicyKey) -> UnheardCalls | None:
        """What the calls of this key go by from now on; ``None`` while it has no short way."""
        return self._kept(self.calls, self._resolver.short.get(key), None)

    def aopened(self, key: str | PolicyKey) -> UnheardCalls | None:
        """As :meth:`opened`, of calls that are awaited."""
        bound = self._resolver.ashort.get(key)
        if bound is None or not bound.is_timed:
            return self._kept(self.acalls, bound, None)
        timed = self._limited if bound.hedge_s is None else self._hedged
        return self._kept(self.acalls, bound, timed)

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
        runtime, bind = self._runtime, self._resolver.bind
        calls = UnheardCalls(runtime, bind, bound, timed)
        ways[bound.key] = calls
        if runtime.closed:
            ways.clear()  # by another thread, meanwhile
        return calls
