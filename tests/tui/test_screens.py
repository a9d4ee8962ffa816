"""Every screen on every kind of archive, as text that a reviewer can read."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_tui.app import RecourseApp

Agree: TypeAlias = Callable[[str, str], None]
AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(120)]
SIZES = ((80, 24), (120, 40))
SCREENS = {
    "1": "triage",
    "2": "story",
    "3": "key",
    "4": "calls",
    "5": "call",
    "6": "compare",
    "7": "replay",
    "8": "whatif",
    "9": "sql",
    "0": "notes",
}
KINDS = ("incident", "quiet", "empty", "damaged", "one-row", "hostile")


@pytest.mark.parametrize("kind", KINDS)
async def test_every_screen_shows_what_its_golden_file_says_at_every_size(
    kind: str, app_on: AppOn, settled: Settled, agree: Agree
) -> None:
    app = app_on(kind)
    app.session.processes = 1
    shown = {}
    async with app.run_test(size=SIZES[0]) as pilot:
        await settled(app, pilot)
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            for key, name in SCREENS.items():
                # A candidate of one's own is asked at once; without one the best is searched for, which takes longer.
                edits = ("retry.max_attempts=2",) if name == "whatif" else ()
                app.session.stay(replace(app.session.place, edits=edits))
                await pilot.press(key)
                text = await settled(app, pilot)
                assert max(len(line) for line in text.splitlines()) <= width
                shown[f"{name}-{kind}-{width}x{height}"] = text
                if name == "sql":
                    await pilot.press("escape")  # out of the editor

    for name, text in shown.items():
        agree(name, text)
