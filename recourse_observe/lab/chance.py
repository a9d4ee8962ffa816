"""Chance as a function: every draw follows from the seed and from what it is drawn for.

Two runs of the same seed draw the same numbers for the same call, attempt and hedge, whatever else
happens in them, so that they differ only in what was changed (common random numbers).
"""

import math
from enum import IntEnum
from statistics import NormalDist
from typing import Final

__all__ = ["Chance", "Stream"]

_MASK: Final = (1 << 64) - 1
_ODD: Final = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
_NORMAL: Final = NormalDist()


class Stream(IntEnum):
    """What a number is drawn for; draws of different streams have nothing to do with each other."""

    ARRIVAL = 1
    THINNING = 2
    PROCESS = 3
    INSTANCE = 4
    SERVICE = 5
    BACKOFF = 6
    ERROR = 7
    CLIENT_ERROR = 8
    FAULT = 9
    POISON = 10
    UPSTREAM = 11
    NAME = 12
    SPREAD = 13


class Chance:
    """Draws numbers of one seed.

    >>> Chance(7).unit(Stream.SERVICE, 1, 2) == Chance(7).unit(Stream.SERVICE, 1, 2)
    True

    Args:
        seed: Any integer.
    """

    __slots__ = ("_start",)

    def __init__(self, seed: int) -> None:
        self._start = _mixed(_mixed(seed & _MASK) ^ _ODD[0])

    def unit(self, stream: int, number: int, attempt: int = 0, hedge: int = 0) -> float:
        """A number above 0 and below 1, evenly spread.

        Args:
            stream: What it is for.
            number: Whose it is: a call's, mostly.
            attempt: Of which attempt, or which of several draws.
            hedge: Of which hedge.
        """
        x = self._start + stream * _ODD[0] + number * _ODD[1] + attempt * _ODD[2] + hedge * _ODD[3]
        return ((_mixed(x & _MASK) >> 11) + 0.5) / 9007199254740992.0

    def normal(self, stream: int, number: int, attempt: int = 0, hedge: int = 0) -> float:
        """A number of the standard normal distribution."""
        return _NORMAL.inv_cdf(self.unit(stream, number, attempt, hedge))

    def gap_s(self, stream: int, number: int, attempt: int, per_s: float) -> float:
        """Seconds between two arrivals of a Poisson process, ``per_s`` of them a second."""
        return -math.log(self.unit(stream, number, attempt)) / per_s


def _mixed(x: int) -> int:
    """The finalizer of SplitMix64: every bit of the input moves half of the output's."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)
