"""Commands, moments, marks, history, and files: what is typed leads somewhere or says why not."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow.parquet as pq
import pytest
from textual import events
from textual.pilot import Pilot

from recourse_observe.archive.export import write_table
from recourse_tui.app import RecourseApp
from recourse_tui.screens.calls import CallsView
from recourse_tui.screens.opened import Opened

AppOn: TypeAlias = Callable[..., RecourseApp]
OpenedKind: TypeAlias = Callable[[str], Opened]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class Hands:
    """Keys, and words in the line for typing; gives what the screen shows then."""

    def __init__(self, app: RecourseApp, pilot: Pilot[Any], settled: Settled) -> None:
        self.app, self.pilot, self.settled = app, pilot, settled

    async def press(self, *keys: str) -> str:
        text = ""
        for key in keys:
            await self.pilot.press(key)
            text = await self.settled(self.app, self.pilot)
        return text

    async def type(self, key: str, words: str) -> str:
        await self.press(key)
        self.app.screen.query_one("Prompt").value = words  # type: ignore[attr-defined]
        return await self.press("enter")


async def test_what_is_typed_in_one_go_goes_into_the_prompt_and_obeys_nothing(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="replay")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        at = app.screen.moment()  # type: ignore[attr-defined]
        for key, char in (("slash", "/"), *((char, char) for char in "lost"), ("enter", "\r")):
            app.post_message(events.Key(key, char))
        text = await settled(app, pilot)
        assert "filter lost" in text
        assert app.session.place.scope.where == "lost"
        assert app.screen.moment() == at  # type: ignore[attr-defined]
        for key, char in (("colon", ":"), *((char, char) for char in "key :q/x"), ("enter", "\r")):
            app.post_message(events.Key(key, char))
        await settled(app, pilot)

    assert app.session.place.scope.key == ":q/x"


async def test_commands_lead_to_screens_keys_calls_and_moments(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident")
    async with app.run_test(size=(120, 40)) as pilot:
        hands = Hands(app, pilot, settled)
        await settled(app, pilot)
        await hands.type("colon", "key search.Query")
        assert (app.session.place.view, app.session.place.scope.key) == ("key", "search.Query")
        await hands.type("colon", "open 00000000")
        assert app.session.place.call_id == "00000000-checkout"
        await hands.type("colon", "calls")
        assert app.session.place.view == "calls"
        await hands.type("t", "09:14")
        assert app.session.place.scope.start_unix_us == 1_795_252_440_000_000
        assert "incident" in await hands.type("t", "#9")
        await hands.type("colon", "goto #2")
        assert app.session.place.incident == 2
        assert "time 'soon' cannot be read" in await hands.type("t", "soon")
        assert "command 'fly' cannot be read" in await hands.type("colon", "fly")
        assert "only the console has a query" in await hands.type("colon", "save x")
        await hands.type("colon", "theme recourse-light")
        assert app.theme == "recourse-light"
        assert "theme 'pink'" in await hands.type("colon", "theme pink")
        assert "filter: none" in await hands.type("colon", "")


async def test_history_marks_zoom_scale_and_the_marked_line(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident")
    async with app.run_test(size=(120, 40)) as pilot:
        hands = Hands(app, pilot, settled)
        first = await settled(app, pilot)
        assert "one scale" in await hands.press("S")
        assert await hands.press("S") == first
        zoomed = await hands.press("z")
        assert "09:00" not in zoomed.splitlines()[3]
        assert await hands.press("Z") == first
        await hands.press("2", "4")
        assert await hands.press("left_square_bracket", "left_square_bracket") == first
        await hands.press("right_square_bracket")
        assert app.session.place.view == "story"
        assert await hands.press("minus") == first or app.session.place.view == "calls"
        assert "these are shapes; v lists" in await hands.press("4", "e")
        await hands.press("v", "e")
        view = app.screen
        assert isinstance(view, CallsView)
        lost = view.moment()
        await hands.press("e")
        assert (view.moment() or 0) > (lost or 0)
        await hands.press("E")
        assert view.moment() == lost
        assert "no further call was lost" in await hands.press("home", "E")
        assert "copied: " in await hands.press("C")
        assert "A is 09:12:00" in await hands.press("m")
        await hands.press("end")
        assert "the brush goes from A to B" in await hands.press("M")
        assert app.session.place.scope.start_unix_us == app.session.marks[0]
        assert "the terminal's" in await hands.press("f2")
        assert "taken" in await hands.press("f2")


async def test_what_is_seen_is_written_in_every_form(
    app_on: AppOn, settled: Settled, tmp_path: Path
) -> None:
    app = app_on("hostile")
    async with app.run_test(size=(120, 40)) as pilot:
        hands = Hands(app, pilot, settled)
        await settled(app, pilot)
        for name in ("t.md", "t.json", "t.csv", "t.svg"):
            assert "written: " in await hands.type("x", str(tmp_path / name))
        await hands.press("4")
        for name in ("c.csv", "c.json", "c.parquet"):
            assert "written: " in await hands.type("x", str(tmp_path / name))
        assert "✗ file" in await hands.type("x", str(tmp_path / "c.csv"))
        assert "✗ file" in await hands.type("x", str(tmp_path / "c.exe"))
        assert "✗" in await hands.type("x", str(tmp_path / "gone" / "c.csv"))

    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}  # noqa: ASYNC240  # all is over
    assert len(files) == 7
    for name, content in files.items():
        if not name.endswith(".parquet"):
            assert b"\x1b" not in content
            assert "\u202e".encode() not in content
    assert pq.read_table(tmp_path / "c.parquet").num_rows == 5
    assert json.loads(files["c.json"])["rows"][0]["calls"] == 971


async def test_who_only_looks_writes_nothing(opened: OpenedKind, settled: Settled) -> None:
    app = RecourseApp("a", reader=lambda: opened("one-row"), is_read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        hands = Hands(app, pilot, settled)
        await settled(app, pilot)
        assert "files are off here" in await hands.type("x", "x.csv")
        assert "notes are off here" in await hands.press("b")


def test_no_cell_is_taken_for_a_formula(opened: OpenedKind, tmp_path: Path) -> None:
    table = opened("one-row").archive.sql("SELECT '=1+1' AS a, '@x' AS b, -1 AS c, 'x' AS d")
    write_table(table, tmp_path / "x.csv")

    assert (tmp_path / "x.csv").read_text() == "a,b,c,d\n'=1+1,'@x,-1,x\n"
