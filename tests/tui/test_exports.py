"""Files of what is seen: each screen writes what it shows, in the forms that can hold it, and says what it cannot."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow.parquet as pq
import pytest
from textual.pilot import Pilot

from recourse_observe.archive import write_archive
from recourse_tui.app import RecourseApp
from recourse_tui.screens.opened import Opened
from recourse_tui.widgets.prompt import Prompt

AppOn: TypeAlias = Callable[..., RecourseApp]
OpenedKind: TypeAlias = Callable[[str], Opened]
HandsOn: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Any]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
WIDE = (200, 40)


async def test_a_screen_is_written_as_it_stands_and_no_policy_where_there_is_none(
    app_on: AppOn, hands_on: HandsOn, tmp_path: Path
) -> None:
    app = app_on("incident", screen="calls")
    async with app.run_test(size=WIDE) as pilot:
        hands = hands_on(app, pilot)
        before = await hands.press()
        assert "written: " in await hands.type("x", str(tmp_path / "c.txt"))
        assert "✗ file" in await hands.type("x", str(tmp_path / "c.toml"))
        (tmp_path / "link.txt").symlink_to(tmp_path / "elsewhere")
        assert "✗" in await hands.type("x", str(tmp_path / "link.txt"))

    text = (tmp_path / "c.txt").read_text()
    assert text.splitlines()[:-3] == before.splitlines()[:-3]
    assert not (tmp_path / "elsewhere").exists()


async def test_an_answer_is_written_as_rows_and_never_as_a_story(
    app_on: AppOn, hands_on: HandsOn, tmp_path: Path
) -> None:
    app = app_on("incident", screen="calls")
    async with app.run_test(size=WIDE) as pilot:
        hands = hands_on(app, pilot)
        await hands.press()
        await hands.type("semicolon", "SELECT 'a  b' AS t, 7 AS n")
        await hands.press("escape")
        assert "✗ file" in await hands.type("x", str(tmp_path / "s.md"))
        for suffix in ("csv", "json", "parquet"):
            assert "written: " in await hands.type("x", str(tmp_path / f"s.{suffix}"))
        await hands.press("4")
        await hands.type("semicolon", "SELECT nothing")
        assert "no answer that could be written" in await hands.type(
            "x", str(tmp_path / "none.csv")
        )

    assert (tmp_path / "s.csv").read_text() == "t,n\na  b,7\n"
    rows = [{"t": "a  b", "n": 7}]
    assert json.loads((tmp_path / "s.json").read_text())["rows"] == rows
    assert pq.read_table(tmp_path / "s.parquet").to_pylist() == rows


async def test_notes_are_written_for_a_person_and_as_the_command_says_them(
    opened: OpenedKind, hands_on: HandsOn, tmp_path: Path
) -> None:
    app = RecourseApp(str(tmp_path), reader=lambda: opened("incident"))
    async with app.run_test(size=WIDE) as pilot:
        hands = hands_on(app, pilot)
        await hands.press()
        await hands.type("ctrl+n", "the  deploy\u202e")
        await hands.press("0")
        await hands.press("x")
        assert app.screen.query_one(Prompt).value == "notes-1.md"
        await hands.press("escape")
        assert "✗ file" in await hands.type("x", str(tmp_path / "n.csv"))
        assert "written: " in await hands.type("x", str(tmp_path / "n.md"))
        assert "written: " in await hands.type("x", str(tmp_path / "n.json"))

    about, _, line, link = (tmp_path / "n.md").read_text().splitlines()
    assert about == f"# Notes about {tmp_path.name}"
    assert line.endswith(" note: the deploy·")
    assert link.startswith(f"  `recourse triage {tmp_path} --since 2026-11-21T09:12:00.")
    document = json.loads((tmp_path / "n.json").read_text())
    assert document["schema"] == "recourse.notes/1"
    assert [note["text"] for note in document["notes"]] == ["the  deploy\u202e"]


async def test_without_a_policy_there_is_no_policy_to_write(
    hands_on: HandsOn, tmp_path: Path
) -> None:
    row = {"key": "k", "call_id": "c", "started_at": 1_795_255_200_000_000, "duration_us": 9}
    write_archive(tmp_path / "a", {"calls": [row], "attempts": [row]})
    app = RecourseApp(str(tmp_path / "a"), trusted=True, screen="whatif")
    async with app.run_test(size=WIDE) as pilot:
        hands = hands_on(app, pilot)
        await hands.press()
        said = await hands.type("x", str(tmp_path / "c.toml"))

    assert "written" not in said
    assert "holds no policy of k" in said, said[-900:]
    assert not (tmp_path / "c.toml").exists()
