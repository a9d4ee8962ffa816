"""What triage says while it still thinks, and what a wide terminal has room for."""

import json
import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_observe.cli import main
from recourse_observe.scope import instant
from recourse_observe.story.findings import StoryDocument
from recourse_observe.text import percent
from recourse_tui.app import RecourseApp
from recourse_tui.lines import plain
from recourse_tui.screens.opened import Opened, read
from recourse_tui.widgets.verdict import found_lines, incident_lines, rows_of_incidents

Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class Slow(Opened):
    """An archive whose diagnosis waits until it may go on."""

    def __init__(self, book: Opened) -> None:
        super().__init__(book.archive, book.coverage, book.lost)
        self.may_go_on = threading.Event()

    def story(self) -> StoryDocument:
        self.may_go_on.wait()
        return super().story()


def pane(app: RecourseApp, name: str) -> list[str]:
    lines = app.screen.query_one(f"#{name}")
    return [line.text.rstrip() for line in (lines.render_line(y) for y in range(lines.size.height))]


async def test_an_incident_is_shown_before_its_cause_is_known(
    archive_path: Callable[[str], str], settled: Settled
) -> None:
    book = Slow(read(archive_path("incident")))
    app = RecourseApp(archive_path("incident"), reader=lambda: book)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            while "#1 payments" not in (first := "\n".join(pane(app, "incidents"))):
                await pilot.pause(0.01)
            status = "\n".join(pane(app, "status"))
            keys = pane(app, "keys")
            book.may_go_on.set()
            whole = await settled(app, pilot)
    finally:
        book.archive.close()

    assert "INCIDENTS 2  diagnosing …" in first
    assert "✗#1 payments.Charge" in first
    assert "09:12:00→" in first
    assert " calls lost (" in first
    assert "~" in first
    assert "diagnosing … " in status
    assert "payments.Charge" not in "\n".join(keys)
    assert "diagnosing" not in whole
    assert "cause     partial instance failure" in whole
    assert "~" not in "\n".join(row for row in whole.splitlines() if "#1 payments" in row)


async def test_the_counts_of_keys_are_shown_while_incidents_are_looked_for(
    settled: Settled,
) -> None:
    sample = str(Path(__file__).parents[2] / "sample-data" / "checkout-outage")
    book = Slow(read(sample))
    app = RecourseApp(sample, reader=lambda: book)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            while "payments.Charge" not in (first := "\n".join(pane(app, "keys"))):
                await pilot.pause(0.01)
            status = "\n".join(pane(app, "status"))
            rows = {row.key: row for row in book.archive.overview()}
            book.may_go_on.set()
            whole = await settled(app, pilot)
    finally:
        book.archive.close()

    assert re.search(r"KEY +CALLS +AMP +LOST +DENIED", first)
    (line,) = (line for line in first.splitlines() if "payments.Charge" in line)
    assert f"{rows['payments.Charge'].lost:,}" in line.split()
    assert "keys of the whole archive, as counted" in status
    assert re.search(r"KEY +CALLS +AMP +FAIL", whole)


async def test_a_wide_terminal_says_why_and_what_changed_as_the_commands_do(
    archive_path: Callable[[str], str], opened: Callable[[str], Opened],
    settled: Settled, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    place = archive_path("incident")
    app = RecourseApp(place, reader=lambda: opened("incident"))
    async with app.run_test(size=(80, 24)) as pilot:
        small = await settled(app, pilot)
        await pilot.resize_terminal(120, 40)
        await settled(app, pilot)
        side, changed = pane(app, "side"), pane(app, "changes")
        await pilot.press("tab", "tab", "j", "enter")
        played = await settled(app, pilot)
        at = app.session.place

    capsys.readouterr()
    assert main(["why", place, "-i", "1", "--json", "--limit", "99", "--trust"]) == 0
    rows = {
        f"{one['dimension']}={one['value']}": one
        for one in json.loads(capsys.readouterr().out)["contrasts"]
    }
    first = next(n for n, line in enumerate(side) if "WHY #1" in line) + 1
    told = [line.split() for line in side[first : side.index("", first)]]
    assert [line[0] for line in told][:2] == ["reason=http_503", "attempt=1"]
    for name, *shares in told:
        one = next(rows[key] for key in rows if key.startswith(name.rstrip("…")))
        assert shares == [percent(one[s]) for s in ("share_b", "share_a", "share_others")]

    assert main(["triage", place, "--json", "--trust"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["changes_of"] == 1
    shown = [line for line in changed[2:] if line]
    for line, one in zip(shown, document["changes"], strict=True):
        assert line[1:9] == one["at"][11:19]
        assert line[10:].rstrip("…") in one["text"]
    assert "TIMELINE OF CHANGES" not in small
    assert at.view == "replay"
    assert instant(at.at_us) == document["changes"][1]["at"]
    assert document["changes"][1]["at"][11:19] in played


def test_incidents_are_listed_by_what_they_lost(opened: Callable[[str], Opened]) -> None:
    story = opened("incident").story()
    one, two = story.incidents
    turned = replace(story, incidents=(one, replace(two, measures=one.measures)))
    worse = replace(turned, incidents=(replace(one, measures=two.measures), turned.incidents[1]))
    spans = opened("incident").incidents().spans

    assert rows_of_incidents(None, 0) == {}
    assert rows_of_incidents(turned, 1) == {0: 1, 3: 2}
    assert rows_of_incidents(worse, 1) == {0: 2, 1: 1}
    head, rows = incident_lines(worse, 1, 80)
    assert plain(head).endswith("sorted by calls lost")
    assert [plain(row)[2:4] for row in (rows[0], rows[1])] == ["#2", "#1"]
    _, found = found_lines([replace(spans[0], lost=1), replace(spans[1], lost=2)], 80)
    assert [plain(row)[2:4] for row in found] == ["#2", "#1"]
    several = replace(one, keys=("payments.Charge", "payments.Refund", "user-service.GetUser"))
    _, rows = incident_lines(replace(story, incidents=(several,)), 1, 80)
    assert plain(rows[0]).startswith(" ✗#1 payments.Charge +2 09:12:00")
    _, rows = incident_lines(replace(story, incidents=(several,)), 1, 160)
    assert "payments.Charge, payments.Refund, user-service.GetUser " in plain(rows[0])


async def test_the_next_incident_is_the_next_of_the_list(
    app_on: Callable[..., RecourseApp], settled: Settled
) -> None:
    app = app_on("incident")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        numbers = [app.session.place.incident]
        for key in ("i", "i", "I"):
            await pilot.press(key)
            await settled(app, pilot)
            numbers.append(app.session.place.incident)

    assert numbers == [1, 2, 2, 1]
