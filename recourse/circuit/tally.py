"""What a breaker counts while it is closed."""

from typing import Protocol

from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy
from recourse.reasons import CircuitCause

__all__ = ["Tally"]


class Tally(Protocol):
    """Results, counted as one kind of breaker does. Used under the breaker's lock.

    A result is healthy or unhealthy and took ``duration_s``; a neutral one is never counted.

    Attributes:
        quiet: Whether a good result would change nothing.
    """

    quiet: bool

    @property
    def cause(self) -> CircuitCause:
        """Why a breaker of this kind opens."""
        ...

    def is_bad(self, health: Health, duration_s: float) -> bool:
        """Whether the result speaks for opening."""
        ...

    def add(self, health: Health, duration_s: float, at_s: float) -> bool:
        """Count one result, which came at ``at_s``; whether the breaker must open now."""
        ...

    def counters(self) -> dict[str, float]:
        """What was counted, for people."""
        ...

    def clear(self) -> None:
        """Start counting anew."""
        ...

    def apply(self, policy: CircuitPolicy) -> None:
        """Follow a changed policy; what was counted stays."""
        ...
