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
KINDS = ("incident", "quiet", "empty", "damaged", "one-row", "hostile")
SCREENS = dict(
    zip(("triage", "story", "key", "calls", "call", "compare", "sql"), "1234569", strict=True)
)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_screen_shows_what_its_golden_file_says(
    kind: str, size: tuple[int, int], app_on: AppOn, settled: Settled, agree: Agree
) -> None:
    app = app_on(kind)
    async with app.run_test(size=size) as pilot:
        shown = {"triage": await settled(app, pilot)}
        for screen, key in list(SCREENS.items())[1:]:
            await pilot.press(key)
            shown[screen] = await settled(app, pilot)

    for screen, text in shown.items():
        assert max(len(line) for line in text.splitlines()) <= size[0]
        agree(f"{screen}-{kind}-{size[0]}x{size[1]}", text)
