"""All that the detectors may look at: an incident's phases, load, policies and breakers. Pure data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from recourse_observe.queries.rows import PolicyRow, TransitionRow
from recourse_observe.story.phase_rows import (
    AttemptsRow,
    Beat,
    BudgetCount,
    CallsRow,
    ProcessSecond,
)
from recourse_observe.story.phases import Phase, share

__all__ = ["Picture"]

_FEW = 10
_GONE = 0.3
_MISSING = ("budget_not_found", "budget_registry_missing", "budget_nil")


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
    def laboured_share(self) -> float:
        """Attempts per second that were worked on, against the usual calls per second.

        A failure that came as fast as an answer or faster cost the dependency nothing: it was
        refused. Whoever answers to as much as ever is not down.
        """
        worked = sum(
            row.attempts for row in self.during.attempts_rows if not (row.failed and row.quick)
        )
        return share(share(worked, self.during.seconds), self.before.calls_per_s)

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
    def gone_peers(self) -> tuple[str, ...]:
        """Servers that answered before and hardly did during it, while others went on.

        An attempt that was cut off does not know whom it had reached, so a silent server shows
        only by its missing answers.
        """
        before, during = (_answers(phase.attempts_rows) for phase in (self.before, self.during))
        usual, now = sum(before.values()), sum(during.values())
        return tuple(
            sorted(
                peer
                for peer, count in before.items()
                if count >= _FEW and share(during[peer], now) < _GONE * share(count, usual)
            )
        )

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
        size, total = len(counts), sum(counts)
        spread = size * sum(n * n for n in counts) - total * total  # exact, as whole numbers are
        return share(spread / (size * size), total / size)


def _answers(rows: Sequence[AttemptsRow]) -> Counter[str]:
    """Successes of each known server."""
    found: Counter[str] = Counter()
    for row in rows:
        if row.peer and row.outcome == "success":
            found[row.peer] += row.attempts
    return found
