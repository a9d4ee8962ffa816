"""The only place that reads a real clock, waits for real, or starts a thread.

Everything else asks a :class:`Clock`, so that a test, the laboratory or a replay can put time under
its own control (``recourse.testing.VirtualClock``).
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

__all__ = ["Clock", "Mailbox", "SystemClock"]

T = TypeVar("T")


class Mailbox(Protocol[T]):
    """Where one thread waits for what other threads post."""

    def post(self, item: T) -> None:
        """Put one item in; never blocks."""
        ...

    def take(self, timeout_s: float | None) -> T | None:
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

    def mailbox(self) -> Mailbox[object]:
        """A new mailbox whose waits follow this clock."""
        ...

    def spawn(self, target: Callable[[], None], name: str) -> threading.Thread:
        """Start a daemon thread whose waits follow this clock."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Wait in a coroutine."""
        ...


class _QueueMailbox(Generic[T]):
    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[T] = queue.SimpleQueue()

    def post(self, item: T) -> None:
        self._items.put(item)

    def take(self, timeout_s: float | None) -> T | None:
        try:
            return self._items.get(timeout=None if timeout_s is None else max(0.0, timeout_s))
        except queue.Empty:
            return None


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()

    monotonic_s = staticmethod(time.monotonic)
    time_unix_ns = staticmethod(time.time_ns)

    def mailbox(self) -> Mailbox[object]:
        """A queue."""
        return _QueueMailbox()

    def spawn(self, target: Callable[[], None], name: str) -> threading.Thread:
        """Start a daemon thread."""
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    async def asleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        await asyncio.sleep(seconds)

    def __repr__(self) -> str:
        return "SystemClock()"
