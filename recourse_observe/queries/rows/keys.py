"""Keys at a glance and over time, and what their attempts have in common."""

from dataclasses import dataclass

__all__ = [
    "BucketRow",
    "DimensionRow",
    "KeyRow",
    "LatencyRow",
    "LevelRow",
    "OverviewRow",
    "ReasonRow",
]


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
class DimensionRow:
    """How many attempts of a scope have one entry of a dimension; ``None`` was not recorded."""

    dimension: str
    entry: str | None
    attempts: int
    of_attempts: int
    distinct_entries: int
