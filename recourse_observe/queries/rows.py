"""What an archive answers: one frozen row for each question.

Moments are whole microseconds since 1970 (``…_unix_us``), durations microseconds (``…_us``). Text
comes from the archive as it was written: pass it through ``text.printable`` before it is shown.
"""

from dataclasses import dataclass, field

__all__ = [
    "AttemptRow",
    "BucketRow",
    "BudgetRow",
    "CallDetail",
    "CallPage",
    "CallRow",
    "Coverage",
    "DimensionRow",
    "Gap",
    "HedgeRow",
    "KeyRow",
    "LatencyRow",
    "LevelRow",
    "OverviewRow",
    "PolicyRow",
    "ReasonRow",
    "ShapeRow",
    "TransitionRow",
    "WholeCall",
    "WriterRow",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch in which neither a call nor a heartbeat was recorded."""

    start_unix_us: int
    end_unix_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What an archive covers.

    Attributes:
        first_unix_us: Start of the first call.
        last_unix_us: End of the last one.
        calls: With sampled-out calls counted by their weight.
        unfinished: Calls in flight when their process died: neither won nor lost.
        sampled: Rows that stand for more than one call.
        dropped_events: What the recorders themselves say they lost.
        gaps: Longest first.
    """

    first_unix_us: int
    last_unix_us: int
    calls: int
    unfinished: int
    distinct_keys: int
    instances: int
    sampled: int
    attempts: int
    dropped_events: int
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key at a glance; ``p50_us`` and ``p99_us`` are of a call's longest attempt.

    Attributes:
        lost: Calls that failed; an unfinished call is not among them.
        rescued: Calls that succeeded on a retry.
        denied: Attempts that a budget denied.
        rejected: Calls that a breaker refused.
        breaker: ``closed``, ``half_open``, ``open``, ``isolated``; empty when none ever changed.
        lost_per_bucket: Lost calls over the scope, for a sparkline; ``None`` where no call was made.
    """

    key: str
    calls: int
    lost: int
    attempts: int
    retries: int
    rescued: int
    hedges: int
    denied: int
    rejected: int
    failed_attempts: int
    p50_us: int | None
    p99_us: int | None
    call_p99_us: int | None
    breaker: str = ""
    lost_per_bucket: tuple[int | None, ...] = ()

    @property
    def attempts_per_call(self) -> float:
        """Attempts that ran, per call."""
        return self.attempts / self.calls if self.calls else 0.0

    @property
    def lost_share(self) -> float:
        """Lost calls, of one."""
        return self.lost / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRow:
    """A key in one bucket of time; a bucket without calls has no row."""

    key: str
    bucket: int
    start_unix_us: int
    calls: int
    lost: int
    attempts: int
    retries: int
    hedges: int
    denied: int
    rejected: int
    p50_us: int | None
    p99_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """How many attempts of a bucket ended for one reason."""

    key: str
    bucket: int
    start_unix_us: int
    outcome: str
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRow:
    """How many attempts of a bucket took from ``2**power`` up to ``2**(power+1)`` microseconds."""

    key: str
    bucket: int
    start_unix_us: int
    power: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """What a budget decided in one bucket; ``lowest_level`` is in its own units."""

    key: str
    budget_name: str
    bucket: int
    start_unix_us: int
    allowed: int
    denied: int
    lowest_level: float | None


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
class DimensionRow:
    """How many attempts of a scope have one entry of a dimension; ``None`` was not recorded."""

    dimension: str
    entry: str | None
    attempts: int
    of_attempts: int
    distinct_entries: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRow:
    """A breaker changed its state."""

    changed_unix_us: int
    key: str
    instance: str
    from_state: str
    to_state: str
    cause: str
    generation: int
    call_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """A process applied a policy, or failed to resolve one; without instance it was published."""

    applied_unix_us: int
    key: str
    instance: str | None
    policy_id: str
    policy_version: str
    policy_source: str
    event: str
    max_attempts: int
    initial_backoff_us: int
    max_backoff_us: int
    backoff_multiplier: float
    jitter: str
    timeout_per_attempt_us: int | None
    overall_timeout_us: int | None
    classifier: str
    budget_name: str | None
    hedge_enabled: bool
    hedge_delay_us: int | None
    max_hedges: int
    hedge_trigger: str | None
    hedge_budget_name: str | None
    circuit_enabled: bool
    circuit_kind: str | None
    circuit_threshold: int | None
    circuit_cooldown_us: int | None
    policy_json: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRow:
    """A key from its exact counts, whatever was sampled; ``p50_us`` and the others are within 2 %.

    Attributes:
        lost: Calls that did not succeed.
        denied: Attempts that a budget denied.
        rejected: Calls that a breaker refused.
        active_us: Durations of all calls together.
    """

    key: str
    calls: int
    lost: int
    attempts: int
    retries: int
    hedges: int
    denied: int
    rejected: int
    active_us: int
    p50_us: int | None
    p90_us: int | None
    p99_us: int | None

    @property
    def attempts_per_call(self) -> float:
        """Attempts that ran, per call."""
        return self.attempts / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterRow:
    """One process that wrote, and how complete its part of the archive is.

    Attributes:
        first_unix_us: When it was first heard of.
        last_unix_us: When it was last heard of: a heartbeat, or the end of a call.
        is_heard: It told of itself; an imported archive's writers do not.
        is_closed: It ended in order, with nothing left to write.
        is_alive: It still writes.
        dropped_events: What it says that it lost.
        flush_ms: Rows are handed to the operating system so often; unknown of older archives.
        unfinished: Calls in flight when it died.
        sample_weight: Of the clean successes one in so many was kept; 1 is all.
    """

    service: str
    instance: str
    first_unix_us: int
    last_unix_us: int
    is_heard: bool
    is_closed: bool
    dropped_events: int
    flush_ms: float | None
    unfinished: int
    sample_weight: int
    is_alive: bool = False

    @property
    def has_died(self) -> bool:
        """It told of itself, does not write any more, and never said that it ended."""
        return self.is_heard and not self.is_closed and not self.is_alive
