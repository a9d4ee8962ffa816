"""How one knows: every screen gives its query, and a small terminal hides nothing of a story."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_tui.actions.action import EVIDENT, VIEWS
from recourse_tui.app import RecourseApp

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_the_query_behind_a_screen_can_be_copied_and_runs(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        for view in EVIDENT:
            await pilot.press(str(VIEWS.index(view) + 1))
            await settled(app, pilot)
            assert app.session.place.view == view
            app.copy_to_clipboard("")
            await pilot.press("Y")
            assert "copied: " in await settled(app, pilot)
            assert app.session.archive.sql(app.clipboard).num_columns > 0, view


async def test_the_last_line_of_a_story_can_be_reached(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="story")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        incident = app.session.incident(1)
        await pilot.press("G")
        text = " ".join((await settled(app, pilot)).split())
        await pilot.press("enter")
        await settled(app, pilot)

    assert incident is not None
    assert incident.checked
    last = (incident.cannot_know or [incident.checked[-1].ruled_out_by])[-1]
    assert last.split()[-1] in text
    assert "CHECKED" in text or "CANNOT KNOW" in text
    assert app.session.place.view == "story"


async def test_every_screen_with_a_query_can_be_written_as_a_table(
    app_on: AppOn, settled: Settled, tmp_path: Path
) -> None:
    app = app_on("incident")
    async with app.run_test(size=(120, 24)) as pilot:
        await settled(app, pilot)
        for view in EVIDENT:
            await pilot.press(str(VIEWS.index(view) + 1))
            await settled(app, pilot)
            await pilot.press("x")
            app.screen.query_one("Prompt").value = str(tmp_path / f"{view}.csv")  # type: ignore[attr-defined]
            await pilot.press("enter")
            assert "written: " in await settled(app, pilot), view
            assert (tmp_path / f"{view}.csv").stat().st_size > 0
