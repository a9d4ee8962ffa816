"""The last attempts, by number or by time: how many there were, and how many of them were bad."""

from collections import deque

from recourse.sliding import SlidingSum

__all__ = ["CountWindow", "TimeWindow"]


class CountWindow:
    """The last ``size`` attempts."""

    __slots__ = ("_attempts", "_bad", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self.clear()

    def add(self, at_s: float, *, bad: bool) -> tuple[int, int]:  # noqa: ARG002  # the shape of every window
        """Count one attempt; the bad and all in the window."""
        if len(self._attempts) == self._size:
            self._bad -= self._attempts.popleft()
        self._attempts.append(bad)
        self._bad += bad
        return self._bad, len(self._attempts)

    def clear(self) -> None:
        """Forget every attempt."""
        self._attempts: deque[bool] = deque()
        self._bad = 0


class TimeWindow:
    """The attempts of the last ``window_s`` seconds, to a tenth of the window."""

    __slots__ = ("_all", "_bad")

    def __init__(self, window_s: float) -> None:
        self._bad = SlidingSum(window_s)
        self._all = SlidingSum(window_s)

    def add(self, at_s: float, *, bad: bool) -> tuple[int, int]:
        """Count one attempt; the bad and all in the window."""
        return self._bad.add(bad, at_s), self._all.add(1, at_s)

    def clear(self) -> None:
        """Forget every attempt."""
        self._bad.clear()
        self._all.clear()
