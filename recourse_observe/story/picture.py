"""All that the detectors may look at: an incident's phases, load, policies and breakers. Pure data."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import mean, pvariance

from recourse_observe.queries.rows import PolicyRow, TransitionRow

__all__ = [
    "AttemptsRow",
    "Beat",
    "BudgetCount",
    "CallsRow",
    "Latency",
    "Phase",
    "Picture",
    "ProcessSecond",
    "share",
]

_TIMEOUTS = ("timeout", "deadline")
_LIMITED = ("429", "rate_limit", "ratelimit", "quota", "throttl", "too_many", "exhausted")
_MISSING = ("budget_not_found", "budget_registry_missing", "budget_nil")
_MISTAKES = ("INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED")
_OTHER_STATUSES = frozenset({408, 409, 425, 429})  # about time, conflicts and load
_HTTP = re.compile(r"(?:^|_)([1-5]\d\d)$")


def share(part: float, whole: float) -> float:
    """A part of a whole; nothing of nothing is 0."""
    return part / whole if whole else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsRow:
    """Calls that ended alike; see ``phase_calls.sql``."""

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
    p50_us: int

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


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An incident as the detectors see it. Moments are microseconds since 1970.

    Attributes:
        all_calls: Calls of every key of the archive, in all phases.
        policies: Those of the culprit keys, from before the incident until after it.
        transitions: Of the culprit keys' breakers, during it.
        new_keys: Keys that were first seen in it.
    """

    keys: tuple[str, ...]
    onset_us: int
    end_us: int
    ongoing: bool
    before: Phase
    during: Phase
    after: Phase
    all_calls: Sequence[CallsRow]
    beats: Sequence[Beat]
    processes: Sequence[ProcessSecond]
    policies: Sequence[PolicyRow]
    transitions: Sequence[TransitionRow]
    budget: Sequence[BudgetCount]
    affected: tuple[str, ...] = ()
    new_keys: tuple[str, ...] = field(default=())

    @property
    def minutes(self) -> float:
        """How long it lasted."""
        return (self.end_us - self.onset_us) / 60e6

    @cached_property
    def calls_ratio(self) -> float:
        """Calls per second, during it against before.

        Where other keys depend on these, their retries make calls here: then the dependents' own
        calls tell whether more was asked for.
        """
        own = share(self.during.calls_per_s, self.before.calls_per_s) or 1.0
        dependents = set(self.affected) - set(self.keys)
        asked = {
            phase: sum(r.calls for r in self.all_calls if r.phase == phase and r.key in dependents)
            for phase in ("before", "during")
        }
        per_s = share(asked["before"], self.before.seconds)
        theirs = share(share(asked["during"], self.during.seconds), per_s)
        return min(own, theirs) if theirs else own

    @cached_property
    def latency_ratio(self) -> float:
        """Median of successful attempts, during it against before; without successes infinite."""
        usual = self.before.latency.p50_us
        now = self.during.latency.p50_us
        if usual is None:
            return 1.0
        return now / usual if now is not None else float("inf")

    def load(self, start_s: float, end_s: float, *, what: str = "firsts") -> float:
        """Per second, between two moments given in seconds from the onset."""
        low, high = (self.onset_us + round(s * 1e6) for s in (start_s, end_s))
        beats = [b for b in self.beats if low <= b.beat * 500_000 < high]
        return share(sum(getattr(b, what) for b in beats), end_s - start_s)

    @cached_property
    def accepted_per_s(self) -> float:
        """Attempts per second, during it, that were not refused at once."""
        length = max(1.0, (self.end_us - self.onset_us) / 1e6)
        return self.load(0, length, what="attempts") - self.load(0, length, what="shed")

    @cached_property
    def policy(self) -> PolicyRow | None:
        """The policy most lately applied on a culprit key before the incident was half over."""
        half = (self.onset_us + self.end_us) // 2
        applied = [row for row in self.policies if row.applied_unix_us <= half]
        return applied[-1] if applied else None

    @cached_property
    def timeout_us(self) -> int | None:
        """How long an attempt may take."""
        return self.during.latency.timeout_us or self.before.latency.timeout_us

    @cached_property
    def instances(self) -> Mapping[str, tuple[int, int]]:
        """Calls and lost or hurt ones of each process, during it, on the culprit keys."""
        found: dict[str, tuple[int, int]] = {}
        low, high = self.onset_us // 1_000_000, self.end_us // 1_000_000
        for row in self.processes:
            if low <= row.at_s <= high:
                calls, hurt = found.get(row.instance, (0, 0))
                found[row.instance] = (calls + row.calls, hurt + row.hurt)
        return found

    @cached_property
    def channel(self) -> str:
        """What rose most, of lost, hurt and hedged calls, by the name in :class:`ProcessSecond`."""
        low, high = self.onset_us // 1_000_000, self.end_us // 1_000_000

        def rise(what: str) -> float:
            inside = [row for row in self.processes if low <= row.at_s <= high]
            outside = [row for row in self.processes if row.at_s < low]
            now, usual = (
                share(sum(getattr(r, what) for r in rows), sum(r.calls for r in rows))
                for rows in (inside, outside)
            )
            return now - usual

        return max(("lost", "hurt", "hedges"), key=rise)

    @cached_property
    def worst_instance(self) -> tuple[str, float, float]:
        """The process with most of the trouble: its name, its share of it, its share of the calls."""
        if not self.instances:
            return "", 0.0, 0.0
        name = max(sorted(self.instances), key=lambda one: self.instances[one][1])
        calls, hurt = self.instances[name]
        everyone = self.instances.values()
        return (
            name,
            share(hurt, sum(h for _, h in everyone)),
            share(calls, sum(c for c, _ in everyone)),
        )

    @cached_property
    def peers(self) -> Mapping[str, float]:
        """The share of failed attempts at each server that is known, during it."""
        ran: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for row in self.during.attempts_rows:
            # A primary that lost to its hedge was too slow: to its caller that is a failure.
            outrun = row.outcome == "cancelled" and row.kind != "hedge" and not row.lost
            if row.peer and (row.failed or outrun or row.outcome == "success"):
                ran[row.peer] += row.attempts
                failed[row.peer] += row.attempts if row.failed or outrun else 0
        return {peer: share(failed[peer], count) for peer, count in ran.items()}

    @cached_property
    def budget_missing_share(self) -> float:
        """Of the denials during it, those for want of a budget."""
        denied = [b for b in self.budget if b.phase == "during" and not b.allowed]
        missing = sum(b.decisions for b in denied if b.reason in _MISSING)
        return share(missing, sum(b.decisions for b in denied))

    def waves(self, *, during: bool) -> float:
        """The Fano factor of retries' starts in half seconds; 1 is smooth, waves are far above."""
        low, high = self.onset_us // 500_000, self.end_us // 500_000
        known = {
            b.beat: b.attempts - b.firsts for b in self.beats if (low <= b.beat < high) == during
        }
        if not known:
            return 0.0
        counts = [known.get(i, 0) for i in range(min(known), max(known) + 1)]
        return share(pvariance(counts), mean(counts))
