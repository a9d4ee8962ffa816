"""What the terminal shows, as text and as a picture."""

import re
from typing import Any

from textual.app import App

__all__ = ["screen_svg", "screen_text"]


def screen_text(app: App[Any]) -> str:
    """What the terminal shows, without trailing blanks."""
    # Textual has no public way to ask for the screen as text.
    strips = app.screen._compositor.render_strips()  # noqa: SLF001  # see above
    return "\n".join("".join(s.text for s in strip).rstrip() for strip in strips) + "\n"


def screen_svg(app: App[Any]) -> str:
    """What the terminal shows, the same bytes for the same screen."""
    return re.sub(r"terminal-\d+", "terminal-0", app.export_screenshot(title=" "))
