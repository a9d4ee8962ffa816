"""The archive, played again: the playhead, what is seen there, and what is known at it."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_observe.cli import main
from recourse_observe.duck import Superseded
from recourse_observe.replay.state import Columns, State
from recourse_observe.replay.timeline import Replay, build
from recourse_observe.whatif import LoadPoint
from recourse_tui.actions import VIEWS
from recourse_tui.app import RecourseApp
from recourse_tui.lines import plain
from recourse_tui.screens.links import place_of
from recourse_tui.screens.player import Player
from recourse_tui.screens.replay import ReplayView
from recourse_tui.widgets.now import load_rows

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

SMALL = (80, 24)
S = 1_000_000


class Starts:
    """Calls that begin at these moments."""

    def __init__(self, *moments: int) -> None:
        self.moments = moments

    def __len__(self) -> int:
        return len(self.moments)

    def part(self, first: int, last: int) -> Columns:
        at = self.moments[first:last]
        n = len(at)
        return Columns(at, ["call_start"] * n, ["k"] * n, ["c"] * n, [-1] * n, [0] * n, ["p"] * n,
                       ["v"] * n, [True] * n, [None] * n, [1] * n)  # fmt: skip


def played(*moments: int) -> Replay:
    return build(State(at_us=0), Starts(*moments), 100 * S)


def test_a_second_passes_as_fast_as_it_is_played() -> None:
    player = Player()
    player.skips_idle = False
    player.begin(0.0, 10)

    assert player.advance(played(), 0.1)
    assert player.at_us == 100_000
    player.faster(2)
    assert player.speed == 30
    player.advance(played(), 0.2)
    assert player.at_us == 3_100_000
    player.faster(-9)
    assert player.speed == 0.25
    player.faster(9)
    assert player.speed == 300
    player.advance(played(), 5.0)
    assert player.at_us == 100 * S


def test_a_long_pause_becomes_two_seconds() -> None:
    player = Player()
    player.begin(0.0, 10)
    player.advance(played(50 * S), 0.1)

    assert player.at_us == 48 * S
    player.stand(60 * S)
    player.advance(played(50 * S), 0.2)
    assert player.at_us == 60_100_000


def test_a_loop_begins_again() -> None:
    player = Player()
    player.loop = (10 * S, 20 * S)
    player.skips_idle = False
    player.stand(19 * S + 950_000)
    player.begin(0.0, 10)
    player.advance(played(), 0.1)

    assert player.at_us == 10 * S


def test_a_slow_frame_halves_the_rate() -> None:
    player = Player()
    player.begin(0.0, 10)
    player.took(0.01, 0.05)
    assert player.advance(played(), 0.1)
    player.took(0.06, 0.05)

    assert not player.advance(played(), 0.15)
    assert player.advance(played(), 0.25)


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_playhead_goes_by_events_seconds_and_markers(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="replay")
    async with app.run_test(size=SMALL) as pilot:
        text = await settled(app, pilot)
        view = app.screen
        assert isinstance(view, ReplayView)
        assert view.answer is not None
        replay = view.answer.replay
        onset = app.session.place.scope.start_unix_us
        assert view.moment() == onset
        assert "09:12:00.8" in text.splitlines()[0]

        async def press(*keys: str) -> str:
            await pilot.press(*keys)
            return await settled(app, pilot)

        await press("right", "shift+right", "left")
        assert view.moment() == onset + 10 * S
        before = view._passed()
        await press("full_stop")
        assert view._passed() == before + 1
        await press("comma", "comma")
        assert view._passed() == before - 1
        text = await press("right_square_bracket")
        marker = next(m for m in view.answer.markers if m.at_us > onset + 10 * S)
        assert view.moment() == marker.at_us
        assert marker.label in text
        await press("left_square_bracket", "left_square_bracket")
        assert (view.moment() or 0) < marker.at_us
        await press("home")
        assert view.moment() == replay.start_us
        text = await press("end", "full_stop", "right_square_bracket")
        assert view.moment() == replay.end_us
        assert f"event {len(replay):,} of {len(replay):,}" in text
        await press("E")
        assert not replay.event(view._passed() - 1).good
        await press("home", "comma", "e")
        assert not replay.event(view._passed() - 1).good
        await pilot.press("end", "e")
        assert "no failure is near" in await settled(app, pilot)


@pytest.mark.anyio
@pytest.mark.slow
async def test_it_plays_and_stops_and_leaves_no_timer(app_on: AppOn, settled: Settled) -> None:
    app = app_on("one-row", screen="replay")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        view = app.screen
        assert isinstance(view, ReplayView)
        await pilot.press("K", "greater_than_sign", "less_than_sign", "less_than_sign")
        text = await settled(app, pilot)
        assert "■ 0.25×" in text  # noqa: RUF001  # a multiplication sign
        assert "idle-skip off" in text
        view.action_play()
        assert view._timer is not None
        view.action_play()
        assert view._timer is None
        view.action_speed(9)
        view.action_play()
        while view._timer is not None:
            await pilot.pause(0.02)
        await settled(app, pilot)
        assert view.answer is not None
        assert view.moment() == view.answer.replay.end_us
        await pilot.press("home", "l")
        assert "loop on" in await settled(app, pilot)
        await pilot.press("l")
        assert "loop off" in await settled(app, pilot)
        view.action_play()
        await pilot.press("1")
        await settled(app, pilot)
        assert view._timer is None


@pytest.mark.anyio
@pytest.mark.slow
async def test_probes_and_the_search_are_typed(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="replay")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("P")
        await settled(app, pilot)
        app.screen.query_one("Prompt").value = "inflight(payments.Charge)"  # type: ignore[attr-defined]
        await pilot.press("enter")
        text = await settled(app, pilot)
        assert "PROBES  p1 inflight(payments.Charge) = " in text
        await pilot.press("g")
        await settled(app, pilot)
        app.screen.query_one("Prompt").value = "fail(payments.Charge)>5%"  # type: ignore[attr-defined]
        await pilot.press("enter")
        text = await settled(app, pilot)
        assert "held first here" in text
        assert "09:12:0" in text.splitlines()[0]
        await pilot.press("g")
        await settled(app, pilot)
        app.screen.query_one("Prompt").value = "fail"  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert "✗ condition 'fail' cannot be read" in await settled(app, pilot)
        await pilot.press("colon")
        await settled(app, pilot)
        app.screen.query_one("Prompt").value = "bisect inflight>9000"  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert "never held" in await settled(app, pilot)


@pytest.mark.anyio
@pytest.mark.slow
async def test_from_a_call_to_its_replay_and_from_an_event_to_its_call(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("slash")
        await settled(app, pilot)
        await pilot.press(*"lost", "enter")
        await settled(app, pilot)
        await pilot.press("5")
        await settled(app, pilot)
        call_id = app.session.place.call_id
        await pilot.press("space")
        text = await settled(app, pilot)
        assert f"filter call:{call_id}" in text
        assert "chosen" in text
        await pilot.press("full_stop", "full_stop", "e")
        await settled(app, pilot)
        await pilot.press("tab", "enter")
        await settled(app, pilot)
        assert (app.session.place.view, app.session.place.call_id) == ("call", call_id)
        await pilot.press("escape")
        await settled(app, pilot)
        await pilot.press("shift+tab", "Q", "enter")
        await settled(app, pilot)
        assert app.session.place.view == "key"


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_scrubber_is_dragged(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="replay")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        view = app.screen
        assert isinstance(view, ReplayView)
        assert view.answer is not None
        replay = view.answer.replay
        await pilot.mouse_down("#scrubber", offset=(2, 0))
        await pilot.hover("#scrubber", offset=(40, 0))
        await pilot.mouse_up("#scrubber", offset=(40, 0))
        await settled(app, pilot)

        middle = (replay.start_us + replay.end_us) // 2
        assert abs((view.moment() or 0) - middle) < (replay.end_us - replay.start_us) // 50


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_query_is_a_probe_and_is_asked_again_where_the_playhead_goes(
    app_on: AppOn, settled: Settled
) -> None:
    app = app_on("incident", screen="replay")
    async with app.run_test(size=(120, 40)) as pilot:

        async def typed(key: str, text: str) -> str:
            await pilot.press(key)
            app.screen.query_one("Prompt").value = text  # type: ignore[attr-defined]
            await pilot.press("enter")
            return await settled(app, pilot)

        def known(text: str) -> int:
            found = re.findall(r"p1 SELECT count.*?… = ([\d,]+)", text)
            return int(found[0].replace(",", ""))

        await settled(app, pilot)
        first = known(await typed("P", "SELECT count(*) FROM attempts WHERE started_at <= $at"))
        await pilot.press("end")
        last = known(await settled(app, pilot))
        both = await typed("P", "SELECT nothing")
        stopped = await typed("P", "DROP TABLE calls")

    assert 0 < first < last
    assert " PROBES  p1 SELECT count(*)" in both
    assert "p2 SELECT nothing = ✗ " in both
    assert "✗ probe 'DROP TABLE calls' cannot be read" in stopped


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_query_that_somebody_stopped_says_so(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="replay")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        view = app.screen
        assert isinstance(view, ReplayView)
        assert view.answer is not None
        app.session.probes = ("SELECT 1",)
        stale = app.session.archive.in_lane("probe")
        app.session.archive.in_lane("probe")
        view._is_probing = True
        view._query(stale, view.answer, ["SELECT 1"], view._player.at_us)
        text = await settled(app, pilot)

    assert "p1 SELECT 1 = stopped" in text


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_candidate_stands_below_what_was_recorded(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident", screen="replay")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        first = app.session.book.coverage.first_unix_us
        edited = replace(app.session.place, edits=("retry.max_attempts=2",))
        place = replace(edited, scope=edited.scope.of("payments.Charge"))
        assert place.candidate is not None
        app.session.loads[place.candidate] = tuple(
            LoadPoint(at_unix_us=first + n * S, recorded=20.0, candidate=10.0) for n in range(1_800)
        )
        app.session.stay(place)
        await app.arrive()
        text = await settled(app, pilot)

    lines = text.splitlines()
    above = next(number for number, line in enumerate(lines) if "load recorded" in line)
    assert lines[above].count("█") > 5
    assert lines[above].rstrip().endswith("│ 20/s")
    assert "candidate" in lines[above + 1]
    assert lines[above + 1].count("▄") > 5
    assert lines[above + 1].rstrip().endswith("│ 10/s MODEL")


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_link_with_a_candidate_asks_for_its_load_as_the_command_does(
    app_on: AppOn, settled: Settled, archive_path: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    app = app_on("incident", screen="replay")
    app.session.processes = 1
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        (_, *argv), scope = app.session.argv(), app.session.place.scope
        link = ("replay", *argv, "--key", "payments.Charge", "--set", "retry.max_attempts=2")
        place = place_of(link, VIEWS)
        assert place is not None
        app.session.stay(replace(place, incident=1))
        await app.arrive()
        await settled(app, pilot)
        view = app.screen
        assert isinstance(view, ReplayView)
        here = view._player.at_us
        view._go_on(view._question, "still wanted")
        with pytest.raises(Superseded):
            view._go_on(view._question - 1, "not any more")

    capsys.readouterr()
    words = [archive_path("incident"), *app.session.argv()[1:], "--json", "--trust"]
    assert main(["replay", *words, "--limit", "1"]) == 0
    told = json.loads(capsys.readouterr().out)["load"]
    (points,) = app.session.loads.values()
    assert [asdict(one) for one in points] == told
    assert here == scope.start_unix_us


def test_loads_before_the_first_known_moment_are_blank() -> None:
    points = [LoadPoint(at_unix_us=60 * S, recorded=4.0, candidate=None)]
    recorded, candidate = load_rows(points, 30 * S, "k", 80)

    assert "not known" in plain(recorded.line)
    assert "not known" in plain(candidate.line)
