"""A dependency as fitted to an archive: workers, a queue with a bound, and what goes wrong from outside.

It is a number of instances, each a pool of workers; every request goes to one of them at random, and is
worked on when its turn comes, or at once together with all others. Work that nobody waits for any more is
done all the same, or dropped. What is not the load's doing (errors, a slowdown, lost workers) is a
schedule over time.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["Dependency", "Failing", "Fault", "Reply", "Schedule", "draw"]

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15


class Reply(NamedTuple):
    """What a dependency answers: no reason means success."""

    reason: str = ""
    retryable: bool = True
    retry_after_s: float | None = None


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
        workers: How many requests an instance works on at full pace; 0: as many as there are.
        queue: How many more an instance takes; ``None``: without limit.
        instances: How many there are.
        shares: Whether the workers are shared by all that were taken; else requests wait for one.
        abandons: Whether work is dropped that nobody waits for: at once when it is shared, else when
            its turn comes.
        shed: What is told when the queue is full, and how long that takes.
        quota_per_s: Requests that are accepted per second between ``quota_from_s`` and
            ``quota_to_s``; ``None``: without quota.
        quota_spare_s: For how long what was not asked for is kept for later.
        over_quota: What is told beyond the quota, and how long that takes.
        faults: In order of time, not overlapping.
    """

    service_s: tuple[float, ...]
    workers: int = 0
    queue: int | None = None
    instances: int = 1
    shares: bool = False
    abandons: bool = False
    shed: Failing = _SHED
    quota_per_s: float | None = None
    quota_from_s: float = 0.0
    quota_to_s: float = float("inf")
    quota_spare_s: float = 1.0
    over_quota: Failing = _OVER_QUOTA
    faults: tuple[Fault, ...] = ()


class Schedule:
    """What comes from outside, by the moment."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self._starts = [fault.start_s for fault in faults]

    def at(self, now_s: float) -> Fault:
        """What comes from outside at a moment; nothing where nothing is known."""
        index = bisect_right(self._starts, now_s) - 1
        if index < 0:
            return _QUIET
        fault = self._faults[index]
        return fault if now_s < fault.end_s else _QUIET


def draw(seed: int, call: int, attempt: int, lane: int) -> float:
    """A number from 0 to 1 that depends on nothing but its arguments, so that two runs share it."""
    mixed = (
        seed * _GOLDEN + call * 0xBF58476D1CE4E5B9 + attempt * 0x94D049BB133111EB + lane
    ) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) / (_MASK + 1)
