"""From what the signs weigh to a confidence that is right as often as it says. Pure.

The table is monotone and was fitted on what was told of the laboratory's development set (seed 3, 67
archives with 54 incidents): of those with a weight of 0.95 and more 97 % were right, of those from
0.6 to 0.95 86 %, and none below. To fit it anew, score a development set with the identity as the
table, and take the part that was right in each band.
"""

from bisect import bisect_right
from typing import Final

__all__ = ["calibrated"]

_TABLE: Final = (
    (0.0, 0.0),
    (0.3, 0.2),
    (0.5, 0.45),
    (0.65, 0.8),
    (0.9, 0.87),
    (0.97, 0.97),
    (1.0, 0.98),
)


def calibrated(weight: float) -> float:
    """How often a cause of this weight, between 0 and 1, is the right one.

    >>> calibrated(0.0), round(calibrated(0.775), 3), calibrated(1.0)
    (0.0, 0.835, 0.98)
    """
    place = min(bisect_right(_TABLE, (weight, 2.0)), len(_TABLE) - 1)
    (low, below), (high, above) = _TABLE[place - 1], _TABLE[place]
    return below + (above - below) * (weight - low) / (high - low)
