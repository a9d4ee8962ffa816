"""The filter, the link, copying, and keys that come faster than answers."""

import shlex
from collections.abc import Awaitable, Callable
from datetime import timedelta, timezone
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_tui.app import RecourseApp
from recourse_tui.lines import Lines
from recourse_tui.screens.view import View

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SMALL, WIDE = (80, 24), (160, 40)


async def test_a_filter_holds_on_every_screen(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("slash")
        await settled(app, pilot)
        await pilot.press(*"lost", "enter")
        text = await settled(app, pilot)
        assert "filter: lost" in text
        assert "100.0%" in text
        await pilot.press("4")
        text = await settled(app, pilot)
        assert "filter: lost" in text
        assert " ● " not in text
        await pilot.press("slash")
        await settled(app, pilot)
        await pilot.press(*["backspace"] * 4, "enter")
        assert "filter: none" in await settled(app, pilot)


async def test_a_filter_that_cannot_be_read_says_what_would_be(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("one-row")
    async with app.run_test(size=WIDE) as pilot:
        await settled(app, pilot)
        await pilot.press("slash")
        await settled(app, pilot)
        await pilot.press(*"total", "greater_than_sign", *"3", "enter")
        text = await settled(app, pilot)

    assert "✗ filter 'total>3' cannot be read; use a duration with its unit: total>300ms" in text
    assert app.session.place.scope.where == ""


async def test_escape_leaves_the_filter_as_it_was(app_on: AppOn, settled: Settled) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        await pilot.press("slash")
        await settled(app, pilot)
        await pilot.press("q", "1")
        assert app.is_running
        assert app.session.place.view == "triage"
        await pilot.press("escape")
        assert await settled(app, pilot) == before
        assert isinstance(app.focused, Lines)


async def test_the_link_is_the_command_that_shows_the_same(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    links = []
    async with app.run_test(size=WIDE) as pilot:
        await settled(app, pilot)
        for key in ("1", "2", "4", "5"):
            await pilot.press(key)
            await settled(app, pilot)
            await pilot.press("y")
            assert "copied: recourse" in await settled(app, pilot)
            links.append(shlex.split(app.clipboard))
        await pilot.press("j")
        assert "copied" not in await settled(app, pilot)

    path = app.session.path
    assert [link[:3] for link in links] == [
        ["recourse", view, path] for view in ("triage", "story", "calls", "call")
    ]
    assert links[0][3:] == [
        "--since", "2026-11-21T09:12:00.849246Z", "--until", links[0][-1]
    ]  # fmt: skip
    assert links[1][3:] == ["-i", "payments.Charge@2026-11-21T09:12:00.849246Z"]


async def test_the_link_of_a_call_names_it(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="calls")
    async with app.run_test(size=WIDE) as pilot:
        await settled(app, pilot)
        await pilot.press("enter")
        await settled(app, pilot)
        await pilot.press("y")
        await settled(app, pilot)

        assert shlex.split(app.clipboard) == [
            "recourse",
            "call",
            app.session.path,
            "00000000-checkout",
        ]


async def test_the_query_of_a_fact_is_copied_whole(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="story")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("Y")
        await settled(app, pilot)
        rows = app.session.archive.sql(app.clipboard).to_pylist()

    assert rows[0]["reason"] == "http_503"


async def test_two_quick_keys_open_one_screen(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        view = app.screen
        assert isinstance(view, View)
        await view.run_action("open")
        await view.run_action("open")
        await settled(app, pilot)

    assert [place.view for place in app.session.trail] == ["triage", "story"]


async def test_pages_and_edges_move_the_cursor(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="calls")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("v")
        await settled(app, pilot)
        pane = app.screen.query_one("#list", Lines)
        cursors = []
        for key in ("G", "pageup", "g", "pagedown", "k"):
            await pilot.press(key)
            await settled(app, pilot)
            cursors.append(pane.cursor)

    assert cursors == [5399, 5382, 0, 17, 16]


async def test_the_brush_is_moved_by_keys_and_taken_off(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        end = app.session.place.scope.end_unix_us
        await pilot.press("shift+right", "shift+right")
        text = await settled(app, pilot)
        assert 2 * 22_000_000 < app.session.place.scope.end_unix_us - end < 2 * 24_000_000
        assert "brush = set" in text
        await pilot.press("shift+left", "shift+left")
        assert await settled(app, pilot) == before
        await pilot.press("Z")
        text = await settled(app, pilot)
        assert "brush = all" in text
        assert "3,600" in text
        await pilot.press("shift+right")
        assert await settled(app, pilot) == text


async def test_our_part_opens_over_a_small_screen(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        await pilot.press("a")
        text = await settled(app, pilot)
        assert "INCIDENT #1" in text
        assert "AMPLIFICATION #1" in text
        assert "323 (52.2%)" in text
        await pilot.press("escape")
        assert await settled(app, pilot) == before


async def test_a_quiet_archive_has_no_part_to_open_and_says_so(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("quiet")
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        await pilot.press("i", "shift+right")
        assert await settled(app, pilot) == before
        await pilot.press("a")
        assert "> no incident is chosen" in await settled(app, pilot)


async def test_the_brush_is_said_on_ones_own_clock_when_asked(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident")
    app.session.zone = timezone(timedelta(hours=5, minutes=30))
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        await pilot.press("u")
        text = await settled(app, pilot)
        assert "here 14:42:00→14:49:59 UTC+05:30  filter: none" in text
        assert "09:12▲" in text
        await pilot.press("u")
        assert await settled(app, pilot) == before
