"""What a simulated run came to: its calls and attempts, as columns."""

from array import array
from enum import IntEnum

__all__ = ["Ending", "Trace"]


class Ending(IntEnum):
    """How an attempt ended."""

    OPEN = 0
    SUCCESS = 1
    CUT_OFF = 2
    ERROR = 3


class Trace:
    """What a run came to; a call's place is that of its arrival, an attempt's that of its start.

    Attributes:
        ended_s: When each call ended; NaN for one that had not when the run was stopped.
        failed: 1 for a call that failed.
        attempts: How many attempts each call made.
        retries: How many of them were retries.
        starts: When each attempt started.
        took_s: How long it was waited for.
        endings: An :class:`Ending` each.
    """

    __slots__ = ("attempts", "ended_s", "endings", "failed", "retries", "starts", "took_s")

    def __init__(self, calls: int) -> None:
        self.ended_s: array[float] = array("d", [float("nan")]) * calls
        self.failed: array[int] = array("b", bytes(calls))
        self.attempts: array[int] = array("q", bytes(8 * calls))
        self.retries: array[int] = array("q", bytes(8 * calls))
        self.starts: array[float] = array("d")
        self.took_s: array[float] = array("d")
        self.endings: array[int] = array("b")

    def began(self, at_s: float) -> int:
        """Note an attempt; gives its place."""
        self.starts.append(at_s)
        self.took_s.append(0.0)
        self.endings.append(Ending.OPEN)
        return len(self.starts) - 1

    def finished(self, place: int, now_s: float, ending: Ending) -> None:
        """Note how an attempt ended."""
        self.took_s[place] = now_s - self.starts[place]
        self.endings[place] = ending
