"""The only place that reads a real clock, waits for real, or starts a thread.

Everything else asks a :class:`Clock`, so that a test, the laboratory or a replay can put time under
its own control (``recourse.testing.VirtualClock``).
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

__all__ = ["Alarm", "Clock", "Mailbox", "SystemClock"]


class Alarm(Protocol):
    """A callback that is due at some time."""

    def cancel(self) -> None:
        """Let it not be called any more."""
        ...


class Mailbox(Protocol):
    """Where one thread waits for what other threads post."""

    def post(self, item: Any) -> None:
        """Put one item in; never blocks."""
        ...

    def take(self, timeout_s: float | None) -> Any:
        """The oldest item, or ``None`` after ``timeout_s`` seconds (``None``: wait for ever)."""
        ...


class Clock(Protocol):
    """Time, waiting, and the threads that wait."""

    def monotonic_s(self) -> float:
        """Seconds on a clock that never goes back; only differences mean something."""
        ...

    def time_unix_ns(self) -> int:
        """Wall time, nanoseconds since 1970 in UTC."""
        ...

    def mailbox(self) -> Mailbox:
        """A new mailbox whose waits follow this clock."""
        ...

    def spawn(self, target: Callable[[], None], name: str) -> threading.Thread:
        """Start a daemon thread whose waits follow this clock."""
        ...

    def sleep(self, seconds: float, mailbox: Mailbox) -> Any:
        """Wait in a thread, unless something is posted before: then that."""
        ...

    async def asleep(self, seconds: float, wake: asyncio.Future[None]) -> None:
        """Wait in a coroutine, until ``wake`` is done at the latest."""
        ...

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> Alarm:
        """Have ``callback`` called on ``loop`` after ``seconds``."""
        ...


class _LockMailbox:
    """Items, and a lock that is free while there may be some.

    Not a ``queue.SimpleQueue``: in CPython 3.11 its ``get`` waits for ever when the timeout passes
    between its two looks at the clock, as one of a microsecond or an untimely signal makes it.
    """

    __slots__ = ("_items", "_none_yet")

    def __init__(self) -> None:
        # A deque would take its first block from the system: most mailboxes never hold an item.
        self._items: list[Any] = []
        self._none_yet: threading.Lock | None = None

    def post(self, item: Any) -> None:
        self._items.append(item)
        none_yet = self._none_yet
        if none_yet is not None:
            # It is free already when the last item has been taken without a wait.
            with suppress(RuntimeError):
                none_yet.release()

    def take(self, timeout_s: float | None) -> Any:
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        none_yet = self._none_yet
        if none_yet is None:
            # Before the look at the items: who posts after that look finds it.
            none_yet = self._none_yet = threading.Lock()
            none_yet.acquire()
        while not self._items:
            left_s = -1 if until_s is None else max(0.0, until_s - time.monotonic())
            if not none_yet.acquire(timeout=left_s):
                break
        return self._items.pop(0) if self._items else None


def wake_up(wake: "asyncio.Future[None]") -> None:
    """Let whoever awaits ``wake`` go on; once is enough."""
    if not wake.done():
        wake.set_result(None)


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()

    monotonic_s: "staticmethod[..., float]" = staticmethod(time.monotonic)
    time_unix_ns: "staticmethod[..., int]" = staticmethod(time.time_ns)

    def mailbox(self) -> Mailbox:
        """A mailbox for one thread that waits and any number that post."""
        return _LockMailbox()

    def spawn(self, target: Callable[[], None], name: str) -> threading.Thread:
        """Start a daemon thread."""
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def sleep(self, seconds: float, mailbox: Mailbox) -> Any:
        """Wait for the mailbox, no longer than ``seconds``."""
        return mailbox.take(seconds)

    async def asleep(self, seconds: float, wake: asyncio.Future[None]) -> None:
        """Wait on the running event loop."""
        alarm = asyncio.get_running_loop().call_later(seconds, wake_up, wake)
        try:
            await wake
        finally:
            alarm.cancel()

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> Alarm:
        """The loop's own timer."""
        return loop.call_later(seconds, callback)

    def __repr__(self) -> str:
        return "SystemClock()"
