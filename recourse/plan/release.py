"""Giving budget reservations back, without letting a slow budget hold up a call."""

import threading
from collections.abc import Callable
from typing import Final

from recourse.clock import Clock

__all__ = ["Releaser"]

# Long enough for a release that only takes a lock, short enough for a caller not to notice.
_PATIENCE_S: Final = 0.01
_OURS: Final = "recourse.budget."


class Releaser:
    """Runs releases of budgets that are not ours in a thread, and waits for them a moment only.

    Args:
        clock: What the wait is read on.
        track: Told of every thread, so that closing the executor can wait for it.
    """

    __slots__ = ("_clock", "_track")

    def __init__(self, clock: Clock, track: Callable[[threading.Thread], None]) -> None:
        self._clock = clock
        self._track = track

    def release(self, give_back: Callable[[], None]) -> BaseException | None:
        """Give a reservation back; what it raised, when it has raised by now."""
        # What is written in C belongs to no module.
        if str(getattr(give_back, "__module__", None)).startswith(_OURS):
            return _attempted(give_back)
        over = self._clock.mailbox()

        def work() -> None:
            over.post((_attempted(give_back),))

        self._track(self._clock.spawn(work, "recourse-release"))
        raised: tuple[BaseException | None] | None = over.take(_PATIENCE_S)
        return None if raised is None else raised[0]


def _attempted(give_back: Callable[[], None]) -> BaseException | None:
    try:
        give_back()
    except BaseException as error:  # a release must never change a call's result
        return error
    return None
