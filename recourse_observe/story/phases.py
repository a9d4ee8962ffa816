"""What was asked and what came of it in one phase of an incident. Pure data."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

__all__ = [
    "AttemptsRow",
    "Beat",
    "BudgetCount",
    "CallsRow",
    "Latency",
    "Phase",
    "ProcessSecond",
    "share",
]

_TIMEOUTS = ("timeout", "deadline")
_LIMITED = ("429", "rate_limit", "ratelimit", "quota", "throttl", "too_many", "exhausted")
_MISTAKES = ("INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED")
_OTHER_STATUSES = frozenset({408, 409, 425, 429})  # about time, conflicts and load
_HTTP = re.compile(r"(?:^|_)([1-5]\d\d)$")


def share(part: float, whole: float) -> float:
    """A part of a whole; nothing of nothing is 0."""
    return part / whole if whole else 0.0


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
    first_p50_us: int | None = None
    failed_p50_us: int | None = None
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


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of an incident on the culprit keys."""

    seconds: float
    calls_rows: Sequence[CallsRow]
    attempts_rows: Sequence[AttemptsRow]
    latency: Latency

    @cached_property
    def calls(self) -> int:
        """Calls that began in it."""
        return sum(row.calls for row in self.calls_rows)

    @cached_property
    def lost(self) -> int:
        """Those that failed."""
        return sum(row.lost for row in self.calls_rows)

    @cached_property
    def rescued(self) -> int:
        """Those that a retry saved."""
        return sum(row.rescued for row in self.calls_rows)

    @cached_property
    def retries(self) -> int:
        """Retries of them."""
        return sum(row.retries for row in self.calls_rows)

    @cached_property
    def hedges(self) -> int:
        """Hedges of them."""
        return sum(row.hedges for row in self.calls_rows)

    @cached_property
    def ended(self) -> Counter[str]:
        """Calls by disposition."""
        found: Counter[str] = Counter()
        for row in self.calls_rows:
            found[row.disposition] += row.calls
        return found

    @cached_property
    def sources(self) -> Counter[str]:
        """Calls by where their policy came from."""
        found: Counter[str] = Counter()
        for row in self.calls_rows:
            found[row.policy_source] += row.calls
        return found

    @property
    def calls_per_s(self) -> float:
        """Calls per second."""
        return share(self.calls, self.seconds)

    @property
    def lost_share(self) -> float:
        """Lost calls, of one."""
        return share(self.lost, self.calls)

    @cached_property
    def amplification(self) -> float:
        """Attempts launched per admitted call."""
        attempts = sum(row.attempts for row in self.calls_rows)
        return share(attempts, sum(row.admitted for row in self.calls_rows))

    @property
    def retries_per_call(self) -> float:
        """Retries per admitted call."""
        return share(self.retries, sum(row.admitted for row in self.calls_rows))

    @property
    def hedges_per_call(self) -> float:
        """Hedges per call."""
        return share(self.hedges, self.calls)

    def attempts(self, *, kind: str = "", failed: bool | None = None) -> int:
        """Attempts that ran, of a kind (``first``, ``retry``, ``hedge``), failed or not.

        Cancelled and abandoned ones tell nothing of the dependency and are left out.
        """
        return sum(
            row.attempts
            for row in self.attempts_rows
            if (not kind or row.kind == kind)
            and (row.failed or row.outcome == "success")
            and (failed is None or row.failed == failed)
        )

    @cached_property
    def failed(self) -> int:
        """Attempts that failed."""
        return self.attempts(failed=True)

    @cached_property
    def failed_share(self) -> float:
        """Of the attempts, those that failed."""
        return share(self.failed, self.attempts())

    @cached_property
    def first_failed_share(self) -> float:
        """Of the first attempts, those that failed."""
        return share(self.attempts(kind="first", failed=True), self.attempts(kind="first"))

    @cached_property
    def retry_success(self) -> float:
        """Of the retries, those that succeeded."""
        return share(self.attempts(kind="retry", failed=False), self.attempts(kind="retry"))

    @cached_property
    def retry_runs(self) -> int:
        """Retries that ran to an end of their own."""
        return self.attempts(kind="retry")

    def of_failed(self, test: str) -> float:
        """Of the failed attempts, those with a property of :class:`AttemptsRow`."""
        chosen = sum(
            row.attempts for row in self.attempts_rows if row.failed and getattr(row, test)
        )
        return share(chosen, self.failed)

    @cached_property
    def reasons(self) -> Counter[str]:
        """Failed attempts by reason."""
        found: Counter[str] = Counter()
        for row in self.attempts_rows:
            if row.failed:
                found[row.reason] += row.attempts
        return found

    def of_lost(self, *dispositions: str) -> float:
        """Of the lost calls, those that ended in one of these ways."""
        return share(sum(self.ended[one] for one in dispositions), self.lost)
