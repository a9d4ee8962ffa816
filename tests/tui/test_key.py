"""The screen of one key."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_tui.app import RecourseApp

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]
Tables: TypeAlias = dict[str, list[dict[str, Any]]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f" {name}"))


async def test_the_key_that_lost_most_is_shown_from_where_the_brush_begins(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="triage")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("3")
        text = await settled(app, pilot)

    assert "payments.Charge ▸ key" in text
    assert row(text, "AT").split()[1].startswith("09:11:5")
    assert "· policy pol-a" in text


async def test_the_values_are_those_of_the_calls_under_the_cursor(
    app_on: AppOn, settled: Settled, tables: Tables
) -> None:
    app = app_on("incident")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("3")
        await settled(app, pilot)
        await pilot.press("right", "shift+right", "left", "shift+left")
        text = await settled(app, pilot)
        await pilot.press("enter")
        calls = await settled(app, pilot)
        scope = app.session.place.scope

    start, end = (
        datetime.fromtimestamp(us / 1e6, UTC) for us in (scope.start_unix_us, scope.end_unix_us)
    )
    own = [
        c
        for c in tables["calls"]
        if c["key"] == "payments.Charge" and start <= c["started_at"] < end
    ]
    lost = sum(not c["success"] for c in own)
    assert end - start < timedelta(seconds=9)
    assert f"· calls {len(own)} · lost {lost} ({100 * lost / len(own):.1f}%) · AMP" in text
    assert f"call 1 of {len(own)}" in calls


async def test_the_cursor_stops_at_both_ends(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="key")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press(*["shift+left"] * 13)
        assert "AT       09:08:0" in await settled(app, pilot)
        await pilot.press(*["shift+right"] * 13)
        last = await settled(app, pilot)
        assert "AT       09:23:5" in last
        assert "bucket 120 of 120" in last


async def test_a_breaker_is_drawn_with_its_changes(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=(120, 40)) as pilot:
        triage = await settled(app, pilot)
        assert row(triage, "● auth.Verify").split("│")[0].split()[-2] == "●"
        await pilot.press("tab", "j", "enter")
        await settled(app, pilot)
        await pilot.press("3")
        text = await settled(app, pilot)

    drawn = row(text, "breaker").split()[1]
    assert [
        sign for sign, before in zip(drawn, " " + drawn, strict=False) if sign != before
    ] == list("●○◐●")
    assert "breaker closed · policy not recorded" in text
    assert "CHANGES 3" in text
    assert "breaker half_open → closed" in text


async def test_a_small_terminal_scrolls_to_what_a_wide_one_has_beside_the_lanes(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="key")
    async with app.run_test(size=(120, 40)) as pilot:
        wide = await settled(app, pilot)
        await pilot.resize_terminal(80, 24)
        first = await settled(app, pilot)
        await pilot.press("G")
        scrolled = await settled(app, pilot)
        await pilot.press("tab", "pagedown")
        values = await settled(app, pilot)

    for told in ("ATTEMPTS OF THE BRUSH ENDED", "POLICY  pol-a"):
        assert told in wide
        assert told not in first
    assert "CHANGES" in scrolled
    assert "GUARD" in first + values


async def test_a_moment_without_calls_says_so(app_on: AppOn, settled: Settled) -> None:
    app = app_on("one-row", screen="key")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("right")
        text = await settled(app, pilot)

    assert "· no call" in text
    assert "TOOK     no attempt" in text
