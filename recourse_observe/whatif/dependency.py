"""A dependency as fitted to an archive: workers, a queue with a bound, and what goes wrong from outside.

It is a number of instances, each a pool of workers behind one queue, first come first served; every
request goes to one of them at random. Work that nobody waits for any more is done all the same, or
dropped when its turn comes. What is not the load's doing (errors, a slowdown, lost workers) is a
schedule over time.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import isinf
from typing import Any, Final, NamedTuple

__all__ = ["Dependency", "Failing", "Fault", "Reply", "Server", "draw"]

_MASK: Final = (1 << 64) - 1
_ENDLESS: Final = 1 << 40
_GOLDEN: Final = 0x9E3779B97F4A7C15


class Reply(NamedTuple):
    """What a dependency answers: no reason means success."""

    reason: str = ""
    retryable: bool = True
    retry_after_s: float | None = None


_WELL: Final = Reply()


class Failing(NamedTuple):
    """A share of attempts or calls that fail, what they are told, and how long that takes."""

    share: float
    reply: Reply
    takes_s: float = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What comes from outside in one stretch of time, whatever the load is.

    Attributes:
        start_s: Since the start of the window; ``end_s`` is not included.
        slowdown: What service times are multiplied with.
        working: The part of the workers that is there.
        errors: Attempts that fail, each by its own chance.
        poison: Calls that fail at every attempt.
    """

    start_s: float
    end_s: float
    slowdown: float = 1.0
    working: float = 1.0
    errors: tuple[Failing, ...] = ()
    poison: Failing | None = None


_SHED: Final = Failing(1.0, Reply("shed"))
_OVER_QUOTA: Final = Failing(1.0, Reply("http_429"))
_QUIET: Final = Fault(start_s=0.0, end_s=float("inf"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """What the fit found.

    Attributes:
        service_s: Quantiles of the time that one worker needs, evenly spaced, least first.
        workers: How many requests an instance works on at once; 0: as many as there are.
        queue: How many may wait at an instance; ``None``: without limit.
        instances: How many there are.
        abandons: Whether work is dropped that nobody waits for when its turn comes.
        shed: What is told when the queue is full, and how long that takes.
        quota_per_s: Requests that are accepted per second between ``quota_from_s`` and
            ``quota_to_s``; ``None``: without quota.
        over_quota: What is told beyond the quota, and how long that takes.
        faults: In order of time, not overlapping.
    """

    service_s: tuple[float, ...]
    workers: int = 0
    queue: int | None = None
    instances: int = 1
    abandons: bool = False
    shed: Failing = _SHED
    quota_per_s: float | None = None
    quota_from_s: float = 0.0
    quota_to_s: float = float("inf")
    over_quota: Failing = _OVER_QUOTA
    faults: tuple[Fault, ...] = ()


def draw(seed: int, call: int, attempt: int, lane: int) -> float:
    """A number from 0 to 1 that depends on nothing but its arguments, so that two runs share it."""
    mixed = (
        seed * _GOLDEN + call * 0xBF58476D1CE4E5B9 + attempt * 0x94D049BB133111EB + lane
    ) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) / (_MASK + 1)


class _Instance:
    """One instance: how many requests it works on, and which wait."""

    __slots__ = ("busy", "waiting")

    def __init__(self) -> None:
        self.busy = 0
        self.waiting: deque[tuple[Any, float]] = deque()


class Server:
    """A dependency at work.

    Args:
        spec: What it is.
        seed: Of its draws.
        later: Has a callback called at a moment.
    """

    def __init__(
        self,
        spec: Dependency,
        seed: int,
        later: "Callable[[float, Callable[..., None], Any], None]",
    ) -> None:
        self._spec = spec
        self._seed = seed
        self._later = later
        self._workers = spec.workers or _ENDLESS
        self._instances = [_Instance() for _ in range(spec.instances)]
        self._starts = [fault.start_s for fault in spec.faults]
        self._tokens = spec.quota_per_s or 0.0
        self._tokens_at_s = 0.0
        for fault in spec.faults:
            if fault.working < 1.0 and not isinf(fault.end_s):
                later(fault.end_s, self._back, None)

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
        at = self._instance(request)
        if at.busy < self._working(now_s):
            self._begin(now_s, at, request, needs_s)
        elif spec.queue is not None and len(at.waiting) >= spec.queue:
            self._later(now_s + spec.shed.takes_s, request.answered, spec.shed.reply)
        else:
            at.waiting.append((request, needs_s))

    def refusal(self, now_s: float, request: Any) -> Failing | None:
        """What the request is told at once; ``None`` when it is taken."""
        fault = self._fault(now_s)
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

    def _instance(self, request: Any) -> _Instance:
        instances = self._instances
        if len(instances) == 1:
            return instances[0]
        chance = draw(self._seed, request.call, request.lane, 4)
        return instances[int(chance * len(instances))]

    def _working(self, now_s: float) -> int:
        """How many requests an instance works on at this moment."""
        share = self._fault(now_s).working
        return self._workers if share >= 1.0 else max(1, round(share * self._workers))

    def _begin(self, now_s: float, at: _Instance, request: Any, needs_s: float) -> None:
        at.busy += 1
        took_s = needs_s * self._fault(now_s).slowdown
        self._later(now_s + took_s, self._finish, (at, request))

    def _finish(self, done: tuple[_Instance, Any], now_s: float) -> None:
        # The worker is free before the caller knows: what the answer sets off finds it so.
        at, request = done
        at.busy -= 1
        self._take_next(now_s, at)
        request.answered(_WELL, now_s)

    def _take_next(self, now_s: float, at: _Instance) -> None:
        working = self._working(now_s)
        while at.waiting and at.busy < working:
            after, needs_s = at.waiting.popleft()
            if not (self._spec.abandons and after.left):
                self._begin(now_s, at, after, needs_s)

    def _back(self, _: None, now_s: float) -> None:
        """Workers that were lost are there again."""
        for at in self._instances:
            self._take_next(now_s, at)

    def _fault(self, now_s: float) -> Fault:
        index = bisect_right(self._starts, now_s) - 1
        if index < 0:
            return _QUIET
        fault = self._spec.faults[index]
        return fault if now_s < fault.end_s else _QUIET

    def _within_quota(self, now_s: float, rate: float) -> bool:
        """Whether the quota lets one more in: a bucket that holds a second's worth."""
        spec = self._spec
        if not spec.quota_from_s <= now_s < spec.quota_to_s:
            return True
        self._tokens = min(max(1.0, rate), self._tokens + (now_s - self._tokens_at_s) * rate)
        self._tokens_at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
