import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.worker import WorkerFailed

from recourse_observe.archive import write_archive
from recourse_observe.archive.errors import ArchiveMissingError
from recourse_observe.archive.remote import RemoteStore
from recourse_observe.duck import QueryError
from recourse_tui.actions import VIEWS
from recourse_tui.app import RecourseApp, run
from recourse_tui.lines import Lines
from recourse_tui.screens.help import Overlay
from recourse_tui.screens.opened import Opened
from recourse_tui.screens.view import View

AppOn: TypeAlias = Callable[..., RecourseApp]
PathOf: TypeAlias = Callable[[str], str]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]
pytestmark = pytest.mark.anyio
SMALL = (80, 24)


def view_of(app: RecourseApp) -> View:
    assert isinstance(app.screen, View)
    return app.screen


async def test_an_archive_that_is_not_there_ends_the_app_with_its_code(app_on: AppOn) -> None:
    app = RecourseApp("nowhere/at/all")
    async with app.run_test(size=SMALL) as pilot:
        while app.return_code is None:
            await pilot.pause(0.01)

    assert app.return_code == 5
    assert app.session.problem == (
        "archive 'nowhere/at/all' does not exist; give a directory or a Parquet file"
    )


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("empty", "is empty; nothing has been recorded in it yet"),
        ("damaged", "has no readable file"),
    ],
)
async def test_an_archive_that_cannot_be_read_is_a_sentence_and_a_code(
    kind: str, sentence: str, archive_path: PathOf, settled: Settled
) -> None:
    app = RecourseApp(archive_path(kind))
    async with app.run_test(size=(200, 24)) as pilot:
        assert sentence in await settled(app, pilot)
        await pilot.press("q")

    assert app.return_code == 5


async def test_leaving_a_readable_archive_gives_0(app_on: AppOn, settled: Settled) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("q")

    assert app.return_code == 0


async def test_a_terminal_that_is_too_small_says_what_it_needs(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("one-row")
    async with app.run_test(size=(59, 24)) as pilot:
        assert (await settled(app, pilot)).split("\n")[:2] == [
            "recourse needs 60x16:",
            "use `recourse triage one-row`",
        ]
        await pilot.resize_terminal(80, 15)
        assert "recourse needs 60x16" in await settled(app, pilot)
        await pilot.resize_terminal(60, 16)
        text = await settled(app, pilot)
        assert "recourse needs" not in text
        assert "payments.Charge" in text


async def test_rows_go_in_their_order_when_the_terminal_is_low(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        full = await settled(app, pilot)
        await pilot.resize_terminal(80, 23)
        without_axis = await settled(app, pilot)
        await pilot.resize_terminal(80, 22)
        without_next = await settled(app, pilot)

    assert re.search(r"^ 09:00:00 ", full, re.MULTILINE)
    assert not re.search(r"^ 09:00:00 ", without_axis, re.MULTILINE)
    assert " NEXT " in without_axis
    assert " NEXT " not in without_next


async def test_columns_go_in_their_order_when_the_terminal_is_narrow(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        heads = []
        for width in (80, 76, 68, 63):
            await pilot.resize_terminal(width, 24)
            text = await settled(app, pilot)
            head = next(line for line in text.split("\n") if "KEY" in line and "CALLS" in line)
            heads.append([word for word in ("P99", "DENIED", "BRK") if word in head])

    assert heads == [["P99", "DENIED", "BRK"], ["P99", "BRK"], ["P99"], []]


async def test_help_names_every_key_of_the_screen_and_closes_again(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("question_mark")
        text = await settled(app, pilot)
        assert isinstance(app.screen, Overlay)
        assert "KEYS OF TRIAGE" in text
        assert "play from here" in text
        await pilot.press("j", "pagedown")
        await settled(app, pilot)
        assert app.screen.query_one(Lines).cursor > 1
        await pilot.press("question_mark")
        assert "KEYS OF" not in await settled(app, pilot)
        await pilot.press("f1", "escape")
        assert "KEYS OF" not in await settled(app, pilot)


async def test_escape_goes_up_the_way_that_was_taken(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        views = []
        for key in ("enter", "enter", "enter", "escape", "escape", "backspace", "escape"):
            await pilot.press(key)
            await settled(app, pilot)
            views.append(app.session.place.view)

    assert views == ["story", "calls", "call", "calls", "story", "triage", "triage"]


async def test_a_digit_jumps_and_keeps_brush_and_incident(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        brushed = app.session.place.scope
        for key in "4251":
            await pilot.press(key)
            await settled(app, pilot)
            assert app.session.place.scope == brushed
            assert app.session.place.incident == 1


async def test_control_c_stops_a_query_and_never_leaves(
    app_on: AppOn, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("ctrl+c")
        await settled(app, pilot)
        view = view_of(app)
        endless = "SELECT sum(a.range * b.range) FROM range(1000000) AS a, range(1000000) AS b"
        monkeypatch.setattr(view, "ask", lambda archive, _: iter([archive.sql(endless)]))
        view.reload()
        store = app.session.archive.store
        assert isinstance(store, RemoteStore)
        while not store._worker.lanes.running():
            await pilot.pause(0.01)
        await pilot.press("ctrl+c")

        assert "the question was stopped; r asks it again" in await settled(app, pilot)
        assert app.is_running
        assert app.return_code is None


async def test_control_c_copies_what_is_selected(
    app_on: AppOn, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        monkeypatch.setattr(app.screen, "get_selected_text", lambda: "payments")
        await pilot.press("ctrl+c")
        await settled(app, pilot)

        assert app.clipboard == "payments"


async def test_reload_opens_the_archive_again(
    opened: Callable[[str], Opened], settled: Settled
) -> None:
    reads: list[Opened] = []

    def reader() -> Opened:
        reads.append(opened("one-row"))
        return reads[-1]

    app = RecourseApp("one-row", reader=reader)
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        await pilot.press("r")

        assert await settled(app, pilot) == before
        assert len(reads) == 2


async def test_an_archive_that_is_gone_when_it_is_read_again_is_told_and_waited_for(
    opened: Callable[[str], Opened], settled: Settled
) -> None:
    answers = [opened("one-row"), None, opened("one-row")]

    def reader() -> Opened:
        if (answer := answers.pop(0)) is None:
            raise ArchiveMissingError("one-row", "does not exist; give a directory")
        return answer

    app = RecourseApp("one-row", reader=reader)
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        await pilot.press("r")
        text = await settled(app, pilot)
        assert "archive 'one-row' does not exist" in text
        assert "NEXT  r reads it again · q leaves" in text
        await pilot.press("r")

        assert await settled(app, pilot) == before


async def test_the_palette_holds_the_registry(app_on: AppOn, settled: Settled) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        names = [command.title for command in app.get_system_commands(app.screen)]
        await pilot.press("ctrl+p")
        await settled(app, pilot)

        assert "open story" in names
        assert isinstance(app.screen, CommandPalette)


async def test_an_error_of_a_question_is_a_sentence(
    app_on: AppOn, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)

        def broken() -> None:
            message = "Binder Error: no such column"
            raise QueryError(message)

        monkeypatch.setattr(view_of(app), "ask", lambda *_: iter(broken, None))
        view_of(app).reload()
        assert " Binder Error: no such column" in await settled(app, pilot)


async def test_a_defect_of_ours_is_told_and_does_not_end_the_app(
    app_on: AppOn, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        monkeypatch.setattr(view_of(app), "ask", lambda *_: iter(lambda: 1 / 0, None))
        view_of(app).reload()
        with pytest.raises(WorkerFailed):
            await app.workers.wait_for_complete()

        assert "this is a defect of recourse: ZeroDivisionError" in await settled(app, pilot)


async def test_an_answer_to_an_older_question_is_dropped(app_on: AppOn, settled: Settled) -> None:
    app = app_on("one-row")
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        view = view_of(app)
        view.post_message(view.Answered(0, object()))
        view.post_message(view.Done(0))
        view.post_message(view.Failed(0, "no"))

        assert await settled(app, pilot) == before


async def test_a_question_asked_twice_at_once_is_answered_once(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="calls")
    async with app.run_test(size=SMALL) as pilot:
        before = await settled(app, pilot)
        for _ in range(5):
            view_of(app).reload()

        assert await settled(app, pilot) == before


async def test_the_first_screen_may_be_another(app_on: AppOn, settled: Settled) -> None:
    app = app_on("one-row", screen="call")
    async with app.run_test(size=SMALL) as pilot:
        assert "CRITICAL PATH" in await settled(app, pilot)
        await pilot.press("escape")
        assert "INCIDENT" in await settled(app, pilot)


async def test_ascii_draws_nothing_else(app_on: AppOn, settled: Settled) -> None:
    app = app_on("hostile", in_ascii=True)
    async with app.run_test(size=SMALL) as pilot:
        for key in "1234569":
            await pilot.press(key)
            await settled(app, pilot)
            strips = app.screen._compositor.render_strips()
            assert all(segment.text.isascii() for strip in strips for segment in strip)


def test_running_on_nothing_says_so_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        RecourseApp,
        "run",
        lambda self, **_: setattr(self.session, "problem", "archive 'x' is gone"),
    )

    assert run(str(tmp_path / "x")) == 0
    assert capsys.readouterr().err == "recourse: archive 'x' is gone\n"


def test_a_screen_that_is_not_there_is_named_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("nowhere", screen="radar") == 2
    assert capsys.readouterr().err == (
        "recourse: screen 'radar' is not there; use one of " + ", ".join(VIEWS) + "\n"
    )


async def test_a_growing_archive_is_followed_until_f_is_pressed_again(
    settled: Settled, tmp_path: Path
) -> None:
    def more(number: int) -> None:
        at = 1_795_255_200_000_000 + number
        rows = [{"call_id": f"c{number}", "key": "k", "started_at": at, "duration_us": 5}]
        write_archive(tmp_path / "a", {"calls": rows}, instance=f"pod-{number}")

    more(1)
    app = RecourseApp(str(tmp_path / "a"), trusted=True, screen="calls")
    async with app.run_test(size=SMALL) as pilot:
        assert "· 1 call\n" in await settled(app, pilot)
        await pilot.press("f")
        text = await settled(app, pilot)
        assert "● live" in text
        assert "following: new calls appear" in text
        view_of(app)._asked_s = 0.0
        app._follow()
        assert [worker for worker in app.workers if worker.group == "follow"] == []
        view_of(app)._asked_s = None
        app._follow()
        assert [worker for worker in app.workers if worker.group == "follow"]
        await settled(app, pilot)
        more(2)
        app._look()
        text = await settled(app, pilot)
        assert "2 calls" in text
        await pilot.press("f")
        text = await settled(app, pilot)
        assert "not following" in text
        assert app._following is None
        app.post_message(app.ArchiveGrown(app.session.book))
        await settled(app, pilot)
        assert app.session.edition == 1
