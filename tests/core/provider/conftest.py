import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from recourse.clock import SystemClock


class FakeMailbox:
    def __init__(self, clock: "FakeClock") -> None:
        self._clock = clock
        self._items: list[Any] = []

    def post(self, item: Any) -> None:
        self._items.append(item)

    def take(self, timeout_s: float | None) -> Any:
        if not self._items:
            self._clock.while_waiting()
        if not self._items:
            self._clock.now_s += timeout_s or 0.0
            return None
        return self._items.pop()


class FakeClock(SystemClock):
    """Time by hand; what is spawned runs at once, or when ``run_jobs`` says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.spawned: list[str] = []
        self.jobs: list[Callable[[], None]] = []
        self.is_inline = True
        self.can_spawn = True
        self.while_waiting: Callable[[], None] = lambda: None

    def monotonic_s(self) -> float:
        return self.now_s

    def mailbox(self) -> FakeMailbox:
        return FakeMailbox(self)

    def spawn(self, target: Callable[[], None], name: str) -> threading.Thread:
        if not self.can_spawn:
            message = "can't start new thread"
            raise RuntimeError(message)
        self.spawned.append(name)
        if self.is_inline:
            target()
        else:
            self.jobs.append(target)
        return threading.current_thread()

    def run_jobs(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> asyncio.Handle:
        def ring() -> None:
            self.while_waiting()
            self.now_s += seconds
            # What landed meanwhile has posted to the loop before this does.
            loop.call_soon_threadsafe(callback)

        return loop.call_soon(ring)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def fake_clock() -> type[FakeClock]:
    return FakeClock
