"""A disk that refuses: one line in the log when it begins, one when it is over, patience between."""

import logging
from typing import Final

__all__ = ["Trouble"]

_LOG: Final = logging.getLogger("recourse.archive")
_FIRST_S: Final = 1.0
_LONGEST_S: Final = 30.0


class Trouble:
    """When to try the disk again.

    Args:
        what: What the disk refuses, as a sentence.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._delay_s = 0.0
        self._again_s = 0.0

    @property
    def now(self) -> bool:
        """Whether the disk refused when it was last asked."""
        return self._delay_s > 0

    def waits_s(self, now_s: float) -> float:
        """Seconds until it is worth asking; zero when it is."""
        return max(0.0, self._again_s - now_s) if self.now else 0.0

    def failed(self, error: OSError, now_s: float) -> None:
        """The disk refused."""
        if not self.now:
            _LOG.warning("%s (%s); calls are not affected, it is tried again", self._what, error)
        self._delay_s = min(_LONGEST_S, 2 * self._delay_s or _FIRST_S)
        self._again_s = now_s + self._delay_s

    def over(self, detail: str = "") -> None:
        """The disk took something."""
        if self.now:
            self._delay_s = 0.0
            _LOG.warning("%s: that is over%s", self._what, detail)
