"""One key over time: all that is known of it, bucket by bucket, for the screen and the command alike."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import (
        BucketRow,
        LatencyRow,
        LevelRow,
        PolicyRow,
        ReasonRow,
        TransitionRow,
    )
    from recourse_observe.scope import Scope

__all__ = ["Moment", "OverTime", "heat", "over_time", "reason_totals"]

RowT = TypeVar("RowT")
_NO_POLICY: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is known of one bucket.

    Attributes:
        calls: ``None`` when no call was made.
        reasons: Why attempts did not succeed, and how many.
        budgets: By name; ``None`` when it was not asked.
        breakers: In how many processes a breaker was in a state; empty when none ever changed.
        policies: In how many processes a version was followed.
    """

    start_unix_us: int
    calls: "BucketRow | None"
    reasons: Mapping[str, int]
    budgets: "Mapping[str, LevelRow | None]"
    breakers: Mapping[str, int]
    policies: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class OverTime:
    """A key over a stretch of time in equal buckets.

    Attributes:
        transitions: Of its breakers, from the beginning of the archive on: what held was set before.
        policies: As they were applied, likewise.
    """

    scope: "Scope"
    bucket_us: int
    buckets: "tuple[BucketRow, ...]"
    reasons: "tuple[ReasonRow, ...]"
    latencies: "tuple[LatencyRow, ...]"
    levels: "tuple[LevelRow, ...]"
    transitions: "tuple[TransitionRow, ...]"
    policies: "tuple[PolicyRow, ...]"

    @property
    def count(self) -> int:
        """How many buckets there are, empty ones as well."""
        return max(1, -(-self.scope.span_us // self.bucket_us))

    def bucket_of(self, at_unix_us: int) -> int:
        """Which bucket a moment falls into; below 0 when it is before all."""
        return (at_unix_us - self.scope.start_unix_us) // self.bucket_us

    def start_of(self, bucket: int) -> int:
        """When a bucket begins."""
        return self.scope.start_unix_us + bucket * self.bucket_us

    @cached_property
    def failures(self) -> "Mapping[str, Sequence[int]]":
        """Reasons of attempts that did not succeed over time, the most frequent first."""
        failed = [row for row in self.reasons if row.outcome != "success"]
        counts: dict[str, list[int]] = {}
        for row in self._inside(failed, lambda one: one.bucket):
            counts.setdefault(row.reason, [0] * self.count)[row.bucket] += row.attempts
        return dict(sorted(counts.items(), key=lambda pair: (-sum(pair[1]), pair[0])))

    @cached_property
    def calls_by_bucket(self) -> "Sequence[BucketRow | None]":
        """The calls of each bucket."""
        found: list[BucketRow | None] = [None] * self.count
        for row in self._inside(self.buckets, lambda one: one.bucket):
            found[row.bucket] = row
        return found

    @cached_property
    def budgets(self) -> "Mapping[str, Sequence[LevelRow | None]]":
        """What each budget decided over time."""
        found: dict[str, list[LevelRow | None]] = {}
        for row in self._inside(self.levels, lambda one: one.bucket):
            found.setdefault(row.budget_name, [None] * self.count)[row.bucket] = row
        return found

    @cached_property
    def breakers(self) -> Sequence[Mapping[str, int]]:
        """In how many processes the breaker was in a state when each bucket ended."""
        changes = ((row.changed_unix_us, row.instance, row.to_state) for row in self.transitions)
        first = {row.instance: row.from_state for row in reversed(self.transitions)}
        return self._held(changes, first)

    @cached_property
    def versions(self) -> Sequence[Mapping[str, int]]:
        """In how many processes a version of the policy was followed when each bucket ended."""
        by_process = [row for row in self.policies if row.instance] or self.policies
        changes = (
            (row.applied_unix_us, row.instance or "", row.policy_version or _NO_POLICY)
            for row in by_process
        )
        return self._held(changes, {})

    @cached_property
    def changes(self) -> Sequence[tuple[int, str, str]]:
        """When what changed in which process: policies and breakers, oldest first."""
        policies = (
            (row.applied_unix_us, f"policy {row.policy_version or _NO_POLICY}", row.instance or "")
            for row in self.policies
        )
        breakers = (
            (row.changed_unix_us, f"breaker {row.from_state} → {row.to_state}", row.instance)
            for row in self.transitions
        )
        inside = (one for one in (*policies, *breakers) if one[0] >= self.scope.start_unix_us)
        return sorted(inside, key=lambda one: one[0])

    def at(self, bucket: int) -> Moment:
        """All that is known of one bucket."""
        return Moment(
            start_unix_us=self.start_of(bucket),
            calls=self.calls_by_bucket[bucket],
            reasons={name: values[bucket] for name, values in self.failures.items()},
            budgets={name: rows[bucket] for name, rows in self.budgets.items()},
            breakers=self.breakers[bucket],
            policies=self.versions[bucket],
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "bucket_us": self.bucket_us,
            "buckets": [asdict(row) for row in self.buckets],
            "reasons": [asdict(row) for row in self.reasons],
            "latencies": [{**asdict(row), "from_us": 2**row.power} for row in self.latencies],
            "budgets": [asdict(row) for row in self.levels],
            "breakers": [asdict(row) for row in self.transitions],
            "policies": [asdict(row) for row in self.policies],
        }

    def _inside(self, rows: Iterable[RowT], bucket: Callable[[RowT], int]) -> Iterator[RowT]:
        return (row for row in rows if 0 <= bucket(row) < self.count)

    def _held(
        self, changes: Iterable[tuple[int, str, str]], first: Mapping[str, str]
    ) -> Sequence[Mapping[str, int]]:
        """What holds in how many processes at the end of each bucket."""
        waiting = sorted((self.bucket_of(at), number, who, what) for number, (at, who, what) in enumerate(changes))  # fmt: skip
        holds, found, done = dict(first), [], 0
        for bucket in range(self.count):
            while done < len(waiting) and waiting[done][0] <= bucket:
                holds[waiting[done][2]] = waiting[done][3]
                done += 1
            found.append(dict(Counter(holds.values())))
        return found


def over_time(archive: "Archive", scope: "Scope", bucket_us: int) -> OverTime:
    """A key over time; six queries.

    Args:
        archive: What is asked.
        scope: A key, and a time whose ends are known.
        bucket_us: How long a bucket is.
    """
    until = scope.during(0, scope.end_unix_us)
    return OverTime(
        scope=scope,
        bucket_us=bucket_us,
        buckets=archive.buckets(scope, bucket_us=bucket_us),
        reasons=archive.reasons(scope, bucket_us=bucket_us),
        latencies=archive.latencies(scope, bucket_us=bucket_us),
        levels=archive.levels(scope, bucket_us=bucket_us),
        transitions=archive.transitions(until),
        policies=archive.policies(until),
    )


def reason_totals(archive: "Archive", scope: "Scope") -> "Sequence[ReasonRow]":
    """How all attempts of a scope ended, the most frequent first."""
    rows = archive.reasons(scope, bucket_us=max(1, scope.span_us))
    return sorted(rows, key=lambda row: (-row.attempts, row.reason))


def heat(
    rows: "Sequence[LatencyRow]", buckets: int, most_rows: int
) -> Sequence[tuple[int, Sequence[int]]]:
    """How many attempts took how long: for each range its least microseconds and a count per bucket.

    The longest range first; each is as many doublings wide as leaves at most ``most_rows`` of them.
    """
    if not rows:
        return ()
    low, high = min(row.power for row in rows), max(row.power for row in rows)
    step = max(1, -(-(high - low + 1) // max(1, most_rows)))
    counts: dict[int, list[int]] = {power: [0] * buckets for power in range(low, high + 1, step)}
    for row in rows:
        if 0 <= row.bucket < buckets:
            counts[low + (row.power - low) // step * step][row.bucket] += row.attempts
    return [(2**power, values) for power, values in sorted(counts.items(), reverse=True)]
