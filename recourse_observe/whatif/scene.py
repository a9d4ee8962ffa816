"""Sets the scene of a question: which stretch, which policies were in force, which calls were made."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from recourse.outcome import Outcome, OutcomeKind
from recourse.policy.model import EffectivePolicy
from recourse_observe.queries.archive import Archive
from recourse_observe.scope import EVERYTHING
from recourse_observe.story.asked import Span
from recourse_observe.story.find import find
from recourse_observe.whatif.budgets import Table, inferred_budget
from recourse_observe.whatif.candidate import recorded_policy
from recourse_observe.whatif.process import Arrival, Rules
from recourse_observe.whatif.record import Record

__all__ = [
    "InForce",
    "NoIncidentError",
    "NoKeyError",
    "Stretch",
    "around",
    "arrivals_of",
    "in_force",
    "rules_of",
    "stretch",
    "unfit",
]

_BEFORE_US: Final = 120_000_000
_AFTER_US: Final = 300_000_000
_LEAST_CALLS: Final = 200
_MOST_GAPS: Final = 0.1


class NoIncidentError(LookupError):
    """The archive has no such incident, or none of the key; the text says what there is."""


class NoKeyError(LookupError):
    """The archive has no calls of the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What is looked at, microseconds since 1970.

    Attributes:
        incident: Its number in the story; ``None`` for a whole archive.
        end_us: Not included.
    """

    incident: int | None
    start_us: int
    end_us: int
    onset_us: int
    over_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What calls of the stretch followed.

    Attributes:
        policies: The one that most calls followed first.
        versions: Version to its place among them.
        budgets: Of those that they draw from, what could be read off.
        unknown: Names of budgets that could not.
    """

    policies: tuple[EffectivePolicy, ...]
    versions: Mapping[str, int]
    budgets: Mapping[str, Table]
    unknown: tuple[str, ...]


def stretch(archive: Archive, key: str, number: int | None) -> Stretch:
    """The stretch around an incident of the key; the whole archive when it has none.

    Raises:
        NoIncidentError: There is no incident of this number.
    """
    found = find(archive)
    coverage = found.coverage
    numbered = list(enumerate(found.spans, 1))
    if number is not None:
        chosen = [one for one in numbered if one[0] == number]
        if not chosen:
            message = (
                f"incident {number} is not among the {len(numbered)} of this archive; count from 1"
            )
            raise NoIncidentError(message)
    else:
        own = [one for one in numbered if key in one[1].affected]
        chosen = sorted(
            own, key=lambda one: (key not in one[1].keys, one[1].onset_us - one[1].end_us)
        )
    if not chosen:
        first, last = coverage.first_unix_us, coverage.last_unix_us + 1
        return Stretch(incident=None, start_us=first, end_us=last, onset_us=first, over_us=first)
    return around(*chosen[0])


def around(number: int, span: Span) -> Stretch:
    """What is looked at of an incident: with what was before it, and after it."""
    return Stretch(
        incident=number,
        start_us=max(span.clear_from_us, span.onset_us - _BEFORE_US),
        end_us=max(span.end_us, min(span.clear_to_us, span.end_us + _AFTER_US)),
        onset_us=span.onset_us,
        over_us=span.end_us,
    )


def in_force(archive: Archive, record: Record) -> InForce:
    """The policies that calls of the record followed, and their budgets."""
    known = {
        row.policy_version: row
        for row in archive.policies(EVERYTHING.of(record.key))
        if row.policy_version
    }
    used = Counter(call.policy_version for call in record.calls if call.policy_version in known)
    policies = tuple(recorded_policy(known[version]) for version, _ in used.most_common())
    names = {
        ref.name
        for policy in policies
        for ref in (policy.retry.budget, policy.hedge.budget if policy.hedge.enabled else None)
        if ref is not None
    }
    tables = {name: inferred_budget(record, name) for name in sorted(names)}
    return InForce(
        policies=policies,
        versions={version: place for place, (version, _) in enumerate(used.most_common())},
        budgets={name: table for name, table in tables.items() if table is not None},
        unknown=tuple(name for name, table in tables.items() if table is None),
    )


def arrivals_of(
    record: Record, versions: Mapping[str, int], policies: Sequence[EffectivePolicy]
) -> tuple[Arrival, ...]:
    """The calls as they were made; one of an unknown policy follows the first."""
    processes = {name: i for i, name in enumerate(sorted({c.instance for c in record.calls}))}
    made = []
    for call in record.calls:
        policy = versions.get(call.policy_version, 0)
        own_s = policies[policy].retry.overall_timeout_s
        deadline_s = call.deadline_s
        if deadline_s is not None and own_s is not None and deadline_s > 0.98 * own_s:
            deadline_s = None
        made.append(Arrival(call.at_s, processes[call.instance], deadline_s, policy))
    return tuple(made)


def rules_of(
    record: Record, policies: Sequence[EffectivePolicy], budgets: Mapping[str, Any]
) -> Rules:
    """What simulated calls follow; an attempt that is cut off means what it meant in the record."""
    cut = Counter(
        t.outcome
        for t in record.attempts
        if t.ran
        and t.reason != "hedge_lost"
        and t.timeout_s is not None
        and t.duration_s >= t.timeout_s
        and t.outcome != "success"
    )
    terminal = cut["non_retryable"] > cut["retryable"]
    kind = OutcomeKind.NON_RETRYABLE if terminal else OutcomeKind.RETRYABLE
    return Rules(
        key=record.key,
        policies=tuple(policies),
        budgets=budgets,
        timeout=Outcome(kind, "attempt_timeout"),
    )


def unfit(record: Record, force: InForce) -> str | None:
    """Why the archive supports no model; ``None`` when it does."""
    counted = len(record.calls) - record.first
    if counted < _LEAST_CALLS:
        return f"only {counted} calls were recorded from the onset on; {_LEAST_CALLS} are needed"
    if record.sampled:
        return (
            "the archive is sampled, and holds no counts of the calls that were left out: "
            "their load is missing"
        )
    if not force.policies:
        return "the archive does not say which policy the calls followed"
    if record.gaps_s > _MOST_GAPS * record.length_s:
        return f"nothing was recorded for {record.gaps_s:.0f} s of {record.length_s:.0f} s"
    if force.unknown:
        name = force.unknown[0]
        return f"the archive does not show how budget {name!r} was built; give --set budgets.{name}.kind=… and its numbers"
    return None
