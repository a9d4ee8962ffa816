"""Every screen on every kind of archive, as text that a reviewer can read."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_tui.app import RecourseApp

Agree: TypeAlias = Callable[[str, str], None]
AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SIZES = ((80, 24), (120, 40))
SCREENS = {
    "1": "triage",
    "2": "story",
    "3": "key",
    "4": "calls",
    "5": "call",
    "6": "compare",
    "7": "replay",
    "9": "sql",
    "0": "notes",
}
KINDS = ("incident", "quiet", "empty", "damaged", "one-row", "hostile")


@pytest.mark.parametrize("kind", KINDS)
async def test_every_screen_shows_what_its_golden_file_says_at_every_size(
    kind: str, app_on: AppOn, settled: Settled, agree: Agree
) -> None:
    # Without an archive all screens are the same sentence.
    seen = "12" if kind in {"empty", "damaged"} else SCREENS
    app = app_on(kind)
    shown = {}
    async with app.run_test(size=SIZES[0]) as pilot:
        await settled(app, pilot)
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            for key in seen:
                await pilot.press(key)
                text = await settled(app, pilot)
                assert max(len(line) for line in text.splitlines()) <= width
                shown[f"{SCREENS[key]}-{kind}-{width}x{height}"] = text
                await pilot.press("escape")  # out of the editor of the console

    for name, text in shown.items():
        agree(name, text)
