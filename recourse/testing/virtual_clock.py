"""A clock under a test's control."""

import asyncio
import contextvars
import selectors
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, TypeVar, TypeVarTuple

from recourse.clock import Alarm, Mailbox, wake_up
from recourse.duration import seconds as duration_s
from recourse.errors import RecourseError
from recourse.testing.turns import Turns, VirtualMailbox

__all__ = ["VirtualClock"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
NS: Final = 1_000_000_000


class VirtualClock:
    """Time that moves only when somebody waits, so that an hour takes no time.

    A wait in a thread advances it at once, unless threads that it has spawned still run: then it
    waits for them first, and the earliest wait of all is served first. On an event loop, see
    :meth:`run`.

    >>> clock = VirtualClock()
    >>> clock.advance(1.5)
    >>> clock.monotonic_s(), clock.time_unix_ns()
    (1.5, 1500000000)

    Args:
        start_unix_ns: Wall time at second 0.

    Attributes:
        sleeps: The waits that calls have taken between attempts, in seconds.
    """

    def __init__(self, start_unix_ns: int = 0) -> None:
        self._start_unix_ns = start_unix_ns
        self._turns = Turns()
        self._loop: _VirtualLoop | None = None
        self.sleeps: list[float] = []

    def monotonic_s(self) -> float:
        """Seconds since the clock was made."""
        return self._turns.now_s

    def time_unix_ns(self) -> int:
        """The start plus the seconds that have passed."""
        return self._start_unix_ns + round(self._turns.now_s * NS)

    def advance(self, seconds: float | timedelta) -> None:
        """Let time pass, as an operation does that takes its time.

        Raises:
            ValueError: ``seconds`` is negative, or no finite duration.
        """
        passing_s = duration_s("seconds", seconds)
        if passing_s < 0:
            message = f"advance {seconds!r} would turn the clock back; use 0 or more"
            raise ValueError(message)
        self.mailbox().take(passing_s)

    def mailbox(self) -> Mailbox:
        """A mailbox whose waits follow this clock."""
        return VirtualMailbox(self._turns)

    def spawn(self, target: Callable[[], None], name: str) -> threading.Thread:
        """Start a daemon thread whose waits follow this clock."""
        thread = _VirtualThread(self._turns, target, name)
        thread.start()
        return thread

    def sleep(self, seconds: float, mailbox: Mailbox) -> Any:
        """Wait in a thread, unless something is posted before: then that."""
        self.sleeps.append(seconds)
        return mailbox.take(seconds)

    async def asleep(self, seconds: float, wake: "asyncio.Future[None]") -> None:
        """Wait in a coroutine: on this clock's loop for the timer, elsewhere by moving on at once."""
        self.sleeps.append(seconds)
        loop = asyncio.get_running_loop()
        alarm = self.call_later(loop, seconds, lambda: wake_up(wake))
        if loop is not self._loop:
            self.advance(seconds)
        try:
            await wake
        finally:
            alarm.cancel()

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> Alarm:
        """On this clock's loop a timer; on another one, called when :meth:`advance` has come by."""
        if loop is self._loop:
            return loop.call_later(seconds, callback)
        alarm = _ForeignAlarm(loop, callback)
        self._turns.ring(seconds, alarm.ring)
        return alarm

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on an event loop whose time is this clock: every timer jumps.

        Raises:
            RecourseError: The clock runs a loop already.
        """
        if self._loop is not None:
            coroutine.close()
            message = "this clock runs a loop already; await inside it instead"
            raise RecourseError(message)
        self._loop = loop = _VirtualLoop(self._turns)
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                return runner.run(coroutine)
        finally:
            self._loop = None

    def __repr__(self) -> str:
        return f"VirtualClock(now_s={self._turns.now_s:g})"


class _VirtualThread(threading.Thread):
    """A thread that is joined in virtual time."""

    def __init__(self, turns: Turns, target: Callable[[], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._turns = turns
        self._work = target
        self._ended = VirtualMailbox(turns)

    def start(self) -> None:
        self._turns.count()
        super().start()

    def run(self) -> None:
        self._turns.work(self._work, self._ended)

    def join(self, timeout: float | None = None) -> None:
        # What is posted once is put back for others who join.
        if self._ended.take(timeout) is not None:
            self._ended.post(self)
            super().join()


class _ForeignAlarm:
    """A timer on a loop that knows nothing of virtual time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback: Callable[[], None] | None = callback

    def ring(self) -> None:
        if self._callback is not None:
            with suppress(RuntimeError):  # a loop that is gone needs no call
                self._loop.call_soon_threadsafe(self._callback)

    def cancel(self) -> None:
        self._callback = None


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a virtual clock: where it would wait, time moves on instead."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        super().__init__(_VirtualSelector(turns, self._rouse))

    def time(self) -> float:
        return self._turns.now_s

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        # Time must not move on before the loop has taken what another thread has for it.
        self._turns.interrupt_idling()
        return handle

    def _rouse(self) -> None:
        super().call_soon_threadsafe(_nothing)


class _VirtualSelector(selectors.DefaultSelector):
    """Looks for real input without waiting; waits in virtual time only."""

    def __init__(self, turns: Turns, rouse: Callable[[], None]) -> None:
        super().__init__()
        self._turns = turns
        self._rouse = rouse

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        return self._turns.idle(timeout, super().select, self._rouse)


def _nothing() -> None:
    return None
