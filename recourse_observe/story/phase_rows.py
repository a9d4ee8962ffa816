"""What was counted in the phases of an incident: a class for the rows of each question. Pure data."""

import re
from dataclasses import dataclass

__all__ = ["AttemptsRow", "Beat", "BudgetCount", "CallsRow", "Latency", "ProcessSecond"]

_TIMEOUTS = ("timeout", "deadline")
_LIMITED = ("429", "rate_limit", "ratelimit", "quota", "throttl", "too_many", "exhausted")
_MISTAKES = ("INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED")
_OTHER_STATUSES = frozenset({408, 409, 425, 429})  # about time, conflicts and load
_HTTP = re.compile(r"(?:^|_)([1-5]\d\d)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsRow:
    """Calls that ended alike; see ``phase_calls.sql``.

    Attributes:
        lost_calls: Those that were lost, where ``lost`` goes by how they ended.
    """

    phase: str
    key: str
    instance: str
    disposition: str
    policy_source: str
    calls: int
    attempts: int
    admitted: int
    retries: int
    hedges: int
    rescued: int
    lost_calls: int = 0

    @property
    def lost(self) -> int:
        """Those of them that failed."""
        return 0 if self.disposition in {"success", "unfinished"} else self.calls


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsRow:
    """Attempts that ended alike; see ``phase_attempts.sql``."""

    phase: str
    instance: str
    peer: str
    kind: str
    outcome: str
    reason: str
    status: int
    at_limit: bool
    quick: bool
    shed: bool
    hinted: bool
    lost: bool
    attempts: int

    @property
    def failed(self) -> bool:
        """Whether the dependency (or the way to it) failed them; a cancelled attempt did not fail."""
        return self.outcome in {"retryable", "non_retryable", "abort"}

    @property
    def is_timeout(self) -> bool:
        """Whether they ended at a limit of time."""
        said = self.reason.lower()
        return self.failed and (self.at_limit or any(word in said for word in _TIMEOUTS))

    @property
    def is_limited(self) -> bool:
        """Whether the dependency said that there were too many."""
        return self.failed and (
            self.code == 429  # noqa: PLR2004  # Too Many Requests
            or any(word in self.reason.lower() for word in _LIMITED)
            or self.hinted
        )

    @property
    def is_callers_mistake(self) -> bool:
        """Whether the dependency said that the request was wrong."""
        return (
            self.failed
            and (400 <= self.code < 500 or self.reason.upper().endswith(_MISTAKES))  # noqa: PLR2004  # HTTP's client errors
            and self.code not in _OTHER_STATUSES
        )

    @property
    def is_conflict(self) -> bool:
        """Whether the dependency said that it had been done already."""
        return self.failed and (
            self.code == 409 or self.reason.upper().endswith("ALREADY_EXISTS")  # noqa: PLR2004  # Conflict
        )

    @property
    def code(self) -> int:
        """The HTTP status, also where only the reason tells it; 0 when there is none."""
        said = _HTTP.search(self.reason)
        return self.status or (int(said[1]) if said else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long things took in one phase; see ``phase_latency.sql``."""

    phase: str
    p50_us: int | None = None
    p99_us: int | None = None
    cancelled_p50_us: int | None = None
    timeout_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """Half a second of load; see ``pulse.sql``."""

    beat: int
    attempts: int
    firsts: int
    successes: int
    shed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCount:
    """Decisions that went alike; see ``phase_budget.sql``."""

    phase: str
    kind: str
    budget_name: str
    allowed: bool
    reason: str
    decisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSecond:
    """A second of one process; see ``processes.sql``."""

    instance: str
    at_s: int
    calls: int
    lost: int
    hurt: int
    hedges: int
    attempts: int
    duration_us: int
