"""Every key of a screen, from the registry."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from recourse_tui.actions import bindings, key_name, of_screen
from recourse_tui.lines import Ink, Line, Lines, Span, cell, inked

__all__ = ["HelpScreen"]


class HelpScreen(ModalScreen[None]):
    """The keys of one screen, over it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("help")]
    DEFAULT_CSS = """
    HelpScreen { align: center middle;
        & > Lines { width: 70; max-width: 100%; height: 80%; background: $panel; border: round $secondary; }
    }
    """
    name_of_view: ClassVar[str] = "help"

    def __init__(self, view: str) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        """One list."""
        yield Lines(id="keys")

    def on_mount(self) -> None:
        """The registry's lines for the screen below."""
        rows = [_row(action.keys, action.help) for _, action in of_screen(self._view)]
        head = inked(" ", Span(f"KEYS OF {self._view.upper()}", Ink.HEAD), "   esc closes")
        self.query_one(Lines).show(rows, head=[head], stops=range(len(rows)))

    def action_move(self, steps: int) -> None:
        """Move the marker."""
        self.query_one(Lines).move(steps)

    def action_page(self, pages: int) -> None:
        """Move by what is visible."""
        pane = self.query_one(Lines)
        pane.move(pages * pane.page_rows())


def _row(keys: tuple[str, ...], text: str) -> Line:
    names = " ".join(key_name(key) for key in keys)
    return inked("  ", Span(cell(names, 16), Ink.INFO), text)
