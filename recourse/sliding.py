"""A sum over the last seconds, kept in a bounded number of slices."""

import math
from typing import Final

__all__ = ["SlidingSum"]

SLICES: Final = 10


class SlidingSum:
    """The sum of what was added within a window that moves with time. Not safe for threads.

    The window moves in tenths: an amount counts for at least nine tenths of the window and at most
    the whole of it. Time that goes back is taken for the latest time seen.
    """

    __slots__ = ("_slice", "_slice_s", "_sums", "_total")

    def __init__(self, window_s: float) -> None:
        self._slice_s = window_s / SLICES
        self.clear()

    def clear(self) -> None:
        """Forget everything, the latest time included."""
        self._slice = -math.inf
        self._sums: dict[float, int] = {}
        self._total = 0

    def add(self, amount: int, now_s: float) -> int:
        """Count ``amount``, which may be negative, from now on; gives the new total."""
        self._advance(now_s)
        self._sums[self._slice] = self._sums.get(self._slice, 0) + amount
        self._total += amount
        return self._total

    def total(self, now_s: float) -> int:
        """What was added within the window."""
        self._advance(now_s)
        return self._total

    def _advance(self, now_s: float) -> None:
        current = now_s // self._slice_s
        if current > self._slice:
            self._slice = current
            for old in [start for start in self._sums if start <= current - SLICES]:
                self._total -= self._sums.pop(old)

    def __repr__(self) -> str:
        return f"SlidingSum(window_s={self._slice_s * SLICES:g}, total={self._total})"
