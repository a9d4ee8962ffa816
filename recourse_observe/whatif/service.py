"""Service times from attempts of which some were cut off before their end."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

__all__ = ["service_quantiles"]

_POINTS: Final = 400
_NORMAL: Final = NormalDist()
_LONGER: Final = 1.02


def service_quantiles(samples: Sequence[tuple[float, bool]]) -> tuple[float, ...]:
    """Evenly spaced quantiles of service time, after Kaplan and Meier.

    Where too many attempts were cut off to see the tail, it goes on as the tail of the log-normal
    distribution that meets the quantiles which were seen.

    Args:
        samples: How long each attempt was waited for, and whether it was cut off then.
    """
    ordered = sorted(samples)
    seen = [seconds for seconds, cut in ordered if not cut]
    if not seen:
        return (max((seconds for seconds, _ in ordered), default=0.01),)
    if len(seen) == len(ordered):
        return tuple(seen[int((i + 0.5) / _POINTS * len(seen))] for i in range(_POINTS))
    known = _survived(ordered)
    mean, spread = _log_normal(known)
    # What was cut off would have taken longer than that, however the tail may go on.
    cut_s = _LONGER * next(seconds for seconds, cut in ordered if cut)
    return tuple(
        max(_at(share, known, mean, spread), cut_s if share >= known[-1][0] else 0.0)
        for share in ((i + 0.5) / _POINTS for i in range(_POINTS))
    )


def _survived(ordered: Sequence[tuple[float, bool]]) -> list[tuple[float, float]]:
    """Durations with the share of attempts that need no longer."""
    at_risk, outlasting, known = len(ordered), 1.0, list[tuple[float, float]]()
    for seconds, cut in ordered:
        if not cut:
            outlasting -= outlasting / at_risk
            known.append((1.0 - outlasting, max(seconds, 1e-6)))
        at_risk -= 1
    return known


def _log_normal(known: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean and spread of the logarithm, by least squares of the quantiles."""
    step = max(1, len(known) // _POINTS)
    points = [
        (_NORMAL.inv_cdf(share), math.log(seconds))
        for share, seconds in known[::step]
        if 0.02 < share < 0.98  # noqa: PLR2004  # the ends of a sample say little
    ]
    if len(points) < 3:  # noqa: PLR2004  # no line through fewer
        return math.log(known[len(known) // 2][1]), 0.4
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    square = sum((x - middle_x) ** 2 for x, _ in points)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / square
    return middle_y - slope * middle_x, max(0.01, slope)


def _at(share: float, known: Sequence[tuple[float, float]], mean: float, spread: float) -> float:
    last_share, last = known[-1]
    if share >= last_share:
        return max(last, math.exp(mean + spread * _NORMAL.inv_cdf(share)))
    low, high = 0, len(known) - 1
    while low < high:
        middle = (low + high) // 2
        if known[middle][0] < share:
            low = middle + 1
        else:
            high = middle
    return known[low][1]
