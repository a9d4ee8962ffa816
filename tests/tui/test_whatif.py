"""What-if: policies beside each other, numbers with their kind, and a candidate that is typed."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse.policy.load import loads
from recourse_observe.archive import write_archive
from recourse_observe.duck import Superseded
from recourse_observe.queries.rows import PolicyRow
from recourse_observe.whatif import (
    Answer,
    Check,
    CheckRow,
    Direction,
    Edit,
    Kind,
    LoadPoint,
    Row,
    Sense,
    Suggestion,
    SweepPoint,
    Unit,
)
from recourse_tui.app import RecourseApp
from recourse_tui.lines import plain
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session
from recourse_tui.screens.whatif import Answer as Shown, WhatifView
from recourse_tui.widgets.policies import (
    load_lines,
    measure_lines,
    note_lines,
    policy_lines,
    sweep_lines,
    told_lines,
)

Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

HOSTILE = "\x1b[31mred\x1b]52;c;ZXZpbA==\x07[/red] \u202egnp\x9b list[int] 日本"
T0 = 1_795_255_200_000_000
MODEL = Row(
    name="failed_calls", recorded=200.0, candidate=100.0, low=90.0, high=110.0, kind=Kind.MODEL,
    unit=Unit.CALLS,
)  # fmt: skip
BOUND = Row(
    name="failed_calls", recorded=100.0, candidate=None, high=150.0, kind=Kind.BOUND,
    unit=Unit.CALLS, note="at \x1b most",
)  # fmt: skip
EXACT = Row(
    name="attempts", recorded=0.0, candidate=70.0, kind=Kind.EXACT, unit=Unit.ATTEMPTS
)  # fmt: skip
UNKNOWN = Row(name="peak_load", recorded=1.0, candidate=None, kind=Kind.MODEL, unit=Unit.PER_SECOND)
EDIT = Edit(path="retry.max_attempts", before=3, after=2)


def answer(**parts: Any) -> Answer:
    return Answer(
        archive="a", key="k", incident=1, start_unix_us=0, end_unix_us=9, edits=(EDIT,), rows=(),
        **parts,
    )  # fmt: skip


def text(lines: list[Any]) -> str:
    return "\n".join(plain(line).rstrip() for line in lines)


def policy(**changed: Any) -> PolicyRow:
    given: dict[str, Any] = dict.fromkeys(PolicyRow.__slots__)
    given |= {"policy_version": "v1", "max_attempts": 3, "initial_backoff_us": 100_000}
    given |= {"backoff_multiplier": 2.0, "jitter": "full", "hedge_enabled": False}
    given |= {"circuit_enabled": False, "timeout_per_attempt_us": 300_000}
    return PolicyRow(**{**given, **changed})


def test_a_policy_is_told_field_by_field_with_a_mark_where_it_changes() -> None:
    edits = (
        EDIT,
        Edit(path="circuit.kind", before=None, after="failure_rate"),
        Edit(path="circuit.cooldown_s", before=None, after=5),
        Edit(path="else.what", before=1, after=2),
    )
    shown = text(policy_lines(policy(), edits, 0))
    other = text(policy_lines(policy(circuit_enabled=True, hedge_enabled=True), (), 1))

    assert "max_attempts        3                      2                          ◀" in shown
    assert "none                   kind failure_rate, cooldo… ◀" in shown
    assert "attempt timeout     300 ms                 300 ms" in shown
    assert shown.endswith("2                          ◀")
    assert "CANDIDATE (best suggestion)" in other
    assert "breaker             on" in other
    assert "hedge               after —" in other
    assert "not recorded" in text(policy_lines(None, (), 0))


def test_a_new_duration_has_its_unit() -> None:
    edit = Edit(path="retry.timeout_per_attempt_s", before=0.8, after=1.6)

    assert "attempt timeout     300 ms                 1.60 s" in text(
        policy_lines(policy(), [edit], 1)
    )


def test_every_number_says_of_what_kind_it_is_the_certain_first() -> None:
    lines = text(measure_lines([MODEL, BOUND, EXACT, UNKNOWN])).splitlines()

    assert [line.split()[-1] for line in lines[1:]] == ["EXACT", "BOUND", "MODEL"]
    assert "≤ 150" in lines[2]
    assert lines[2].endswith("≤+50.0%  BOUND")
    assert lines[3].endswith("~100 [90 110]   -50.0%  MODEL")
    assert text(note_lines([BOUND, BOUND, MODEL], 80)) == " BOUND     at · most"
    assert "nothing can be said" in text(measure_lines([UNKNOWN]))


def test_a_direction_that_worlds_do_not_agree_on_is_told_as_not_known() -> None:
    split = Direction(sense=Sense.NOT_KNOWN, worlds=9, fewer=5, more=4, as_many=0)

    assert text(note_lines([replace(MODEL, direction=split), BOUND], 100)).splitlines() == [
        " DIRECTION failed calls: not known whether fewer or more: of 9 worlds 5 say fewer, 4 say more",
        " BOUND     at · most",
    ]


def test_load_stands_on_one_scale_and_an_unknown_one_is_left_out() -> None:
    points = [LoadPoint(at_unix_us=n, recorded=10.0, candidate=5.0) for n in range(4)]
    both = text(load_lines(points, 60)).splitlines()
    one = load_lines([LoadPoint(at_unix_us=0, recorded=1.0, candidate=None)], 60)

    assert both[0].endswith("█ peak 10/s")
    assert both[1].endswith("▄ peak 5/s")
    assert len(one) == 1
    assert load_lines([], 60) == []


def test_a_sweep_has_a_column_for_each_value() -> None:
    points = (SweepPoint(value="1", rows=(BOUND,)), SweepPoint(value="2", rows=(MODEL,)),
              SweepPoint(value="3", rows=()))  # fmt: skip
    shown = text(sweep_lines(answer(sweep=points, sweep_field="retry.max_attempts"), 80))

    assert "SWEEP max_attempts" in shown
    assert "≤150" in shown
    assert "~100" in shown
    assert "BOUND" in shown.splitlines()[-1]
    assert sweep_lines(answer(), 80) == []


def test_reasons_checks_and_suggestions_are_told_whole() -> None:
    row = CheckRow(
        name="attempts", recorded=1, low=0, modelled=1, high=2, unit=Unit.ATTEMPTS, passed=True
    )
    checks = [
        Check(passed=passed, rows=(row,), mechanisms=("it is slow",)) for passed in (True, False)
    ]
    one = Suggestion(edits=(EDIT,), rows=(), quiet_rows=(), risk="none", toml="")
    good = text(told_lines(answer(check=checks[0], suggestions=(one,), assumes=("much",)), 80))
    bad = text(told_lines(answer(check=checks[1], refusal="too few calls"), 80))

    assert "CHECK     the fit reproduces the record: 1 of 1 measures\n           it is slow" in good
    assert "SUGGESTED 1: retry.max_attempts: 3 → 2 (none)" in good
    assert "ASSUMES   much" in good
    assert "NO MODEL  too few calls" in bad
    assert "does not reproduce" in bad


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_candidate_is_typed_chosen_swept_and_written(
    settled: Settled, tmp_path: Path
) -> None:
    key = {"key": "payments.Charge", "policy_version": "v1"}
    rows: dict[str, list[dict[str, Any]]] = {
        "calls": [{**key, "call_id": "c", "started_at": T0, "duration_us": 9}],
        "attempts": [{**key, "call_id": "c", "started_at": T0, "duration_us": 9}],
        "policies": [{**key, "applied_at": T0, "max_attempts": 3}],
    }
    write_archive(tmp_path / "a", rows)
    app = RecourseApp(str(tmp_path / "a"), trusted=True)
    app.session.processes = 1
    async with app.run_test(size=(120, 40)) as pilot:

        async def press(*keys: str) -> str:
            await pilot.press(*keys)
            return await settled(app, pilot)

        async def typed(key: str, text: str) -> str:
            await press(key)
            app.screen.query_one("Prompt").value = text  # type: ignore[attr-defined]
            return await press("enter")

        await settled(app, pilot)
        shown = await press("p")
        assert "NO MODEL" in shown
        assert app.session.place.edits == ("retry.max_attempts=2",)
        await press("tab")
        assert " ".join(app.session.place.edits) == "retry.max_attempts=1"
        assert app.session.place.scope.key == "payments.Charge"
        shown = await press("tab")
        assert "candidate: two attempts" in shown
        await typed("e", "retry.max_attempts=5 retry.jitter=none")
        assert " ".join(app.session.place.edits) == "retry.max_attempts=5 retry.jitter=none"
        assert "retry.max_attempts" in await press("d")
        said = await typed("e", "what=1")
        assert "> ✗ payments.Charge what is not known; use one of circuit" in said
        await typed("e", "retry.max_attempts=2")
        await typed("s", "retry.max_attempts=1,2")
        assert app.session.place.sweep == "retry.max_attempts=1,2"
        await press("y")
        assert "a -k payments.Charge --set retry.max_attempts=2" in app.clipboard
        for suffix in ("toml", "json", "md", "csv"):
            assert "written: " in await typed("x", str(tmp_path / f"c.{suffix}"))
        assert "✗ file" in await typed("x", str(tmp_path / "c.md"))
        await press("enter")
        assert app.session.place.view == "replay"
    text = (tmp_path / "c.toml").read_text()
    assert text.startswith("# A candidate of one's own")
    assert loads(text, "c.toml").policies[0].normalize().retry.max_attempts == 2


def told(text: str) -> Shown:
    """An answer with everything in it, and this text wherever an archive's text may stand."""
    rows = tuple(replace(row, note=text if row.note else "") for row in (EXACT, BOUND, MODEL))
    edits = (
        Edit(path="retry.max_attempts", before=3, after=2),
        Edit(path="retry.jitter", before=text, after=text),
    )
    check = CheckRow(
        name="attempts", recorded=1, low=0, modelled=1, high=2, unit=Unit.ATTEMPTS, passed=True
    )
    asked = answer(
        check=Check(passed=True, rows=(check,), mechanisms=(text,)),
        suggestions=(Suggestion(edits=edits, rows=rows, quiet_rows=(), risk=text, toml=""),),
        sweep=tuple(SweepPoint(value=str(n), rows=(MODEL,)) for n in range(1, 4)),
        sweep_field="retry.max_attempts",
        load=tuple(LoadPoint(at_unix_us=n, recorded=n, candidate=n / 2) for n in range(40)),
        assumes=(text,), refusal=text, runs=7,
    )  # fmt: skip
    place = Place(view="whatif")
    return Shown(
        place=place, asked=asked, policy=policy(policy_version=text, budget_name=text), edits=edits,
        rows=rows,
    )  # fmt: skip


def test_no_text_of_an_archive_reaches_a_line_as_it_is() -> None:
    shown = told(HOSTILE)
    lines = [
        *policy_lines(shown.policy, shown.edits, shown.suggested),
        *measure_lines(shown.rows),
        *load_lines(shown.load, 80),
        *sweep_lines(shown.asked, 80),
        *note_lines(shown.rows, 80),
        *told_lines(shown.asked, 80),
    ]

    assert "SUGGESTED" in text(lines)
    assert not set("\x1b\x07\x9b\u202e") & set(text(lines))


@pytest.mark.anyio
async def test_who_leaves_does_not_wait_for_an_answer() -> None:
    view = WhatifView(Session("a"))
    view._tell("fitting")
    assert view._progress == "fitting"
    view._is_wanted = False

    with pytest.raises(Superseded):
        view._tell("more")
