"""What could be changed, at a glance: counted numbers are those of the engine, the others are none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.queries.archive import open_archive
from recourse_observe.story.actions import Action
from recourse_observe.story.find import find
from recourse_observe.story.tell import tell
from recourse_observe.whatif import certain
from recourse_observe.whatif.answer import Edit, Kind, Row, Suggestion, Unit
from recourse_observe.whatif.glance import Glance, glance, of_search


def looked(path: Path, *actions: Action) -> tuple[Glance, ...]:
    with open_archive(path, trusted=True) as archive:
        found = find(archive)
        incident = replace(tell(archive, found).incidents[0], actions=actions)
        return glance(archive, incident, found.spans[0])


@pytest.mark.slow
def test_what_is_counted_is_what_the_engine_counts(storm: Path) -> None:
    two, one, budget = looked(storm, Action.ENABLE_BUDGET, Action.RAISE_QUOTA)
    with open_archive(storm, trusted=True) as archive:
        key = tell(archive).incidents[0].keys[0]
        answer = certain(archive, key, edits=("retry.max_attempts=2",), incident=1)
    kept = answer.row("recorded_attempts_kept", Kind.EXACT)
    bound = answer.row("failed_calls", Kind.BOUND)
    assert kept is not None
    assert kept.candidate is not None
    assert kept.recorded is not None
    assert bound is not None

    assert two == Glance(
        name="max_attempts 2",
        kind=Kind.EXACT,
        load=kept.candidate / kept.recorded - 1,
        lost=round(bound.high or 0),
    )
    assert one.load is not None
    assert one.load < (two.load or 0)
    assert budget == Glance(name="budget 10%", kind=Kind.MODEL)


@pytest.mark.slow
def test_where_a_budget_reacts_nothing_is_counted(outage: Path) -> None:
    assert looked(outage) == (Glance(name="max_attempts 1", kind=Kind.MODEL),)


@pytest.mark.slow
def test_without_a_policy_there_is_nothing_to_change(tmp_path: Path) -> None:
    calls: list[dict[str, Any]] = [
        {
            "call_id": f"{n:06d}", "key": "k", "started_at": 1_795_255_200_000_000 + n * 200_000,
            "duration_us": 20_000,
            **({"success": False, "disposition": "exhausted", "final_outcome": "retryable",
                "final_reason": "http_503"} if 450 <= n < 650 else {}),
        }
        for n in range(900)
    ]  # fmt: skip
    assert looked(write_archive(tmp_path / "a", {"calls": calls, "attempts": []})) == ()


def row(name: str, recorded: float | None, candidate: float | None) -> Row:
    return Row(name=name, recorded=recorded, candidate=candidate, kind=Kind.MODEL, unit=Unit.CALLS)


def edit(path: str, after: object) -> Edit:
    return Edit(path=path, before=None, after=after)


@pytest.mark.parametrize(
    ("edits", "name"),
    [
        ((edit("retry.max_attempts", 2),), "max_attempts 2"),
        ((edit("retry.jitter", "full"),), "full jitter"),
        ((edit("retry.timeout_per_attempt_s", 2.0),), "timeout_per_attempt 2.0"),
        ((edit("circuit.kind", "failure_rate"), edit("circuit.cooldown_s", 5.0)), "breaker"),
        ((edit("retry.budget.name", "s"), edit("budgets.s", {"ratio": 0.1})), "budget 10%"),
        (
            (edit("retry.max_attempts", 3), edit("budgets.s", {"capacity": 5})),
            "max_attempts 3 + budget",
        ),
    ],
)
def test_what_a_search_found_has_short_names(edits: tuple[Edit, ...], name: str) -> None:
    rows = (row("attempts", 100, 51), row("failed_calls", 10, 8.4))
    known = (
        Glance(name="max_attempts 2", kind=Kind.EXACT, load=-0.5, lost=9),
        Glance(name="breaker", kind=Kind.MODEL),
    )
    found = Suggestion(edits=edits, rows=rows, quiet_rows=(), risk="", toml="")

    counted, searched = of_search((found,), known)

    assert counted == known[0]
    assert replace(searched, load=None) == Glance(name=name, kind=Kind.MODEL, lost=8)
    assert searched.load == pytest.approx(-0.49)


def test_what_a_search_does_not_know_stays_unknown() -> None:
    rows = (row("attempts", 0, 51), row("failed_calls", 10, None))
    found = Suggestion(edits=(), rows=rows, quiet_rows=(), risk="", toml="")

    assert of_search((found,), ()) == (Glance(name="", kind=Kind.MODEL),)
