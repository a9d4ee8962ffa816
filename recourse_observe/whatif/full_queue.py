"""Reads off a record what it shows of a full queue: what was worked off, and how it had filled."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import log
from typing import Final

from recourse_observe.whatif.record import Record

__all__ = ["Full", "full_queue"]

_FULL_BIN_S: Final = 2.0
_LASTING_S: Final = 6.0
# How much likelier, as a logarithm, two rates must be than one, and how much more the second is.
_STEP: Final = 4.0
_FASTER: Final = 1.25
# How much a number may differ and be the same.
_SAME: Final = 0.07


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """What a full queue shows.

    Attributes:
        rate: Requests per second that were taken while it was full: what was worked off.
        came: Requests that were taken from the beginning of the trouble until the first was turned away.
        filling_s: How long that was.
        last_s: When the last was turned away.
        held_per_s: Requests per second with which the trouble lasted after that: more than it can
            take when it is well; 0 when it did not last.
        slow_rate: Requests per second that were taken at first, when that was less; else 0.
        slow_to_s: Until when.
        held: How many were under way each time that one was turned away; 0 when that was not the same.
    """

    rate: float
    came: int
    filling_s: float
    last_s: float
    held_per_s: float
    slow_rate: float = 0.0
    slow_to_s: float = 0.0
    held: int = 0

    def waiting(self, rate: float) -> float:
        """How many the queue holds, when so many per second were worked off while it filled."""
        return max(2.0, self.came - rate * self.filling_s)


def full_queue(record: Record, shed: frozenset[str], edges: tuple[float, float]) -> Full | None:
    """What a queue shows that was full; ``None`` when none was seen for more than a moment."""
    refused = [t.at_s for t in record.attempts if t.ran and t.reason in shed]
    taken = [t.at_s for t in record.attempts if t.ran and t.reason not in shed]
    bins: dict[int, list[int]] = {}
    for place, moments in enumerate((taken, refused)):
        for at_s in moments:
            bins.setdefault(int(at_s // _FULL_BIN_S), [0, 0])[place] += 1
    full = [(bin_, well) for bin_, (well, turned) in sorted(bins.items()) if turned > 0.1 * well]
    if len(full) < 3:  # noqa: PLR2004  # not seen more than in passing
        return None
    # The later half: while the queue fills, more is taken.
    late = sorted(well / _FULL_BIN_S for _, well in full[len(full) // 2 :])
    slow, slow_to_s = _slow_at_first(full)
    from_s, to_s = edges
    # A stray refusal before the trouble says nothing of how the queue filled.
    refused = [at_s for at_s in refused if at_s >= from_s] or refused
    last_s = refused[-1]
    after = bisect_left(taken, to_s) - bisect_left(taken, last_s)
    return Full(
        rate=late[len(late) // 2],
        came=bisect_left(taken, refused[0]) - bisect_left(taken, from_s),
        filling_s=max(0.0, refused[0] - from_s),
        last_s=last_s,
        held_per_s=after / (to_s - last_s) if to_s - last_s > _LASTING_S else 0.0,
        slow_rate=slow,
        slow_to_s=slow_to_s,
        held=_held(record, shed, refused),
    )


def _held(record: Record, shed: frozenset[str], refused: Sequence[float]) -> int:
    """How many were under way each time that one was turned away; 0 when that was not the same.

    A client sees those that it waits for. Always as many is the bound itself, and says that the others,
    which it has given up, are not there any more.
    """
    under_way = [t for t in record.attempts if t.ran and t.reason not in shed]
    starts = sorted(t.at_s for t in under_way)
    ends = sorted(t.at_s + t.duration_s for t in under_way)
    beside = sorted(bisect_left(starts, at_s) - bisect_right(ends, at_s) for at_s in refused)
    low, middle, high = (beside[int(share * len(beside))] for share in (0.1, 0.5, 0.9))
    return middle if high - low <= _SAME * middle else 0


def _slow_at_first(full: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """How much was taken of a full queue until more was, and until when; nothing when all the same.

    What is taken of a full queue is what is worked off: that it gets more shows when the trouble
    from outside was over, and that something else kept the queue full.
    """
    best, found = _STEP, (0.0, 0.0)
    taken = [0, *accumulate(well for _, well in full)]
    for place in range(1, len(full)):
        early, late = taken[place] / place, (taken[-1] - taken[place]) / (len(full) - place)
        gain = place * _worth(early) + (len(full) - place) * _worth(late)
        gain -= len(full) * _worth(taken[-1] / len(full))
        if gain > best and late > _FASTER * early:
            best, found = gain, (max(0.5, early) / _FULL_BIN_S, full[place][0] * _FULL_BIN_S)
    return found


def _worth(mean: float) -> float:
    return mean * log(mean) if mean else 0.0
