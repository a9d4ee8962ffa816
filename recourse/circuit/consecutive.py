"""The breaker that opens after failures in a row."""

from recourse.circuit.tally import Result
from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy
from recourse.reasons import CircuitCause

__all__ = ["ConsecutiveFailures"]


class ConsecutiveFailures:
    """Counts unhealthy results since the last healthy one; opens at ``threshold``."""

    __slots__ = ("_failures", "_threshold")

    def __init__(self, policy: CircuitPolicy) -> None:
        self._failures = 0
        self._threshold = policy.threshold

    @property
    def cause(self) -> CircuitCause:
        """Why such a breaker opens."""
        return CircuitCause.FAILURE_THRESHOLD

    @property
    def quiet(self) -> bool:
        """Whether a good result would change nothing."""
        return self._failures == 0

    def is_bad(self, result: Result) -> bool:
        """Whether it was unhealthy."""
        return result.health is Health.UNHEALTHY

    def add(self, result: Result) -> bool:
        """Count one result; whether the threshold is reached."""
        self._failures = self._failures + 1 if self.is_bad(result) else 0
        return self._failures >= self._threshold

    def counters(self) -> dict[str, float]:
        """The failures in a row."""
        return {"failures": self._failures}

    def clear(self) -> None:
        """Start counting anew."""
        self._failures = 0

    def apply(self, policy: CircuitPolicy) -> None:
        """Follow a changed threshold."""
        self._threshold = policy.threshold
