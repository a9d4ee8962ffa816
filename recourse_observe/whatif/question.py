"""A question made ready: what was recorded, what calls followed, and what can be counted at once."""

from dataclasses import dataclass, replace
from typing import Final

from recourse_observe.queries.archive import Archive
from recourse_observe.whatif.answer import Answer, Kind, Row
from recourse_observe.whatif.candidate import Candidate
from recourse_observe.whatif.model import MEASURES, load_points
from recourse_observe.whatif.prefix import budget_prefix, only_cuts, prefix, prefix_rows
from recourse_observe.whatif.process import Rules
from recourse_observe.whatif.record import (
    Measured,
    Record,
    load_record,
    per_second,
    recorded_measures,
)
from recourse_observe.whatif.replay import replayed_failures
from recourse_observe.whatif.runs import LOAD_BINS, Scene
from recourse_observe.whatif.sampled import counted_calls, made_whole
from recourse_observe.whatif.scene import (
    InForce,
    NoKeyError,
    Stretch,
    arrivals_of,
    in_force,
    rules_of,
    stretch,
)

__all__ = ["Question", "counted", "prefix_of", "prepared", "scene_of"]

_MONOTONE: Final = (
    "bounds hold where less load cannot harm, and no call was rescued by a breaker or a hedge"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, made ready: what was recorded, and what calls followed."""

    archive: Archive
    stretch: Stretch
    record: Record
    force: InForce
    recorded: Measured

    def rules(self, candidate: Candidate | None = None) -> Rules:
        """What simulated calls follow: what was in force, or the candidate."""
        if candidate is None:
            return rules_of(self.record, self.force.policies, self.force.budgets)
        budgets = {**self.force.budgets, **candidate.budgets}
        return rules_of(self.record, candidate.policies, budgets)


def prepared(archive: Archive, key: str, incident: int | None) -> Question:
    """The question as far as it does not depend on the candidate."""
    chosen = stretch(archive, key, incident)
    window = (chosen.start_us, chosen.end_us)
    record = load_record(archive, key, window, (chosen.onset_us, chosen.over_us))
    if not record.calls:
        known = ", ".join(row.key for row in archive.keys()[:5])
        message = f"key {key!r} has no calls there; the archive has {known}"
        raise NoKeyError(message)
    if record.sampled:
        record = made_whole(record, counted_calls(archive, record))
    return Question(
        archive=archive,
        stretch=chosen,
        record=record,
        force=in_force(archive, record),
        recorded=recorded_measures(record),
    )


def scene_of(question: Question) -> Scene:
    """What the simulated runs of a question share."""
    record, force = question.record, question.force
    bare = replace(record, calls=(), attempts=(), asked=())
    return Scene(bare, arrivals_of(record, force.versions, force.policies))


def counted(question: Question, candidate: Candidate | None) -> Answer:
    """The answer as far as it is counted: no model."""
    record, chosen = question.record, question.stretch
    starts = [tried.at_s for tried in record.attempts if tried.ran]
    load = per_second(starts, record.length_s, record.length_s / LOAD_BINS)[:LOAD_BINS]
    rows = tuple(
        Row(
            name=m.name,
            recorded=m.of(question.recorded),
            candidate=None,
            kind=Kind.MODEL,
            unit=m.unit,
        )
        for m in MEASURES
    )
    return Answer(
        archive=question.archive.name,
        key=record.key,
        incident=chosen.incident,
        start_unix_us=chosen.start_us,
        end_unix_us=chosen.end_us,
        edits=candidate.edits if candidate is not None else (),
        rows=(*prefix_of(question, candidate), *_replay_rows(question, candidate), *rows),
        load=load_points(record, load, ()),
        assumes=(_MONOTONE,),
    )


def prefix_of(question: Question, candidate: Candidate | None) -> tuple[Row, ...]:
    """What the candidate leaves of the record, and what bounds follow; nothing when it leaves no prefix."""
    policies = question.force.policies
    if candidate is None or question.record.sampled or question.record.filled_in:
        return ()
    pairs = list(zip(policies, candidate.policies, strict=True))
    if len(pairs) != 1 or not all(only_cuts(before, after) for before, after in pairs):
        return ()
    after = pairs[0][1]
    if after.retry.budget is None:
        most = after.retry.max_attempts
        return prefix_rows(prefix(question.archive, question.record, most), most)
    table = candidate.budgets.get(after.retry.budget.name)
    if table is None or table["kind"] not in {"token_bucket", "retry_ratio"}:
        return ()
    counted = budget_prefix(question.record, after, candidate.budgets)
    return prefix_rows(counted)


def _replay_rows(question: Question, candidate: Candidate | None) -> tuple[Row, ...]:
    if candidate is None:
        return ()
    failed = next(m for m in MEASURES if m.name == "failed_calls")
    return (
        Row(
            name=failed.name,
            recorded=failed.of(question.recorded),
            candidate=replayed_failures(question.record, candidate.policies[0]),
            kind=Kind.REPLAY,
            unit=failed.unit,
            note="static replay of recorded outcomes, for comparison: load changes nothing in it",
        ),
    )
