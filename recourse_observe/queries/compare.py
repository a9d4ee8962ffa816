"""One part of an archive against another: measures, dimensions, and the policies that were in use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.contrast import Contrast, contrast
from recourse_observe.queries.policies import PolicyDiff, policy_diff
from recourse_observe.queries.rows import DimensionRow, KeyRow
from recourse_observe.scope import Scope

__all__ = ["Comparison", "Side", "compared", "just_before", "summed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A part of an archive; two sides may be of two archives."""

    archive: Archive
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How B differs from A.

    Attributes:
        measures_a: All keys of A as one; ``None`` when it has no call.
        contrasts: Each value of each dimension, the greatest difference first.
        distinct: How many values each dimension has, on the side that has more.
        policy: What most calls of either side followed; ``None`` where that is no question: other
            keys follow other policies, and calls of one time the same.
    """

    a: Scope
    b: Scope
    measures_a: KeyRow | None
    measures_b: KeyRow | None
    contrasts: tuple[Contrast, ...]
    distinct: Mapping[str, int] = field(default_factory=dict)
    policy: PolicyDiff | None

    @property
    def is_whole(self) -> bool:
        """Both sides have calls, so there is something to compare."""
        return self.measures_a is not None and self.measures_b is not None


def compared(a: Side, b: Side, *, with_policies: bool = True) -> Comparison:
    """B against A, and against what other keys did during B."""
    in_a, in_b = (one.archive.dimensions(one.scope) for one in (a, b))
    everything = b.archive.dimensions(b.scope.of(None).matching(""))
    # What other keys did tells what only time changed; two keys differ by more than time.
    over_time = a.scope.key == b.scope.key
    pairs = ((a.archive, a.scope), (b.archive, b.scope))
    return Comparison(
        a=a.scope,
        b=b.scope,
        measures_a=summed(a.archive.keys(a.scope, buckets=1)),
        measures_b=summed(b.archive.keys(b.scope, buckets=1)),
        contrasts=contrast(in_a, in_b, everything if over_time else in_b),
        distinct=_distinct((*in_a, *in_b)),
        policy=policy_diff(*pairs) if with_policies else None,
    )


def _distinct(rows: Sequence[DimensionRow]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row.dimension] = max(row.distinct_entries, found.get(row.dimension, 0))
    return found


def just_before(archive: Archive, scope: Scope) -> Scope:
    """As long a stretch just before a scope, as far as the archive reaches."""
    start = max(archive.coverage().first_unix_us, scope.start_unix_us - scope.span_us)
    return scope.during(min(start, scope.start_unix_us), scope.start_unix_us)


def summed(rows: Sequence[KeyRow]) -> KeyRow | None:
    """Several keys as one; the quantiles of more than one do not add up and are left out."""
    if len(rows) < 2:  # noqa: PLR2004  # nothing to add
        return rows[0] if rows else None
    return KeyRow(
        key="*",
        calls=sum(row.calls for row in rows),
        lost=sum(row.lost for row in rows),
        attempts=sum(row.attempts for row in rows),
        retries=sum(row.retries for row in rows),
        rescued=sum(row.rescued for row in rows),
        hedges=sum(row.hedges for row in rows),
        denied=sum(row.denied for row in rows),
        rejected=sum(row.rejected for row in rows),
        failed_attempts=sum(row.failed_attempts for row in rows),
        p50_us=None,
        p99_us=None,
        call_p99_us=None,
    )
