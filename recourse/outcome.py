"""What one attempt meant: the answer of a classifier."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from recourse.duration import seconds

__all__ = ["SUCCESS", "Health", "Outcome", "OutcomeKind"]


class OutcomeKind(StrEnum):
    """What an attempt's result means for the call."""

    SUCCESS = "success"
    RETRYABLE = "retryable"
    NON_RETRYABLE = "non_retryable"
    ABORT = "abort"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class Health(StrEnum):
    """What an attempt's result says about the dependency, for its breaker."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    NEUTRAL = "neutral"


_DEFAULT_REASONS: Final = {
    OutcomeKind.SUCCESS: "success",
    OutcomeKind.RETRYABLE: "retryable_error",
    OutcomeKind.NON_RETRYABLE: "non_retryable_error",
    OutcomeKind.ABORT: "abort",
    OutcomeKind.CANCELLED: "cancelled",
    OutcomeKind.ABANDONED: "abandoned",
}

_HEALTH: Final = {
    OutcomeKind.SUCCESS: Health.HEALTHY,
    OutcomeKind.NON_RETRYABLE: Health.HEALTHY,  # the dependency answered
    OutcomeKind.RETRYABLE: Health.UNHEALTHY,
    OutcomeKind.ABORT: Health.NEUTRAL,
    OutcomeKind.CANCELLED: Health.NEUTRAL,
    OutcomeKind.ABANDONED: Health.NEUTRAL,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt was classified.

    Attributes:
        kind: What it means for the call; a classifier gives one of the first four kinds, or its name.
        reason: Why, as a low-cardinality code; empty means the kind's own.
        attributes: Further low-cardinality facts, text to text (``family: 5xx``).
        retry_after_s: Seconds the server asked to wait, if it did; a ``timedelta`` will do.
        health: What the breaker should count, or its name; ``None`` follows the kind.

    Raises:
        PolicyError: ``retry_after_s`` is no finite duration.
        ValueError: ``health`` is none.
    """

    kind: OutcomeKind
    reason: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    retry_after_s: float | None = None
    health: Health | None = None

    def __post_init__(self) -> None:
        if type(self.kind) is not OutcomeKind:
            object.__setattr__(self, "kind", _kind(self.kind))
        if self.health is not None:
            object.__setattr__(self, "health", Health(self.health))
        if self.retry_after_s is not None:
            object.__setattr__(self, "retry_after_s", seconds("retry_after_s", self.retry_after_s))
        if not self.reason and self.kind in _DEFAULT_REASONS:
            object.__setattr__(self, "reason", _DEFAULT_REASONS[self.kind])

    @property
    def effective_health(self) -> Health:
        """What a breaker counts: ``health``, or what the kind says of the dependency."""
        return _HEALTH[self.kind] if self.health is None else self.health

    def __hash__(self) -> int:
        return hash((self.kind, self.reason, self.retry_after_s, self.health))


def _kind(given: Any) -> Any:
    """The kind of that name; what names none stays as it is, and ends the call that it is given to."""
    try:
        return OutcomeKind(given)
    except ValueError:
        return given


SUCCESS: Final = Outcome(OutcomeKind.SUCCESS)
