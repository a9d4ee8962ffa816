"""What a timeline says of one attempt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recourse.errors import RecourseError
from recourse.outcome import Outcome
from recourse.reasons import BudgetReason

__all__ = ["AttemptRecord", "ErrorText"]


class ErrorText(RecourseError):
    """An error that is remembered by its type and text only, so that nothing keeps it alive."""

    def __init__(self, type_name: str, text: str) -> None:
        super().__init__(type_name, text)
        self.type_name = type_name
        self.text = text

    def __str__(self) -> str:
        return f"{self.type_name}: {self.text}" if self.text else self.type_name


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt: launched, or denied before it could run.

    Attributes:
        attempt: 0-based retry index; hedges share it.
        hedge_index: 0 for the primary.
        ran: False when its budget denied it.
        started_unix_ns: Wall clock, nanoseconds, UTC.
        ended_unix_ns: Likewise; of a run that was cut off, the moment it was given up.
        duration_s: Monotonic seconds; 0 when it never ran.
        outcome: How it was classified.
        error: What it raised; ``None`` for a value.
        error_type: The error's class, with its module unless it is a builtin.
        backoff_s: Delay chosen after it; 0 for the last.
        waited_before_s: What was really waited before it.
        timeout_s: Its effective limit; ``None``: none.
        budget_name: The budget it asked; empty when there is none.
        budget_allowed: What the budget said.
        budget_reason: Why.
        late: It gave a value after its limit.
        cancel_reason: Why it was cut off, if it was.
        annotations: What the operation noted on it.
    """

    attempt: int
    hedge_index: int
    ran: bool
    started_unix_ns: int
    ended_unix_ns: int
    duration_s: float
    outcome: Outcome
    error: BaseException | None = None
    error_type: str | None = None
    backoff_s: float = 0.0
    waited_before_s: float = 0.0
    timeout_s: float | None = None
    budget_name: str = ""
    budget_allowed: bool = True
    budget_reason: str = BudgetReason.FIRST_ATTEMPT
    late: bool = False
    cancel_reason: str | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_hedge(self) -> bool:
        """Whether it ran beside a primary."""
        return self.hedge_index > 0

    def line(self) -> str:
        """What happened to it, without clock values."""
        name = f"attempt={self.attempt}" + (f" hedge={self.hedge_index}" if self.is_hedge else "")
        error = "" if self.error_type is None else f" error={self.error_type}"
        late = " late" if self.late else ""
        return (
            f"{name} {self.outcome.kind} reason={self.outcome.reason} "
            f"budget={self.budget_reason}{error}{late}"
        )
