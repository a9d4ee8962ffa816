"""The breaker that opens after failures in a row."""

from typing import Final

from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy
from recourse.reasons import CircuitCause

__all__ = ["ConsecutiveFailures"]

_UNHEALTHY: Final = Health.UNHEALTHY


class ConsecutiveFailures:
    """Counts unhealthy results since the last healthy one; opens at ``threshold``."""

    __slots__ = ("_failures", "_threshold", "quiet")

    def __init__(self, policy: CircuitPolicy) -> None:
        self._failures = 0
        self.quiet: bool = True
        self._threshold = policy.threshold

    @property
    def cause(self) -> CircuitCause:
        """Why such a breaker opens."""
        return CircuitCause.FAILURE_THRESHOLD

    def is_bad(self, health: Health, duration_s: float) -> bool:  # noqa: ARG002  # the shape of every tally
        """Whether it was unhealthy."""
        return health is _UNHEALTHY

    def add(self, health: Health, duration_s: float, at_s: float) -> bool:  # noqa: ARG002  # likewise
        """Count one result; whether the threshold is reached."""
        self.quiet = health is not _UNHEALTHY
        self._failures = 0 if self.quiet else self._failures + 1
        return self._failures >= self._threshold

    def counters(self) -> dict[str, float]:
        """The failures in a row."""
        return {"failures": self._failures}

    def clear(self) -> None:
        """Start counting anew."""
        self._failures = 0
        self.quiet = True

    def apply(self, policy: CircuitPolicy) -> None:
        """Follow a changed threshold."""
        self._threshold = policy.threshold
