"""Counts over what was recorded: exact for a prefix of it, and the bounds that follow from that.

A candidate that only takes attempts away leaves of the record a prefix of each call. How many
attempts that leaves, and which rescues it takes, is counted, not estimated. What it does to the
outcome of other attempts is not in the record: where less load cannot harm, the counts are bounds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, Final

from recourse.budget.protocol import Ask, Budget
from recourse.policy.diff import diff
from recourse.policy.model import EffectivePolicy
from recourse.reasons import BudgetKind
from recourse_observe.queries.archive import Archive
from recourse_observe.scope import Scope
from recourse_observe.whatif.answer import Kind, Row, Unit
from recourse_observe.whatif.budgets import Table, budgets_from
from recourse_observe.whatif.record import Record

__all__ = ["Prefix", "budget_prefix", "only_cuts", "prefix", "prefix_rows"]

_US: Final = 1e6
_DEVIATIONS: Final = 3.0
_NOTES: Final = {
    "recorded_attempts_kept": "of the recorded attempts, those that the candidate also allows",
    "recorded_rescues_lost": "of the recorded rescues, those by an attempt that the candidate takes away",
    "failed_calls": "at most, where less load cannot harm, give or take luck: "
    "every rescue taken away is a lost call",
    "attempts": "at most, where less load cannot harm, give or take luck",
}
_CUTS: Final = frozenset({"retry.max_attempts", "retry.budget.name", "retry.budget.cost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """What the candidate leaves of the record.

    Attributes:
        attempts: Attempts that were recorded.
        kept: Those of them that the candidate allows.
        failed: Calls that were lost.
        rescued: Calls that a retry rescued.
        given_up: Calls that were rescued by an attempt which the candidate takes away.
    """

    calls: int
    attempts: int
    kept: int
    failed: int
    rescued: int
    given_up: int


def only_cuts(before: EffectivePolicy, after: EffectivePolicy) -> bool:
    """Whether the candidate does nothing but take retries away, so that the record holds its prefix.

    Breakers, hedges and budgets that learn react to every outcome: with them nothing is a prefix.
    """
    changed = {one.path for one in diff(before, after)}
    reacts = before.hedge.enabled or before.circuit.enabled
    more = after.retry.max_attempts > before.retry.max_attempts
    had_budget = before.retry.budget is not None
    return bool(changed) and changed <= _CUTS and not reacts and not more and not had_budget


def prefix(archive: Archive, record: Record, most: int) -> Prefix:
    """The record with no more than ``most`` attempts per call, counted in SQL."""
    scope = Scope(
        start_unix_us=record.start_us,
        end_unix_us=record.start_us + round(record.length_s * _US),
        key=record.key,
    )
    onset_us = record.start_us + round(record.onset_s * _US)
    return archive.rows(Prefix, "whatif_prefix", scope, most=most, onset_us=onset_us)[0]


def budget_prefix(record: Record, policy: EffectivePolicy, budgets: Mapping[str, Table]) -> Prefix:
    """The record under a budget that is asked in the recorded order, each process its own.

    Args:
        record: What was recorded.
        policy: The candidate.
        budgets: Kind and parameters of budgets, by name.
    """
    ref, processes = policy.retry.budget, dict[str, Mapping[str, Budget]]()
    ended: set[int] = set()
    kept = dict.fromkeys(range(len(record.calls)), 0)
    won: set[int] = set()
    for tried in record.attempts:
        if not tried.ran or tried.call in ended or tried.attempt >= policy.retry.max_attempts:
            continue
        own = _own(processes, record.calls[tried.call].instance, budgets)
        budget: Any = own.get(ref.name) if ref is not None else None
        if tried.attempt and budget is not None and ref is not None:
            asked = Ask(record.key, tried.attempt, BudgetKind.RETRY, ref.cost, tried.at_s)
            if not budget.ask(asked).allowed:
                ended.add(tried.call)
                continue
        elif budget is not None and hasattr(budget, "begin"):
            budget.begin(tried.at_s)
        kept[tried.call] += 1
        if tried.outcome == "success":
            won.add(tried.call)
    counted = range(record.first, len(record.calls))
    calls = [record.calls[index] for index in counted]
    return Prefix(
        calls=len(calls),
        attempts=sum(call.attempts for call in calls),
        kept=sum(kept[index] for index in counted),
        failed=sum(call.lost for call in calls),
        rescued=sum(call.rescued for call in calls),
        given_up=sum(record.calls[i].rescued and i not in won for i in counted),
    )


def _own(
    processes: dict[str, Mapping[str, Budget]], name: str, tables: Mapping[str, Table]
) -> Mapping[str, Budget]:
    if name not in processes:
        processes[name] = budgets_from(tables)
    return processes[name]


def prefix_rows(found: Prefix, most: int | None = None) -> tuple[Row, ...]:
    """The counts as rows: what is exact of the record, and what bounds the candidate.

    Args:
        found: The counts.
        most: How many attempts a call may make, when the counts bound anything. Under a budget they
            do not: what one call leaves of it, another one takes.
    """
    kept = _exact("recorded_attempts_kept", found.attempts, found.kept, Unit.ATTEMPTS)
    lost = _exact("recorded_rescues_lost", found.rescued, found.given_up, Unit.CALLS)
    return (kept, lost) if most is None else (kept, lost, *_bounds(found, most))


def _exact(name: str, recorded: int, candidate: int, unit: Unit) -> Row:
    """A count of the record itself."""
    return Row(
        name=name,
        recorded=recorded,
        candidate=candidate,
        low=candidate,
        high=candidate,
        kind=Kind.EXACT,
        unit=unit,
        note=_NOTES[name],
    )


def _bounds(found: Prefix, most: int) -> tuple[Row, Row]:
    """What follows of the candidate's own losses and attempts."""
    return (
        Row(
            name="failed_calls",
            recorded=found.failed,
            candidate=None,
            low=0,
            high=_lucky(found.failed + found.given_up, found.calls, 1),
            kind=Kind.BOUND,
            unit=Unit.CALLS,
            note=_NOTES["failed_calls"],
        ),
        Row(
            name="attempts",
            recorded=found.attempts,
            candidate=None,
            low=found.calls if found.calls <= found.kept else 0,
            high=found.calls + _lucky(found.kept - found.calls, found.calls, most - 1),
            kind=Kind.BOUND,
            unit=Unit.ATTEMPTS,
            note=_NOTES["attempts"],
        ),
    )


def _lucky(count: int, calls: int, each: int) -> int:
    """A count that other luck does not exceed: three standard deviations, and no more than can be.

    Less load harms nobody on the whole. It puts others into the queue, and one of them may lose.

    Args:
        count: What was counted.
        calls: Of so many calls.
        each: How much one call can add to it.
    """
    can = calls * each
    if not 0 < count < can:
        return count
    share = count / can
    return min(can, count + ceil(_DEVIATIONS * each * sqrt(calls * share * (1.0 - share))))
