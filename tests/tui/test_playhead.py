"""Where the playhead is: it goes where one says, is in links and bookmarks, and says what cannot be reached."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_observe.archive import write_archive
from recourse_observe.scope import instant
from recourse_tui.app import RecourseApp
from recourse_tui.screens.links import moment_of
from recourse_tui.screens.opened import Opened
from recourse_tui.screens.replay import ReplayView

OpenedKind: TypeAlias = Callable[[str], Opened]
HandsOn: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Any]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SMALL = (80, 24)


def view_of(app: RecourseApp) -> ReplayView:
    assert isinstance(app.screen, ReplayView)
    return app.screen


def at(text: str) -> int:
    moment = datetime.fromisoformat(f"2026-11-21T{text}").replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000)


async def test_a_moment_beyond_what_is_played_is_played_and_one_of_no_archive_is_told(
    opened: OpenedKind, hands_on: HandsOn
) -> None:
    app = RecourseApp("a", reader=lambda: opened("incident"), screen="replay")
    async with app.run_test(size=SMALL) as pilot:
        hands = hands_on(app, pilot)
        await hands.press()
        await hands.type("t", "09:14:30")
        assert view_of(app).moment() == at("09:14:30")
        inside = app.session.place.scope
        await hands.type("g", "lost>0")
        assert app.session.place.scope != inside
        said = await hands.type("g", "lost>1000")
        assert "lost>1000 never held from 09:" in said
        await hands.type("t", "09:26")
        assert view_of(app).moment() == at("09:26:00")
        assert app.session.place.scope.start_unix_us == at("09:26:00")
        assert "use a moment of the archive" in await hands.type("t", "11:00")
        assert view_of(app).moment() == at("09:26:00")


async def test_a_time_of_day_before_the_first_is_that_of_the_next_day(
    hands_on: HandsOn, tmp_path: Any
) -> None:
    night = [at("23:00:00"), at("23:00:00") + 4 * 3_600_000_000]
    rows = [
        {"key": "k", "call_id": f"c{number}", "started_at": moment, "duration_us": 9}
        for number, moment in enumerate(night)
    ]
    write_archive(tmp_path / "a", {"calls": rows, "attempts": rows})
    app = RecourseApp(str(tmp_path / "a"), trusted=True, screen="calls")
    async with app.run_test(size=SMALL) as pilot:
        hands = hands_on(app, pilot)
        await hands.press()
        await hands.type("t", "02:30")
        assert app.session.place.scope.start_unix_us == at("02:30:00") + 86_400_000_000
        said = await hands.type("t", "12:00")

    lines = [line.strip() for line in said.splitlines()[-3:-1]]
    assert " ".join(lines) == (
        "> ✗ time '12:00' cannot be read; use a moment of the archive, from 23:00:00 to 03:00:00 UTC"
    )


async def test_links_and_bookmarks_know_the_playhead_and_the_line_of_time_shows_them(
    opened: OpenedKind, hands_on: HandsOn, tmp_path: Any
) -> None:
    app = RecourseApp(str(tmp_path), reader=lambda: opened("incident"), screen="replay")
    async with app.run_test(size=SMALL) as pilot:
        hands = hands_on(app, pilot)
        await hands.press()
        await hands.press("right", "right", "y")
        here = view_of(app).moment()
        assert here is not None
        assert f"--at {instant(here)}" in app.clipboard
        assert "bookmark kept" in await hands.press("b")
        assert "bookmark replay" in await hands.press("home", "b", "left_square_bracket")
        await hands.press("right_square_bracket")
        while view_of(app).moment() != here:
            before = view_of(app).moment()
            await hands.press("right_square_bracket")
            assert view_of(app).moment() != before
        await hands.press("4", "7")
        assert view_of(app).moment() == here


@pytest.mark.parametrize(
    ("argv", "moment"),
    [
        (("replay", "--since", "2026-11-21T09:00:00Z", "--at", "2026-11-21T09:12:00Z"), "09:12:00"),
        (("calls", "--since", "2026-11-21T09:00:00Z"), "09:00:00"),
        (("calls", "--since"), None),
        (("notes",), None),
        ((), None),
    ],
)
def test_a_link_is_about_a_moment_or_none(argv: tuple[str, ...], moment: str | None) -> None:
    assert moment_of(argv) == (None if moment is None else at(moment))


async def test_at_the_end_it_plays_from_the_beginning_and_a_loop_needs_something_in_it(
    opened: OpenedKind, hands_on: HandsOn
) -> None:
    app = RecourseApp("a", reader=lambda: opened("incident"), screen="replay")
    async with app.run_test(size=SMALL) as pilot:
        hands = hands_on(app, pilot)
        await hands.press()
        answer = view_of(app).answer
        assert answer is not None
        replay = answer.replay
        await hands.press("end")
        assert view_of(app).moment() == replay.end_us
        await pilot.press("space", "space")
        await hands.press()
        moment = view_of(app).moment()
        assert moment is not None
        assert replay.start_us <= moment < replay.end_us
        app.session.marks = (replay.end_us, replay.end_us + 5)
        assert "nothing of what is played lies between" in await hands.press("l")
        app.session.marks = (None, None)
        assert "loop on" in await hands.press("l")
        assert "loop off" in await hands.press("l")
