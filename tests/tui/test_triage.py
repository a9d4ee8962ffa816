"""What triage says while it still thinks: when and where an incident was, before why."""

import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_observe.story.findings import StoryDocument
from recourse_tui.app import RecourseApp
from recourse_tui.screens.opened import Opened, read

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
