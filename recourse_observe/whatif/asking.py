"""Asks an archive: how would an incident have gone under another policy?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from recourse_observe.queries.archive import Archive
from recourse_observe.whatif.answer import Answer, Check, Kind, Row, SweepPoint
from recourse_observe.whatif.candidate import Candidate, edited, from_file
from recourse_observe.whatif.fit import fit
from recourse_observe.whatif.model import (
    MEASURES,
    Grounds,
    checked,
    ground,
    load_points,
    model_rows,
)
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
from recourse_observe.whatif.runs import LOAD_BINS, Runner, Scene, runner
from recourse_observe.whatif.scene import (
    InForce,
    NoKeyError,
    Stretch,
    arrivals_of,
    in_force,
    rules_of,
    stretch,
    unfit,
)
from recourse_observe.whatif.suggest import suggestions

__all__ = ["ask"]

_FEEDBACK: Final = (
    "the dependency behaves as the fitted one does, and what came from outside comes again"
)
_CALLERS: Final = (
    "callers call as they did: nobody calls more, less or again because of another outcome"
)
_ALONE: Final = "the dependency serves this key alone, or its other load stays as it was"
_MONOTONE: Final = (
    "bounds hold where less load cannot harm, and no call was rescued by a breaker or a hedge"
)

Progress = Callable[[str], None]


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


def ask(  # noqa: PLR0913  # one argument per part of the question
    archive: Archive,
    key: str,
    *,
    edits: Sequence[str] = (),
    policy_file: str | None = None,
    incident: int | None = None,
    sweep: str | None = None,
    suggest: bool = False,
    processes: int = 1,
    progress: Progress | None = None,
) -> Answer:
    """How an incident would have gone under another policy.

    Args:
        archive: An open archive.
        key: The policy key whose calls are looked at.
        edits: Changes of the policy that was in force, for example ``retry.max_attempts=2``.
        policy_file: A policy file whose policy of the key is the candidate, in place of edits.
        incident: Its number in the story; left out: the longest of the key, or the whole archive.
        sweep: ``field=a,b,c``: an answer for each value, the edits applied before.
        suggest: Whether to search for better policies.
        processes: Worker processes for the simulation. More than one starts new interpreters, so a
            script needs its ``if __name__ == "__main__"``.
        progress: Told what is going on.

    Raises:
        PolicyFileError: The candidate is no policy; holds every problem.
        NoIncidentError: The archive has no such incident.
        NoKeyError: It has no calls of the key in that stretch.
    """
    tell = progress or _untold
    tell("reading the archive")
    question = prepared(archive, key, incident)
    candidates = _candidates(question, edits, policy_file, sweep)
    reason = unfit(question.record, question.force)
    answer = _counted(question, candidates[0][1])
    if reason is not None:
        return replace(answer, refusal=reason, sweep_field=_field(sweep))
    scene = scene_of(question)
    with runner(scene, processes, _Counter(tell).ran) as run:
        tell("fitting the dependency to the record")
        rules = question.rules()
        fitted = fit(question.record, rules, run)
        tell("checking the fit on the recorded policy")
        grounds = ground(question.record, question.recorded, fitted, rules, run)
        check = checked(grounds)
        if not check.passed:
            return replace(answer, check=check, refusal=_missed(check), sweep_field=_field(sweep))
        tell("running the candidate")
        answer = replace(answer, sweep_field=_field(sweep))
        answer = _modelled(question, grounds, check, answer, candidates, run)
        if not suggest:
            return answer
        tell("searching for better policies")
        found = suggestions(grounds, scene, question.force.policies, question.rules, run)
        return replace(answer, suggestions=found)


def prepared(archive: Archive, key: str, incident: int | None) -> Question:
    """The question as far as it does not depend on the candidate."""
    chosen = stretch(archive, key, incident)
    window = (chosen.start_us, chosen.end_us)
    record = load_record(archive, key, window, (chosen.onset_us, chosen.over_us))
    if not record.calls:
        known = ", ".join(row.key for row in archive.keys()[:5])
        message = f"key {key!r} has no calls there; the archive has {known}"
        raise NoKeyError(message)
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


def _candidates(
    question: Question, edits: Sequence[str], policy_file: str | None, sweep: str | None
) -> list[tuple[str, Candidate | None]]:
    """The candidate, then those of the sweep, each with the value that it stands for."""
    policies = question.force.policies
    if not policies:
        return [("", None)]
    if policy_file is not None:
        return [("", from_file(policies, policy_file))]
    field, _, values = (sweep or "").partition("=")
    swept = [value for value in values.split(",") if value.strip()]
    first = edited(policies, edits)
    return [("", first), *((v, edited(policies, [*edits, f"{field}={v}"])) for v in swept)]


def _counted(question: Question, candidate: Candidate | None) -> Answer:
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
        rows=(*_prefix_rows(question, candidate), *_replay_rows(question, candidate), *rows),
        load=load_points(record, load, ()),
        assumes=(_MONOTONE,),
    )


def _prefix_rows(question: Question, candidate: Candidate | None) -> tuple[Row, ...]:
    policies = question.force.policies
    if candidate is None or question.record.sampled:
        return ()
    pairs = list(zip(policies, candidate.policies, strict=True))
    if len(pairs) != 1 or not all(only_cuts(before, after) for before, after in pairs):
        return ()
    after = pairs[0][1]
    if after.retry.budget is None:
        most = after.retry.max_attempts
        return prefix_rows(prefix(question.archive, question.record, most))
    table = candidate.budgets.get(after.retry.budget.name)
    if table is None or table["kind"] not in {"token_bucket", "retry_ratio"}:
        return ()
    counted = budget_prefix(question.record, after, candidate.budgets)
    return prefix_rows(counted, bounds=False)


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


def _modelled(  # what an answer is made of
    question: Question,
    grounds: Grounds,
    check: Check,
    answer: Answer,
    candidates: Sequence[tuple[str, Candidate | None]],
    run: Runner,
) -> Answer:
    counted = tuple(row for row in answer.rows if row.kind is not Kind.MODEL)
    points: list[SweepPoint] = []
    rows, load = answer.rows, answer.load
    for value, candidate in candidates:
        after = run(grounds.tasks(question.rules(candidate)))
        made = model_rows(grounds, after)
        if value:
            points.append(SweepPoint(value=value, rows=made))
        else:
            rows = (*counted, *made)
            load = load_points(question.record, [point.recorded for point in load], after)
    return replace(
        answer,
        rows=rows,
        load=load,
        check=check,
        assumes=(*answer.assumes, _FEEDBACK, _CALLERS, _ALONE, *_of_budgets(question)),
        runs=len(grounds.before),
        sweep=tuple(points),
    )


def _of_budgets(question: Question) -> list[str]:
    return [
        f"budget {name!r} is unlimited: it has denied nothing that was recorded"
        for name, table in question.force.budgets.items()
        if table["kind"] == "unlimited"
    ]


def _missed(check: Check) -> str:
    missed = next(row for row in check.rows if not row.passed)
    return (
        f"the fitted dependency does not reproduce the record: {missed.name} {missed.modelled:.4g}, "
        f"recorded {missed.recorded:.4g}"
    )


def _field(sweep: str | None) -> str:
    return (sweep or "").partition("=")[0]


class _Counter:
    """Counts runs and tells now and then."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell
        self._ran = 0

    def ran(self, count: int) -> None:
        """One more has ended."""
        self._ran += count
        self._tell(f"{self._ran} runs")


def _untold(text: str) -> None:
    del text
