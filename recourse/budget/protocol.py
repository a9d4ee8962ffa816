"""What a budget is, and what it answers."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from recourse.outcome import OutcomeKind
from recourse.reasons import BudgetKind, BudgetReason

__all__ = ["Ask", "Budget", "Decision", "Feedback", "Peeking", "Tracking"]


class Ask(NamedTuple):
    """What an attempt asks a budget for.

    Attributes:
        key: The call's policy key.
        attempt: 0-based retry index; at least 1 for a retry.
        kind: Retry or hedge.
        cost: Units wanted.
        now_s: The executor's monotonic clock, in seconds.
    """

    key: str
    attempt: int
    kind: BudgetKind
    cost: int
    now_s: float


class Decision(NamedTuple):
    """A budget's answer.

    Attributes:
        allowed: Whether the attempt may start.
        reason: Why.
        release: Called exactly once when the run has really stopped; ``None`` when nothing is held.
        balance_after: What is left, in the budget's own units, when it can tell.
    """

    allowed: bool
    reason: str = BudgetReason.ALLOWED
    release: Callable[[], None] | None = None
    balance_after: float | None = None


@runtime_checkable
class Budget(Protocol):
    """Gates retries and hedges. Called from many threads; must not block."""

    def ask(self, request: Ask) -> Decision:
        """Take what the attempt costs, or deny it."""
        ...


@runtime_checkable
class Feedback(Protocol):
    """A budget that learns from every run attempt, the first included, exactly once each."""

    def feed(self, kind: OutcomeKind, attempt: int, now_s: float) -> None:
        """Tell how one run attempt ended."""
        ...


@runtime_checkable
class Tracking(Protocol):
    """A budget that must know of calls, not only of retries: its allowance is a share of them.

    Told once per call and budget, even when retries and hedges of a policy name the same budget.
    """

    def begin(self, now_s: float) -> Callable[[], None] | None:
        """A call's first attempt starts; never denied.

        Returns:
            Called exactly once when that run has really stopped; ``None`` when nobody waits for it.
        """
        ...


@runtime_checkable
class Peeking(Protocol):
    """A budget that can say beforehand, without taking anything, that a wait would be hopeless."""

    def peek(self, request: Ask) -> bool:
        """Whether it could be allowed at ``request.now_s`` (the moment after the wait)."""
        ...
