"""Limits of attempts on event loops: one timer for all attempts that have equally long."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from recourse.clock import Alarm, Clock, SystemClock

__all__ = ["Lane", "Lanes"]

Task: TypeAlias = asyncio.Task[Any]

# So close to its limit an attempt has reached it: timers may be early by their clock's resolution.
_CLOSE_S: Final = 1e-6


class Lane:
    """Attempts on one event loop that have equally long: who began first is due first.

    Most attempts end long before their limit, so what must be cheap is to come and to go: both are
    a dictionary's. The timer stays where it is when an attempt ends. When it rings, who is due is
    cancelled, and it is set for who is due next; when nobody is there, the lane is closed.

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
        self._armed: dict[object, tuple[float, Task | None]] = {}
        self._timer: Alarm | None = None

    def arm(self, attempt: object, limit_s: float, task: Task | None) -> None:
        """Have ``task`` cancelled at ``limit_s``, unless the attempt has ended before.

        Args:
            attempt: Known by its identity.
            limit_s: Not before the limit of who has come earlier.
            task: Where the attempt runs; ``None``: in none, so nothing can be cancelled.
        """
        self._armed[attempt] = limit_s, task
        if self._timer is None:
            self._set(limit_s)

    def disarm(self, attempt: object) -> bool:
        """Let an attempt go that has ended; whether it has before its limit."""
        in_time = self._armed.pop(attempt, None) is not None
        if not self._keeps and not self._armed and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._close()
        return in_time

    def _set(self, limit_s: float) -> None:
        left_s = max(0.0, limit_s - self._clock.monotonic_s())
        self._timer = self._clock.call_later(self._loop, left_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        until_s = self._clock.monotonic_s() + _CLOSE_S
        due: list[object] = []
        for attempt, (limit_s, _) in self._armed.items():
            if limit_s > until_s:
                self._set(limit_s)
                break
            due.append(attempt)
        for attempt in due:
            _, task = self._armed.pop(attempt)
            if task is not None:
                task.cancel()
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
