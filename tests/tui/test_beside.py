"""A call beside another one and among its like, and what is copied of them."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_observe.cli import main
from recourse_observe.scope import instant
from recourse_observe.text import percent
from recourse_tui.app import RecourseApp
from recourse_tui.screens import copied
from recourse_tui.screens.opened import Opened

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_lost_call_stands_beside_the_nearest_that_went_well(
    app_on: AppOn, settled: Settled, archive_path: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    app = app_on("incident")
    async with app.run_test(size=(80, 50)) as pilot:
        await settled(app, pilot)
        await pilot.press("5")
        await settled(app, pilot)
        call_id = app.session.place.call_id
        await pilot.press("c")
        text = await settled(app, pilot)
        await pilot.press("escape")
        assert "CRITICAL PATH" in await settled(app, pilot)
        assert app.session.place.view == "call"

    assert "call against call" in text
    assert "CRITICAL PATH" not in text
    argv = ["call", archive_path("incident"), call_id, "--against", "success", "--trust"]
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "recourse.beside/1"
    assert document["a"]["call"]["success"]
    lines = [line.split() for line in text.splitlines()]
    for row in document["rows"]:
        mark = ["◂"] if row["differs"] else []
        words = [*f"{row['name']} {row['a']} {row['b']}".split(), *mark]
        assert any(" ".join(words) in " ".join(line) for line in lines), row
    assert main(argv) == 0
    assert "ended as" in capsys.readouterr().out


async def test_a_marked_call_is_the_one_to_stand_beside(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=(80, 50)) as pilot:
        await settled(app, pilot)
        await pilot.press("5")
        await settled(app, pilot)
        first = app.session.place.call_id
        await pilot.press("m")
        assert "this call is A" in await settled(app, pilot)
        await pilot.press("right")
        await settled(app, pilot)
        second = app.session.place.call_id
        await pilot.press("c")
        text = await settled(app, pilot)
        assert app.session.argv() == ("call", "--against", first, second)
        await pilot.press("right")
        third = await settled(app, pilot)
        await pilot.press("c")
        alone = await settled(app, pilot)

    head = next(line for line in text.splitlines() if f"A {first}" in line)
    assert f"B {second}" in head
    assert f"A {first}" in third
    assert f"B {second}" not in third
    assert "CRITICAL PATH" in alone


async def test_two_calls_side_by_side_have_a_link_and_a_bookmark(
    opened: Callable[[str], Opened], settled: Settled, tmp_path: Path
) -> None:
    app = RecourseApp(str(tmp_path / "incident"), reader=lambda: opened("incident"))
    (tmp_path / "incident").mkdir()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("5")
        await settled(app, pilot)
        await pilot.press("c")
        text = await settled(app, pilot)
        await pilot.press("y")
        await pilot.press("b")
        await settled(app, pilot)
        await pilot.press("4")
        await settled(app, pilot)
        assert not app.session.place.against
        await pilot.press("B")
        again = await settled(app, pilot)

    a, b = app.session.place.against, app.session.place.call_id
    assert app.clipboard.endswith(f"incident --against {a} {b}")
    assert [line.split() for line in again.splitlines()[3:15]] == [
        line.split() for line in text.splitlines()[3:15]
    ]


async def test_a_call_that_stands_alone_says_so(
    app_on: AppOn, settled: Settled, archive_path: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    app = app_on("one-row", screen="call")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("c")
        assert "no other call of this key went well" in await settled(app, pilot)

    capsys.readouterr()
    argv = ["call", archive_path("one-row"), "00000000", "--trust", "--against"]
    assert main([*argv, "success"]) == 1
    assert "has no call that went well" in capsys.readouterr().err
    assert main([*argv, "00000000"]) == 0


async def test_calls_of_the_same_shape_are_counted_and_listed(
    app_on: AppOn, settled: Settled, archive_path: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    app = app_on("incident")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("5")
        text = await settled(app, pilot)
        place = app.session.place
        await pilot.press("enter")
        listed = await settled(app, pilot)
        link = app.session.argv()
        await pilot.press("escape")
        await settled(app, pilot)
        assert app.session.place == place
        app.session.stay(replace(place, ordinal=-1, scope=place.scope.during(0, 1)))
        await app.arrive()
        outside = await settled(app, pilot)
        await pilot.press("enter")
        assert await settled(app, pilot) == outside

    since, until = (instant(at) for at in (place.scope.start_unix_us, place.scope.end_unix_us))
    argv = ["call", archive_path("incident"), place.call_id, "--same", "--json", "--trust"]
    capsys.readouterr()
    assert main([*argv, "--since", since, "--until", until]) == 0
    same = json.loads(capsys.readouterr().out)["same_shape"]
    share = percent(same["calls"] / same["of_calls"])
    assert f"same shape: {same['calls']} of {same['of_calls']} calls ({share})" in text
    assert f"call 1 of {same['calls']} " in listed
    assert link[link.index("--where") + 1] == same["where"]
    assert "outside the brush" in outside


async def test_what_is_copied_is_in_a_file_too(
    app_on: AppOn, settled: Settled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = app_on("incident")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("y")
        text = await settled(app, pilot)
        assert copied.place().read_text(encoding="utf-8") == f"{app.session.link()}\n"
        mode = copied.place().stat().st_mode & 0o777
        assert "copied: recourse triage" in text
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a file" / "x"))
        (tmp_path / "a file").touch()
        await pilot.press("y")
        nowhere = await settled(app, pilot)
        await pilot.press("j")
        gone = await settled(app, pilot)

    assert mode == 0o600
    assert f" ALSO  in the file {tmp_path}/state/" in text
    assert "copied: recourse triage" in nowhere
    assert " ALSO  " not in nowhere
    assert "copied: " not in gone
    assert " NEXT  " in gone


def test_a_copy_holds_nothing_that_a_terminal_obeys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME")

    assert copied.write_copy("a\x1b[31mb\nc\x9b") == "~/.local/state/recourse/copied.txt"
    assert copied.place().read_text(encoding="utf-8") == "a·[31mb\nc·\n"
    assert [path.name for path in copied.place().parent.iterdir()] == ["copied.txt"]


async def test_a_terminal_that_is_only_for_looking_writes_no_copy(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", is_read_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("C")
        assert "copied: " in await settled(app, pilot)

    assert not copied.place().exists()
