"""Calls in lists, and one call with all that happened in it."""

from dataclasses import dataclass, field

__all__ = [
    "AttemptRow",
    "BudgetRow",
    "CallDetail",
    "CallPage",
    "CallRow",
    "HedgeRow",
    "ShapeRow",
    "WholeCall",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """A call in a list; ``total`` is how many the scope has, whatever the list's limit."""

    call_id: str
    key: str
    instance: str
    started_unix_us: int
    duration_us: int
    success: bool
    disposition: str
    final_outcome: str
    final_reason: str
    attempts_run: int
    retries: int
    hedges: int
    policy_id: str
    policy_version: str
    error_type: str | None
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage:
    """Some calls of a scope, and how many it has."""

    rows: tuple[CallRow, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeRow:
    """Calls in which the same things happened in the same order."""

    shape: str
    disposition: str
    calls: int
    of_calls: int
    p50_us: int
    example: str
    shapes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetail:
    """Everything that the table of calls has about one."""

    call_id: str
    parent_call_id: str | None
    key: str
    method: str | None
    idempotent: bool | None
    service: str
    instance: str
    region: str | None
    policy_id: str
    policy_version: str
    policy_source: str
    policy_mode: str
    policy_normalized_fields: str | None
    started_unix_us: int
    ended_unix_us: int
    duration_us: int
    deadline_us: int | None
    success: bool
    disposition: str
    final_outcome: str
    final_reason: str
    attempts_run: int
    retries: int
    hedges: int
    error_type: str | None
    error_message: str | None
    trace_id: str | None
    span_id: str | None
    attributes: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One attempt; ``backoff_us`` was chosen after it, ``waited_before_us`` passed before it."""

    attempt: int
    hedge_index: int
    is_hedge: bool
    ran: bool
    started_unix_us: int
    ended_unix_us: int
    duration_us: int
    outcome: str
    reason: str
    status: int | None
    error_type: str | None
    error_message: str | None
    backoff_us: int
    waited_before_us: int
    backoff_source: str | None
    retry_after_us: int | None
    timeout_us: int | None
    budget_name: str | None
    budget_allowed: bool
    budget_reason: str
    late: bool
    cancel_reason: str | None
    peer: str | None
    attributes: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """One question to a budget, and its answer."""

    decided_unix_us: int
    attempt: int
    hedge_index: int
    kind: str
    budget_name: str
    cost: int
    mode: str
    allowed: bool
    reason: str
    level_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeRow:
    """One hedge, spawned or denied."""

    attempt: int
    hedge_index: int
    spawned_unix_us: int
    ended_unix_us: int
    delay_us: int
    trigger: str
    result: str
    cancel_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeCall:
    """One call with all that happened in it."""

    call: CallDetail
    attempts: tuple[AttemptRow, ...]
    budget: tuple[BudgetRow, ...] = field(default=())
    hedges: tuple[HedgeRow, ...] = field(default=())
