"""Moments of attempts on event loops: one timer for all that have equally long until theirs."""

import asyncio
from collections.abc import Callable
from typing import Final

from recourse.clock import Alarm, Clock, SystemClock

__all__ = ["Lane", "Lanes"]

# So close to its moment it has come: timers may be early by their clock's resolution.
_CLOSE_S: Final = 1e-6


class Lane:
    """Attempts on one event loop that have equally long: who began first is due first.

    Most attempts end long before their moment comes, so what must be cheap is to come and to go:
    both are a dictionary's. The timer stays where it is when an attempt ends. When it rings, who is
    due is called, and it is set for who is due next; when nobody is there, the lane is closed.

    Args:
        clock: Whose time it is.
        loop: Where the attempts run.
        close: Forgets the lane.
    """

    __slots__ = ("_armed", "_clock", "_close", "_keeps", "_loop", "_timer")

    def __init__(
        self, clock: Clock, loop: asyncio.AbstractEventLoop, close: Callable[[], object]
    ) -> None:
        self._clock = clock
        self._loop = loop
        self._close = close
        # Simulated time would move on to a timer that rings for nobody.
        self._keeps = isinstance(clock, SystemClock)
        self._armed: dict[object, tuple[float, Callable[[], object]]] = {}
        self._timer: Alarm | None = None

    def arm(self, attempt: object, due_s: float, ring: Callable[[], object]) -> None:
        """Have ``ring`` called at ``due_s``, unless the attempt has ended before.

        Args:
            attempt: Known by its identity.
            due_s: Not before who has come earlier is due.
            ring: Does not wait, and raises nothing.
        """
        self._armed[attempt] = due_s, ring
        if self._timer is None:
            self._set(due_s)

    def disarm(self, attempt: object) -> bool:
        """Let an attempt go that has ended; whether it has in time."""
        in_time = self._armed.pop(attempt, None) is not None
        if not self._keeps and not self._armed and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._close()
        return in_time

    def _set(self, due_s: float) -> None:
        left_s = max(0.0, due_s - self._clock.monotonic_s())
        self._timer = self._clock.call_later(self._loop, left_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        until_s = self._clock.monotonic_s() + _CLOSE_S
        due: list[object] = []
        for attempt, (due_s, _) in self._armed.items():
            if due_s > until_s:
                self._set(due_s)
                break
            due.append(attempt)
        for attempt in due:
            self._armed.pop(attempt)[1]()
        if self._timer is None:
            self._close()


class Lanes:
    """The lanes of an executor, by event loop and length."""

    __slots__ = ("_clock", "_lanes")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lanes: dict[asyncio.AbstractEventLoop, dict[float, Lane]] = {}

    def lane(self, loop: asyncio.AbstractEventLoop, length_s: float) -> Lane:
        """Where attempts on ``loop`` go that have ``length_s``; opened when there is none."""
        try:
            return self._lanes[loop][length_s]
        except KeyError:
            return self._opened(loop, length_s)

    def _opened(self, loop: asyncio.AbstractEventLoop, length_s: float) -> Lane:
        for gone in [each for each in list(self._lanes) if each.is_closed()]:
            self._lanes.pop(gone, None)
        lanes = self._lanes.setdefault(loop, {})
        lane = lanes[length_s] = Lane(self._clock, loop, lambda: lanes.pop(length_s, None))
        return lane

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))
