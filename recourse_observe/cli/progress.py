"""How far long work is, on stderr and only for a person."""

import sys
from types import TracebackType
from typing import Final, Self

from recourse.clock import SystemClock
from recourse_observe.text import count, printable

__all__ = ["Progress"]

_FIRST_S: Final = 0.5
_EVERY_S: Final = 0.1


class Progress:
    """One line that is written over until the work is done, if it takes long enough to wonder.

    Args:
        doing: What is done, for example ``checking``.
        clock: Where time comes from.
    """

    def __init__(self, doing: str, clock: SystemClock | None = None) -> None:
        self._doing = doing
        self._clock = clock or SystemClock()
        self._due_s = self._clock.monotonic_s() + _FIRST_S
        self._is_shown = False
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def step(self, what: object = "") -> None:
        """One thing more is being done."""
        self._done += 1
        self._show(f"{count(self._done)} {what}")

    def reach(self, done: int, of: int) -> None:
        """So much of the work is done."""
        self._show(f"{count(done)} of {count(of)}")

    def _show(self, text: str) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._due_s or not sys.stderr.isatty():
            return
        self._due_s, self._is_shown = now_s + _EVERY_S, True
        sys.stderr.write(f"\r\x1b[K{self._doing} {printable(text)[:60]}")
        sys.stderr.flush()
