"""Asks an archive: how would an incident have gone under another policy?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
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
from recourse_observe.whatif.question import Question, counted, prefix_of, prepared, scene_of
from recourse_observe.whatif.runs import Runner, runner
from recourse_observe.whatif.scene import unfit
from recourse_observe.whatif.suggest import suggestions

__all__ = ["ask", "certain", "within"]

_FEEDBACK: Final = (
    "the dependency behaves as the fitted one does, and what came from outside comes again"
)
_CALLERS: Final = (
    "callers call as they did: nobody calls more, less or again because of another outcome"
)
_ALONE: Final = "the dependency serves this key alone, or its other load stays as it was"

Progress = Callable[[str], None]


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
    answer = replace(counted(question, candidates[0][1]), sweep_field=_field(sweep))
    reason = unfit(question.record, question.force)
    if reason is not None:
        return replace(answer, refusal=reason)
    scene = scene_of(question)
    with runner(scene, processes, _Counter(tell).ran) as run:
        tell("fitting the dependency to the record")
        rules = question.rules()
        fitted = fit(question.record, rules, run)
        tell("checking the fit on the recorded policy")
        grounds = ground(question.record, question.recorded, fitted, rules, run)
        check = checked(grounds)
        if not check.passed:
            return replace(answer, check=check, refusal=_missed(check))
        tell("running the candidate")
        answer = _modelled(question, grounds, check, answer, candidates, run)
        if not suggest:
            return answer
        tell("searching for better policies")
        found = suggestions(grounds, scene, question.force.policies, question.rules, run)
        return replace(answer, suggestions=found)


def certain(
    archive: Archive, key: str, *, edits: Sequence[str] = (), incident: int | None = None
) -> Answer:
    """What :func:`ask` says without a model, and so at once: what is counted, and what bounds it.

    Raises:
        PolicyFileError: The candidate is no policy; holds every problem.
        NoIncidentError: The archive has no such incident.
        NoKeyError: It has no calls of the key in that stretch.
    """
    question = prepared(archive, key, incident)
    ((_, candidate),) = _candidates(question, edits, None, None)
    return counted(question, candidate)


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


def _modelled(
    question: Question,
    grounds: Grounds,
    check: Check,
    answer: Answer,
    candidates: Sequence[tuple[str, Candidate | None]],
    run: Runner,
) -> Answer:
    sure = tuple(row for row in answer.rows if row.kind is not Kind.MODEL)
    points: list[SweepPoint] = []
    rows, load = answer.rows, answer.load
    for value, candidate in candidates:
        rules = question.rules(candidate)
        after = run(grounds.tasks(rules))
        bounds = prefix_of(question, candidate)
        made = tuple(within(row, bounds) for row in model_rows(grounds, after, rules))
        if value:
            points.append(SweepPoint(value=value, rows=made))
        else:
            rows = (*sure, *made)
            load = load_points(question.record, [point.recorded for point in load], after)
    return replace(
        answer,
        rows=rows,
        load=load,
        check=check,
        assumes=(*answer.assumes, _FEEDBACK, _CALLERS, _ALONE, *_of_this(question)),
        runs=len(grounds.before),
        sweep=tuple(points),
    )


def _of_this(question: Question) -> list[str]:
    record = question.record
    filled = (
        f"the archive is sampled: {record.filled_in} of {len(record.calls)} calls are as many as its "
        "counts say, and like the calls that stand for them"
    )
    return [
        *([filled] if record.filled_in else []),
        *(
            f"budget {name!r} is unlimited: it has denied nothing that was recorded"
            for name, table in question.force.budgets.items()
            if table["kind"] == "unlimited"
        ),
    ]


def within(row: Row, sure: Sequence[Row]) -> Row:
    """A modelled row no higher than the bound that was counted, where there is one."""
    bounds = (one for one in sure if one.kind is Kind.BOUND and one.name == row.name)
    bound = next((one.high for one in bounds if one.high is not None), None)
    if bound is None or row.candidate is None or row.low is None or row.high is None:
        return row
    low, middle, high = (min(bound, one) for one in (row.low, row.candidate, row.high))
    return replace(row, low=low, candidate=middle, high=high)


def _missed(check: Check) -> str:
    decided = {measure.name for measure in MEASURES if measure.decides}
    rows = [row for row in check.rows if row.name in decided]
    row = next((row for row in rows if not row.passed), rows[0])
    return (
        "the fitted dependency does not reproduce the record in any run: "
        f"{row.name} {row.modelled:.4g}, recorded {row.recorded:.4g}"
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
