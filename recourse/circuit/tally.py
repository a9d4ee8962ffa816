"""What a breaker counts while it is closed."""

from typing import NamedTuple, Protocol

from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy
from recourse.reasons import CircuitCause

__all__ = ["Result", "Tally"]


class Result(NamedTuple):
    """How one attempt ended; a neutral one is never counted.

    Attributes:
        health: Healthy or unhealthy.
        duration_s: How long it ran.
        at_s: When it ended.
        origin: The call that made it.
    """

    health: Health
    duration_s: float
    at_s: float
    origin: object = None


class Tally(Protocol):
    """Results, counted as one kind of breaker does. Used under the breaker's lock."""

    @property
    def cause(self) -> CircuitCause:
        """Why a breaker of this kind opens."""
        ...

    @property
    def quiet(self) -> bool:
        """Whether a good result would change nothing."""
        ...

    def is_bad(self, result: Result) -> bool:
        """Whether the result speaks for opening."""
        ...

    def add(self, result: Result) -> bool:
        """Count one result; whether the breaker must open now."""
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
