"""What costs next to nothing: a clock on which nobody waits, and an observer that does nothing."""

from typing import Any

from recourse import Event
from recourse.clock import SystemClock

__all__ = ["NoWait", "Silent"]


class NoWait(SystemClock):
    """The system's clock, on which no wait between attempts takes time."""

    def sleep(self, seconds: float, mailbox: Any) -> None:
        """Do not."""

    async def asleep(self, seconds: float, wake: Any) -> None:
        """Do not."""


class Silent:
    """An observer that does nothing."""

    def on_event(self, event: Event) -> None:
        """Take an event."""
