"""What opens over a screen: every key of it, from the registry, or all that is known of its incident."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from recourse_tui.actions import ACTIONS, Action, bindings, key_name, of_screen
from recourse_tui.lines import Ink, Line, Lines, Span, cell, inked

__all__ = ["Overlay", "help_lines"]


class Overlay(ModalScreen[None]):
    """A list over a screen; escape closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("help")]
    CELLS: ClassVar[int] = 74
    """Its width, with a border."""
    DEFAULT_CSS = f"""
    Overlay {{ align: center middle;
        & > Lines {{
            width: {CELLS}; max-width: 100%; height: 80%; background: $panel; border: round $secondary;
        }}
    }}
    """
    name_of_view: ClassVar[str] = "help"

    def __init__(self, title: str, rows: Sequence[Line]) -> None:
        super().__init__()
        self._title = title
        self._rows = rows

    def compose(self) -> ComposeResult:
        """One list."""
        yield Lines(id="list")

    def on_mount(self) -> None:
        """The rows under their title."""
        head = inked(" ", Span(self._title, Ink.HEAD), Span("   esc closes", Ink.DIM))
        self.query_one(Lines).show(self._rows, head=[head], stops=range(len(self._rows)))

    def action_move(self, steps: int) -> None:
        """Move the marker."""
        self.query_one(Lines).move(steps)

    def action_page(self, pages: int) -> None:
        """Move by what is visible."""
        pane = self.query_one(Lines)
        pane.move(pages * pane.page_rows())


def help_lines(view: str, actions: Mapping[str, Action] = ACTIONS) -> list[Line]:
    """Every key of a screen and what it does."""
    return [
        inked(
            "  ",
            Span(cell(" ".join(key_name(key) for key in action.keys), 16), Ink.INFO),
            action.help,
        )
        for _, action in of_screen(view, actions)
    ]
