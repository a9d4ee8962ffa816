"""One fetch, and everybody who waits for it."""

import asyncio
from collections.abc import Callable

from recourse.clock import Clock, wake_up
from recourse.locks import Mutex
from recourse.policy.model import EffectivePolicy

__all__ = ["Flight"]


class Flight:
    """A fetch that goes on whoever stops waiting for it.

    Attributes:
        result: The policy, or what the fetch raised; ``None`` while it goes on.
        is_slow: Whether somebody has stopped waiting.
    """

    __slots__ = ("_mutex", "_waiting", "is_slow", "result")

    def __init__(self) -> None:
        self.result: EffectivePolicy | BaseException | None = None
        self.is_slow: bool = False
        self._mutex = Mutex()
        self._waiting: list[Callable[[], None]] = []

    def land(self, result: EffectivePolicy | BaseException) -> None:
        """Tell the result to everybody who waits; the first one counts."""
        with self._mutex.lock:
            if self.result is None:
                self.result = result
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def wait(self, clock: Clock, limit_s: float) -> None:
        """Wait in a thread, no longer than ``limit_s``."""
        mailbox = clock.mailbox()
        if self._call_when_landed(lambda: mailbox.post(self)):
            mailbox.take(limit_s)

    async def wait_async(self, clock: Clock, limit_s: float) -> None:
        """Wait in a coroutine, no longer than ``limit_s``."""
        loop = asyncio.get_running_loop()
        landed: asyncio.Future[None] = loop.create_future()
        if self._call_when_landed(lambda: _tell(loop, landed)):
            alarm = clock.call_later(loop, limit_s, lambda: wake_up(landed))
            try:
                await landed
            finally:
                alarm.cancel()

    def _call_when_landed(self, wake: Callable[[], None]) -> bool:
        with self._mutex.lock:
            if self.result is not None:
                return False
            self._waiting.append(wake)
            return True


def _tell(loop: asyncio.AbstractEventLoop, landed: "asyncio.Future[None]") -> None:
    try:
        loop.call_soon_threadsafe(wake_up, landed)
    except RuntimeError:
        return  # the loop has been closed: nobody waits there any more
