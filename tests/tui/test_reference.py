"""The page of keys says what the registry says, and the pictures of the docs show what the screens show."""

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from recourse_tui.actions import ACTIONS, ANYWHERE, VIEWS, key_name
from recourse_tui.app import RecourseApp
from recourse_tui.shot import screen_svg

Settled: TypeAlias = Callable[[RecourseApp, Pilot[Any]], Awaitable[str]]

DOCS = Path(__file__).parents[2] / "docs"
SAMPLE = DOCS.parent / "sample-data" / "checkout-outage"
PICTURES = {"1": "triage", "2": "story", "3": "key", "5": "call", "6": "compare", "7": "replay"}
NOTE = "<!-- Generated: RECOURSE_UPDATE_GOLDENS=1 python -m pytest tests/tui/test_reference.py -k keys -->"


def page() -> Iterator[str]:
    yield from (NOTE, "", "# Keys of the screens", "")
    yield "`?` shows those of the present screen. In a line for typing only `esc`, `ctrl+` and function keys act."
    everywhere = [action for action in ACTIONS.values() if set(VIEWS) <= set(action.screens)]
    yield from ("", "## On every screen", "", "| keys | what they do |", "|---|---|")
    yield from (_row(action) for action in everywhere)
    for screen in ANYWHERE:
        own = [a for a in ACTIONS.values() if screen in a.screens and a not in everywhere]
        if own:
            yield from ("", f"## {screen.capitalize()}", "", "| keys | what they do |", "|---|---|")
            yield from (_row(action) for action in own)


def _row(action: Any) -> str:
    keys = " ".join(f"`{key_name(key)}`" for key in action.keys)
    return f"| {keys} | {action.help} |"


def test_the_page_of_keys_is_what_the_registry_says() -> None:
    path, text = DOCS / "reference" / "keys.md", "\n".join(page()) + "\n"

    if os.environ.get("RECOURSE_UPDATE_GOLDENS") == "1":
        path.write_text(text, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == text


@pytest.mark.anyio
@pytest.mark.slow
async def test_the_pictures_of_the_docs_show_the_screens(settled: Settled) -> None:
    shown = {}
    app = RecourseApp(str(SAMPLE), trusted=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        for key, name in PICTURES.items():
            await pilot.press(key)
            await settled(app, pilot)
            shown[name] = screen_svg(app)

    for name, svg in shown.items():
        path = DOCS / "pictures" / f"{name}.svg"
        if os.environ.get("RECOURSE_UPDATE_GOLDENS") == "1":
            path.write_text(svg, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == svg, f"{name}.svg shows an older screen"
