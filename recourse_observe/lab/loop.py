"""Virtual time for coroutines: the smallest event loop that the asyncio driver can run on.

Nothing is ever waited for: when nobody is ready, time jumps to the next timer. There are no
sockets, threads or signals, so a timer costs a heap entry and a step costs a call.
"""

import asyncio
import contextvars
import heapq
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, cast

from recourse.clock import Mailbox, SystemClock, wake_up

__all__ = ["LabClock", "LabLoop", "Timer"]

T = TypeVar("T")
NS: Final = 1_000_000_000


class Timer:
    """A callback that is due at some moment."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Let it not be called any more."""
        self._callback = None

    def ring(self) -> None:
        """Call it, unless it was cancelled."""
        if self._callback is not None:
            self._callback()


class LabLoop:
    """An event loop whose time is virtual; what is due at one moment happens in the order asked for.

    Of asyncio's interface it has what futures, tasks and the executor's driver ask for.

    Attributes:
        now_s: Seconds since the beginning of the run.
        problems: What tasks reported that nobody awaited.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.problems: list[dict[str, Any]] = []
        self._ready: deque[tuple[contextvars.Context, Callable[..., object], tuple[Any, ...]]] = (
            deque()
        )
        self._timers: list[tuple[float, int, Timer]] = []
        self._number = 0

    def run_for(self, until_s: float) -> None:
        """Let everything happen that is due before ``until_s``, and stop there.

        Raises:
            RuntimeError: Another event loop runs in this thread.
        """
        if asyncio._get_running_loop() is not None:  # noqa: SLF001  # documented for authors of event loops
            message = "an event loop runs in this thread already; the laboratory needs one without"
            raise RuntimeError(message)
        asyncio._set_running_loop(self._as_loop())  # noqa: SLF001  # likewise
        try:
            self._spin(until_s)
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001  # likewise

    def _spin(self, until_s: float) -> None:
        ready, timers, pop = self._ready, self._timers, heapq.heappop
        while True:
            while ready:
                context, callback, args = ready.popleft()
                context.run(callback, *args)
            if not timers or timers[0][0] > until_s:
                break
            self.now_s, _, timer = pop(timers)
            timer.ring()
        self.now_s = max(self.now_s, until_s)

    def time(self) -> float:
        """Seconds since the beginning of the run."""
        return self.now_s

    def at(self, when_s: float, callback: Callable[[], object]) -> Timer:
        """Have ``callback`` called at a moment, at once when it has passed."""
        timer = Timer(callback)
        self._number += 1
        heapq.heappush(self._timers, (max(when_s, self.now_s), self._number, timer))
        return timer

    def call_soon(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> None:
        """Have ``callback`` called before time moves on."""
        # An empty context is false: it must not be taken for none.
        inside = contextvars.copy_context() if context is None else context
        self._ready.append((inside, callback, args))

    def call_soon_threadsafe(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> None:
        """The same: there is only one thread."""
        self.call_soon(callback, *args, context=context)

    def create_future(self) -> "asyncio.Future[Any]":
        """A future of this loop."""
        return asyncio.Future(loop=self._as_loop())

    def create_task(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> "asyncio.Task[T]":
        """A task of this loop."""
        return asyncio.Task(coro, loop=self._as_loop(), name=name, context=context)

    def _as_loop(self) -> asyncio.AbstractEventLoop:
        return cast("asyncio.AbstractEventLoop", self)

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """Always: it is only asked from inside."""
        return True

    def is_closed(self) -> bool:
        """Never."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody awaited, for whoever ran the loop."""
        self.problems.append(context)


class LabClock:
    """A process's clock on the loop's time; its wall clock may be wrong.

    Args:
        loop: Whose time it is.
        start_unix_ns: Wall time at second 0.
        skew_s: How far this process's wall clock is ahead.
    """

    def __init__(self, loop: LabLoop, start_unix_ns: int, skew_s: float = 0.0) -> None:
        self._loop = loop
        self._start_unix_ns = start_unix_ns + round(skew_s * NS)
        self.monotonic_s: Callable[[], float] = loop.time

    def time_unix_ns(self) -> int:
        """Wall time as this process sees it."""
        return self._start_unix_ns + round(self._loop.now_s * NS)

    def mailbox(self) -> Mailbox:
        """A mailbox that nobody waits at: there is one thread."""
        return SystemClock().mailbox()

    def spawn(self, target: Callable[[], None], name: str) -> threading.Thread:
        """Refused: a thread would not follow virtual time."""
        del target
        message = f"thread {name!r} cannot run in the laboratory; use coroutines"
        raise RuntimeError(message)

    def sleep(self, seconds: float, mailbox: Mailbox) -> Any:
        """Refused, likewise."""
        del mailbox
        message = f"a wait of {seconds:g} s would stop the laboratory; use coroutines"
        raise RuntimeError(message)

    async def asleep(self, seconds: float, wake: "asyncio.Future[None]") -> None:
        """Wait until a moment, or until ``wake`` is done."""
        timer = self._loop.at(self._loop.now_s + seconds, lambda: wake_up(wake))
        try:
            await wake
        finally:
            timer.cancel()

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> Timer:
        """Have ``callback`` called after ``seconds``."""
        del loop
        return self._loop.at(self._loop.now_s + seconds, callback)
