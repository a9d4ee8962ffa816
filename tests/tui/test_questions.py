"""What somebody on call asks, and where the screens answer it: each answer is counted in the rows themselves."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from textual.geometry import Size
from textual.pilot import Pilot

from recourse_observe.scope import Scope
from recourse_tui.app import RecourseApp
from recourse_tui.lines import Lines
from recourse_tui.screens.story import StoryView
from recourse_tui.screens.triage import TriageView

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]
Tables: TypeAlias = dict[str, list[dict[str, Any]]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SMALL, WIDE = (80, 24), (120, 40)
CULPRIT = "payments.Charge"
ONSET = datetime(2026, 11, 21, 9, 12, tzinfo=UTC)
BUCKET = timedelta(minutes=30) / 78


def lost_in(tables: Tables, scope: Scope, key: str = CULPRIT) -> list[dict[str, Any]]:
    """The lost calls of a key that belong to a scope, counted without any SQL."""
    start, end = (
        datetime.fromtimestamp(us / 1e6, UTC) for us in (scope.start_unix_us, scope.end_unix_us)
    )
    return [
        c
        for c in tables["calls"]
        if c["key"] == key and not c["success"] and start <= c["started_at"] < end
    ]


async def test_what_broke_stands_on_the_first_screen(
    app_on: AppOn, settled: Settled, tables: Tables
) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        text = await settled(app, pilot)

    lost = len(lost_in(tables, app.session.place.scope))
    assert f"✗#1 {CULPRIT}" in text
    assert f"{lost} calls lost" in text


async def test_when_it_started_is_where_the_brush_is_set(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        text = await settled(app, pilot)
        start = datetime.fromtimestamp(app.session.place.scope.start_unix_us / 1e6, UTC)

    assert abs(start - ONSET) < BUCKET
    assert "09:12▲" in text


async def test_which_keys_stands_in_the_table_the_worst_first(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        text = await settled(app, pilot)

    table = text[text.index("KEY") :].splitlines()[1:6]
    assert [line[1] for line in table] == ["✗", "●", "●", "●", "●"]
    assert next(line.split()[1] for line in table) == CULPRIT


async def test_why_is_the_line_of_the_cause_and_the_story(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        assert "cause     partial instance failure · http_503" in await settled(app, pilot)
        await pilot.press("enter")
        text = await settled(app, pilot)

    assert "partial instance failure" in text
    assert "ROOT    http_503 went from 0.0%" in text


async def test_whether_we_made_it_worse_adds_up(
    app_on: AppOn, settled: Settled, tables: Tables
) -> None:
    app = app_on("incident")
    async with app.run_test(size=WIDE) as pilot:
        text = await settled(app, pilot)
        view = app.screen
        assert isinstance(view, TriageView)
        assert view.answer is not None
        incident = view.answer.incident

    assert incident is not None
    assert f"our part  {str(incident.retry_effect).upper()}" in text
    m = incident.measures
    assert m.rescued + m.wasted == m.retries
    assert f"{m.wasted} wasted attempts · {m.rescued} rescued" in text


async def test_what_to_change_stands_beside_it_when_there_is_room(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident")
    async with app.run_test(size=WIDE) as pilot:
        text = await settled(app, pilot)

    assert "WHAT TO CHANGE" in text
    assert "take the bad instances out of" in text


async def test_the_calls_behind_the_facts_are_the_rows(
    app_on: AppOn, settled: Settled, tables: Tables
) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("enter")
        await settled(app, pilot)
        await pilot.press("j", "enter")
        text = await settled(app, pilot)

        lost = lost_in(tables, app.session.place.scope)
        assert f"call 1 of {len(lost)} · by start" in text
        assert "filter: lost" in text
        await pilot.press("G")
        await settled(app, pilot)
        await pilot.press("enter")
        assert f"calls ▸ {lost[-1]['call_id']}" in await settled(app, pilot)


async def test_each_role_of_a_fact_has_its_calls(app_on: AppOn, settled: Settled) -> None:
    wanted = {"ROOT": "reason:http_503", "OURS": "retried", "GUARD": "denied", "END": ""}
    app = app_on("incident", screen="story")
    found = {}
    async with app.run_test(size=WIDE) as pilot:
        await settled(app, pilot)
        view = app.screen
        assert isinstance(view, StoryView)
        assert view.answer is not None
        roles = [str(fact.role) for fact in view.answer.facts]
        for role in wanted:
            await pilot.press("g", *"j" * roles.index(role), "enter")
            await settled(app, pilot)
            assert app.session.place.view == "calls"
            found[role] = app.session.place.scope.where
            await pilot.press("escape")
            await settled(app, pilot)

    assert found == wanted


async def test_a_sample_call_is_opened_from_the_story(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="story")
    async with app.run_test(size=WIDE) as pilot:
        text = await settled(app, pilot)
        sample = text[text.index("SAMPLE CALLS") :].splitlines()[1].split()[0]
        view = app.screen
        assert isinstance(view, StoryView)
        assert view.answer is not None
        await pilot.press(*"j" * len(view.answer.facts))
        assert "facts " in await settled(app, pilot)
        await pilot.press("enter")
        text = await settled(app, pilot)
        assert f"calls ▸ {sample}" in text
        assert "opened by its id" in text
        await pilot.press("right")
        assert "this call was opened by its id" in await settled(app, pilot)


async def test_another_incident_takes_the_brush_along(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        first = await settled(app, pilot)
        await pilot.press("j")
        second = await settled(app, pilot)
        assert "▸✗#2 email.Send" in second
        assert "brush = #2" in second
        assert "▸✗ email.Send" in second
        await pilot.press("I")
        assert await settled(app, pilot) == first
        await pilot.press("I")
        assert await settled(app, pilot) == first
        await pilot.press("2", "i")
        assert "#2 email.Send ▸ story" in await settled(app, pilot)


async def test_a_key_of_the_table_leads_to_its_calls(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("tab", "j", "enter")
        text = await settled(app, pilot)

    assert "auth.Verify ▸ calls" in text
    assert "call 1 of 120" in text


async def test_calls_are_sorted_and_stepped_through(
    app_on: AppOn, settled: Settled, tables: Tables
) -> None:
    app = app_on("incident", screen="calls")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("s")
        text = await settled(app, pilot)
        assert "by total" in text
        longest = max(c["ended_at"] - c["started_at"] for c in tables["calls"])
        assert f"{longest.total_seconds():.2f} s" in text.splitlines()[3]
        await pilot.press("enter")
        first = await settled(app, pilot)
        await pilot.press("right")
        assert "call 2 of" in await settled(app, pilot)
        await pilot.press("left", "left")
        assert await settled(app, pilot) == first
        await pilot.press("escape")
        await settled(app, pilot)
        await pilot.press("s", "s", "s")
        assert "by start" in await settled(app, pilot)


async def test_dragging_over_the_bars_asks_for_another_stretch(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.mouse_down("#brush", offset=(1, 0))
        await pilot.mouse_up("#brush", offset=(20, 0))
        text = await settled(app, pilot)
        assert "brush = set" in text
        assert " ● payments.Charge" in text.replace("▸", " ")
        await pilot.press("4")
        await settled(app, pilot)
        assert app.session.place.scope.end_unix_us < ONSET.timestamp() * 1e6
        assert Size(*SMALL) == app.size
        assert isinstance(app.focused, Lines)
