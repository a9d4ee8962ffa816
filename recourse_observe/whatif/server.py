"""A fitted dependency at work: what it refuses, and which of its instances takes the rest."""

from math import isinf
from typing import Any

from recourse_observe.whatif.dependency import Dependency, Failing, Schedule, draw
from recourse_observe.whatif.pools import Later, Pool, pool_of

__all__ = ["Server"]


class Server:
    """A dependency at work.

    Args:
        spec: What it is.
        seed: Of its draws.
        later: Has a callback called at a moment.
    """

    def __init__(self, spec: Dependency, seed: int, later: Later) -> None:
        self._spec = spec
        self._seed = seed
        self._later = later
        self._schedule = Schedule(spec.faults)
        self._pools = [pool_of(spec, self._schedule, later) for _ in range(spec.instances)]
        self._tokens = spec.quota_per_s or 0.0
        self._tokens_at_s = 0.0
        for fault in spec.faults:
            if fault.working < 1.0 or (spec.shares and fault.slowdown > 1.0):
                later(fault.start_s, self._change, None)
                if not isinf(fault.end_s):
                    later(fault.end_s, self._change, None)

    def submit(self, now_s: float, request: Any) -> None:
        """Take a request; ``request.answered`` is called when it has an answer.

        Args:
            now_s: The moment.
            request: Has ``call`` and ``lane`` (numbers), ``left`` (nobody waits for it any more) and
                ``answered(reply, now_s)``.
        """
        spec = self._spec
        refusal = self.refusal(now_s, request)
        if refusal is not None:
            self._later(now_s + refusal.takes_s, request.answered, refusal.reply)
            return
        chance = draw(self._seed, request.call, request.lane, 3)
        needs_s = spec.service_s[int(chance * len(spec.service_s))]
        if not self._pool(request).take(now_s, request, needs_s):
            self._later(now_s + spec.shed.takes_s, request.answered, spec.shed.reply)

    def leave(self, now_s: float, request: Any) -> None:
        """Nobody waits for a request any more."""
        self._pool(request).leave(now_s, request)

    def refusal(self, now_s: float, request: Any) -> Failing | None:
        """What the request is told at once; ``None`` when it is taken."""
        fault = self._schedule.at(now_s)
        poison = fault.poison
        if poison is not None and draw(self._seed, request.call, 0, 2) < poison.share:
            return poison
        if fault.errors:
            chance = draw(self._seed, request.call, request.lane, 1)
            for failing in fault.errors:
                chance -= failing.share
                if chance < 0:
                    return failing
        rate = self._spec.quota_per_s
        return None if rate is None or self._within_quota(now_s, rate) else self._spec.over_quota

    def _pool(self, request: Any) -> Pool:
        pools = self._pools
        if len(pools) == 1:
            return pools[0]
        chance = draw(self._seed, request.call, request.lane, 4)
        return pools[int(chance * len(pools))]

    def _change(self, _: None, now_s: float) -> None:
        """What comes from outside is another thing from now on."""
        for pool in self._pools:
            pool.change(now_s)

    def _within_quota(self, now_s: float, rate: float) -> bool:
        """Whether the quota lets one more in: a bucket that holds what is kept for later."""
        spec = self._spec
        if not spec.quota_from_s <= now_s < spec.quota_to_s:
            return True
        most = max(1.0, rate * spec.quota_spare_s)
        self._tokens = min(most, self._tokens + (now_s - self._tokens_at_s) * rate)
        self._tokens_at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
