"""Where a share rises and falls: the cumulative-sum test over counts, pure.

For calls that are bad with probability ``p0`` in good times and ``p1`` in bad ones, the sum of
log-likelihood ratios falls before a spell and rises in it. A spell begins at the sum's lowest
point and ends at its highest, so both edges are as exact as the data, whatever the thresholds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

__all__ = ["Spell", "edge_after_low", "edge_at_peak", "raised", "spells"]

_ALARM: Final = 12.0  # nats: e**-12 is how often chance alone looks like this
_CLEAR: Final = 8.0
_GAPS: Final = 5  # times the usual one: so long a gap between two rows of a sample is no chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """Steps ``first`` to ``last``, both inside, in which the share was raised.

    Attributes:
        score: Nats of evidence: how much likelier the counts are in a bad time.
    """

    first: int
    last: int
    score: float


def raised(p0: float) -> float:
    """The share that is worth an alarm when ``p0`` is usual.

    >>> round(raised(0.001), 3), round(raised(0.3), 3)
    (0.06, 0.487)
    """
    return min(0.98, p0 + 0.05 + 0.3 * math.sqrt(p0 * (1 - p0)))


def spells(
    counts: Sequence[tuple[int, int]], p0: float, p1: float | None = None, weight: int = 1
) -> list[Spell]:
    """The spells of a series.

    Args:
        counts: For each step, how many there were and how many of them were bad.
        p0: The usual share of bad ones, greater than 0.
        p1: The share that is worth an alarm; see :func:`raised` when it is left out.
        weight: How many good calls one row stands for: a sample keeps every bad call, and the
            good ones come in lumps.

    >>> spells([(10, 0)] * 5 + [(10, 9)] * 3 + [(10, 0)] * 20, 0.01)[0].first
    5
    """
    p1 = raised(p0) if p1 is None else p1
    gain, loss = math.log(p1 / p0), math.log((1 - p0) / (1 - p1))
    alarm = _ALARM + (_GAPS * weight * loss if weight > 1 else 0.0)
    found: list[Spell] = []
    total = low = peak = 0.0
    first = last = 0
    alarmed = False
    for step, (count, bad) in enumerate(counts):
        total += bad * gain - (count - bad) * loss
        if not alarmed and total <= low:
            low, first = total, step + 1
        elif not alarmed and total - low >= alarm:
            alarmed, peak, last = True, total, step
        elif alarmed and total >= peak:
            peak, last = total, step
        elif alarmed and peak - total >= _CLEAR:
            found.append(Spell(first=first, last=last, score=peak - low))
            alarmed, low, first = False, total, step + 1
    if alarmed:
        found.append(Spell(first=first, last=last, score=peak - low))
    return found


def edge_after_low(flags: Sequence[bool], p0: float, p1: float, weights: Sequence[int] = ()) -> int:
    """Which of these calls is the first of a bad time: the one after the sum's lowest point.

    Args:
        flags: Whether each call was bad.
        p0: The share of bad calls in good times.
        p1: The share in bad times.
        weights: How many calls each stands for; one each, when none are given.

    >>> edge_after_low([False] * 6 + [True, False, True, True], 0.01, 0.5)
    6
    """
    sums = _sums(flags, p0, p1, weights or [1] * len(flags))
    lowest = min(range(len(sums)), key=lambda i: (sums[i], -i))
    return min(lowest, len(flags) - 1)


def edge_at_peak(flags: Sequence[bool], p0: float, p1: float, weights: Sequence[int] = ()) -> int:
    """Which of these calls is the last of a bad time: the one at the sum's highest point.

    >>> edge_at_peak([True, True, False, True, False, False], 0.01, 0.5)
    3
    """
    sums = _sums(flags, p0, p1, weights or [1] * len(flags))
    highest = max(range(len(sums)), key=lambda i: (sums[i], -i))
    return max(0, highest - 1)


def _sums(flags: Sequence[bool], p0: float, p1: float, weights: Sequence[int]) -> list[float]:
    """The running sum before each call, and after the last one."""
    gain, loss = math.log(p1 / p0), math.log((1 - p0) / (1 - p1))
    steps = ((gain if bad else -loss) * weight for bad, weight in zip(flags, weights, strict=True))
    return list(accumulate(steps, initial=0.0))
