"""One part of an archive against another: measures, dimensions, and the policies that were in use."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.contrast import Contrast, contrast
from recourse_observe.queries.rows import KeyRow, PolicyRow
from recourse_observe.scope import Scope

__all__ = [
    "Comparison", "FieldChange", "Side", "compared", "just_before", "policy_changes", "summed",
]  # fmt: skip

_NOT_CONTENT: Final = frozenset(
    {
        "applied_unix_us",
        "key",
        "instance",
        "policy_id",
        "policy_version",
        "policy_source",
        "event",
        "policy_json",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A part of an archive; two sides may be of two archives."""

    archive: Archive
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A field of the policy in use that A and B have different values for."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How B differs from A.

    Attributes:
        measures_a: All keys of A as one; ``None`` when it has no call.
        contrasts: Each value of each dimension, the greatest difference first.
        policy: Between the versions that most attempts of either side were made under.
    """

    a: Scope
    b: Scope
    measures_a: KeyRow | None
    measures_b: KeyRow | None
    contrasts: tuple[Contrast, ...]
    policy: tuple[FieldChange, ...]


def compared(a: Side, b: Side) -> Comparison:
    """B against A, and against what other keys did during B."""
    in_a, in_b = (one.archive.dimensions(one.scope) for one in (a, b))
    everything = b.archive.dimensions(b.scope.of(None).matching(""))
    # What other keys did tells what only time changed; two keys differ by more than time.
    over_time = a.scope.key == b.scope.key
    found = contrast(in_a, in_b, everything if over_time else in_b)
    versions = (
        {row.dimension: row.entry for row in reversed(in_a)},
        {row.dimension: row.entry for row in reversed(in_b)},
    )
    return Comparison(
        a=a.scope,
        b=b.scope,
        measures_a=summed(a.archive.keys(a.scope, buckets=1)),
        measures_b=summed(b.archive.keys(b.scope, buckets=1)),
        contrasts=found,
        policy=policy_changes(
            _policy(a, versions[0].get("policy")), _policy(b, versions[1].get("policy"))
        ),
    )


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


def policy_changes(a: PolicyRow | None, b: PolicyRow | None) -> tuple[FieldChange, ...]:
    """The fields in which two policies differ; nothing when one of them is not known."""
    if a is None or b is None:
        return ()
    names = (field.name for field in fields(PolicyRow) if field.name not in _NOT_CONTENT)
    return tuple(
        FieldChange(name=name, a=getattr(a, name), b=getattr(b, name))
        for name in names
        if getattr(a, name) != getattr(b, name)
    )


def _policy(side: Side, version: str | None) -> PolicyRow | None:
    """What a version said, as it was applied for the side's key."""
    rows = [row for row in side.archive.policies() if row.policy_version == version]
    of_key = [row for row in rows if side.scope.key in {None, row.key}]
    return next(iter(of_key or rows), None)
