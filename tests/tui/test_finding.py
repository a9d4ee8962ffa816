"""A filter says what it chooses while it is typed, and leads from one chosen call to the next."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_tui.app import RecourseApp
from recourse_tui.widgets.prompt import Prompt

AppOn: TypeAlias = Callable[..., RecourseApp]
Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SMALL = (80, 24)


async def test_a_filter_is_counted_while_it_is_typed(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        await pilot.press("slash")
        await settled(app, pilot)
        await pilot.press(*"lost")
        assert " 146 of 1,440 calls match" in await settled(app, pilot)
        await pilot.press(*" total>3")
        assert " ✗ " in await settled(app, pilot)
        await pilot.press("escape")
        text = await settled(app, pilot)
        assert " match" not in text
        assert "filter: none" in text
        await pilot.press("colon", *"key")
        assert " match" not in await settled(app, pilot)


async def test_n_goes_from_match_to_match(app_on: AppOn, settled: Settled) -> None:
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:

        async def press(*keys: str) -> str:
            await pilot.press(*keys)
            return await settled(app, pilot)

        await press()
        assert "> no filter holds; / sets one" in await press("n")
        await press("7")
        assert "> no filter holds; / sets one" in await press("n")
        await press("1", "slash")
        await press(*"denied", "enter")
        assert "call 1 of 66" in await press("n")
        assert "call 2 of 66" in await press("n")
        assert "call 1 of 66" in await press("N")
        await press("4")
        assert "these are shapes" in await press("n")
        await press("v")
        assert "call 3 of 66" in await press("n", "n")
        await press("7")
        text = await press("n", "n")
        assert "> match " in text
        assert "⊘" in text


async def test_every_screen_has_the_same_prompts(app_on: AppOn, settled: Settled) -> None:
    prompts = {"slash": "filter", "colon": "command", "semicolon": "sql"}
    app = app_on("incident")
    async with app.run_test(size=SMALL) as pilot:
        await settled(app, pilot)
        opened: dict[str, list[str]] = {}
        for screen in "12346780":
            for key, name in prompts.items():
                await pilot.press(screen)
                await settled(app, pilot)
                await pilot.press(key)
                await pilot.pause()
                if app.screen.query_one(Prompt).is_open:
                    opened.setdefault(screen, []).append(name)
                await pilot.press("escape")
        # Neither a candidate nor the notes can be filtered.
        unfiltered = ["command", "sql"]
        assert opened == {
            screen: unfiltered if screen in "80" else [*prompts.values()] for screen in "12346780"
        }
