"""Finished lines of inked text with a cursor: the one widget that everything here is drawn with.

Archive text is hostile: a name may hold escape sequences or markup. So a line is spans of plain text, never markup, and
every span passes ``printable`` here, at the only place where text becomes a strip. ``Barrier`` checks once more what the
other widgets (the input, the palette) draw.
"""

import enum
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from recourse_observe.text import printable

__all__ = ["Barrier", "Ink", "Line", "Lines", "Rows", "Span", "cell", "inked", "joined", "plain"]

MARKER = "▸"


class Ink(enum.StrEnum):
    """What a span means; the theme decides its colour, and a glyph or word always says the same."""

    PLAIN = "plain"
    DIM = "dim"
    HEAD = "head"
    STRONG = "strong"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    INFO = "info"
    NOTE = "note"
    CHOSEN = "chosen"


class Span(NamedTuple):
    """A piece of text in one ink."""

    text: str
    ink: Ink = Ink.PLAIN


Line: TypeAlias = tuple[Span, ...]


class Rows(Protocol):
    """Lines by number: a tuple of them, or a table that makes them when they are looked at."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> Line: ...


def inked(*parts: str | Span) -> Line:
    """A line of the given parts; a bare string is plain."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def plain(line: Iterable[Span]) -> str:
    """The text of a line, as a terminal without colour shows it."""
    return "".join(printable(span.text) for span in line)


def cell(text: str, width: int, *, right: bool = False) -> str:
    """``text`` made safe and exactly ``width`` cells wide; what is cut ends in ``…``."""
    text = printable(text)
    missing = width - cell_len(text)
    if missing < 0:
        return set_cell_size(set_cell_size(text, width - 1) + "…", width) if width else ""
    return " " * missing + text if right else text + " " * missing


def joined(left: str, right: str, width: int) -> str:
    """``left`` and ``right`` at the two ends of a line; what does not fit is cut from the left text."""
    room = width - cell_len(printable(right)) - 1
    return f"{cell(left, room)} {printable(right)}" if room > 0 else cell(left, width)


class Barrier(LineFilter):
    """Takes out of any strip what a terminal would obey; such characters have no width of their own."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without control characters."""
        del background
        return [
            segment
            if segment.control or printable(segment.text) == segment.text
            else Segment(_harmless(segment.text), segment.style)
            for segment in segments
        ]


def _harmless(text: str) -> str:
    return "".join(char if printable(char) == char else "·" * cell_len(char) for char in text)


class Lines(ScrollView, can_focus=True, inherit_bindings=False):
    """A heading that stays, rows that scroll, and a cursor on the rows that are stops.

    The first cell of a row belongs to the cursor's marker. Keys come from the action registry through the screen.
    """

    DEFAULT_CSS = """
    Lines { height: 1fr; width: 1fr; scrollbar-size: 0 0; color: $foreground; background: $background;
        & > .ln--plain { color: $foreground; }
        & > .ln--dim { color: $dim; }
        & > .ln--head { color: $dim; text-style: bold; }
        & > .ln--strong { color: $foreground; text-style: bold; }
        & > .ln--good { color: $success; }
        & > .ln--warn { color: $warning; }
        & > .ln--bad { color: $error; text-style: bold; }
        & > .ln--info { color: $secondary; }
        & > .ln--note { color: $accent; }
        & > .ln--chosen { color: $chosen-foreground; background: $chosen; }
        & > .ln--cursor { background: $cursor; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"ln--{ink}" for ink in Ink} | {"ln--cursor"}

    cursor: reactive[int] = reactive(-1, repaint=False, init=False)
    """The marked row, or -1 when no row is a stop."""

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, lines: "Lines", row: int) -> None:
            super().__init__()
            self.lines = lines
            self.row = row

        @property
        def control(self) -> "Lines":
            """The widget, so that handlers can select by its id."""
            return self.lines

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id, classes=classes)
        self.head: Sequence[Line] = ()
        self.rows: Rows = ()
        self.stops: Sequence[int] = ()

    def show(
        self,
        rows: Rows,
        *,
        head: Sequence[Line] = (),
        stops: Sequence[int] = (),
        cursor: int | None = None,
    ) -> None:
        """Show other lines; the cursor stays where it is if it may, or goes where it is put."""
        self.head, self.rows, self.stops = head, rows, stops
        self.virtual_size = Size(self.size.width, len(head) + len(rows))
        with self.prevent(Lines.Moved):
            self.cursor = self._nearest(self.cursor if cursor is None else cursor)
        self.follow()
        self.refresh()

    def move(self, steps: int) -> None:
        """Move the cursor by stops, or scroll by lines when nothing can be marked."""
        if self.stops:
            here = bisect_left(self.stops, self.cursor)
            self.cursor = self.stops[max(0, min(len(self.stops) - 1, here + steps))]
        else:
            self._scroll(self.scroll_offset.y + steps)

    def page_rows(self) -> int:
        """How many rows are visible at once."""
        return max(1, self.size.height - len(self.head))

    def follow(self) -> None:
        """Scroll the least that shows the cursor's row."""
        if self.cursor < 0:
            return
        top, page = self.scroll_offset.y, self.page_rows()
        if not top <= self.cursor < top + page:
            self._scroll(self.cursor if self.cursor < top else self.cursor - page + 1)

    def render_line(self, y: int) -> Strip:
        """One screen line; the heading does not scroll."""
        row = y - len(self.head) + self.scroll_offset.y
        if y < len(self.head):
            return self._strip(self.head[y], self.rich_style)
        if row >= len(self.rows):
            return Strip.blank(self.size.width, self.rich_style)
        if row != self.cursor:
            return self._strip(self.rows[row], self.rich_style)
        marked = self.rich_style + self.get_component_rich_style("ln--cursor")
        strip = self._strip(self.rows[row], marked)
        return Strip.join([Strip([Segment(MARKER, marked)]), strip.crop(1)])

    def watch_cursor(self, old: int, new: int) -> None:
        """Repaint the two rows that changed, and tell."""
        self.follow()
        for row in (old, new):
            if row >= 0:
                self.refresh_lines(row + len(self.head), 1)
        self.post_message(self.Moved(self, new))

    def on_resize(self) -> None:
        """The width is part of the virtual size; the cursor's row stays visible."""
        self.virtual_size = Size(self.size.width, len(self.head) + len(self.rows))
        self.follow()

    def on_click(self, event: events.Click) -> None:
        """A click marks the row, if it is a stop."""
        row = event.y - len(self.head) + self.scroll_offset.y
        if event.y >= len(self.head) and row in self.stops:
            self.cursor = row

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True, immediate=True)

    def _nearest(self, row: int) -> int:
        if not self.stops:
            return -1
        here = bisect_left(self.stops, row)
        return self.stops[min(here, len(self.stops) - 1)]

    def _strip(self, line: Line, base: Style) -> Strip:
        width = self.size.width
        strip = Strip([Segment(printable(text), self._style(ink, base)) for text, ink in line])
        if strip.cell_length > width:
            # What is cut says so.
            strip = Strip.join([strip.crop(0, width - 1), Strip([Segment("…", base)])])
        return strip.adjust_cell_length(width, base)

    def _style(self, ink: Ink, base: Style) -> Style:
        if ink is Ink.PLAIN:
            return base
        style = self.get_component_rich_style(f"ln--{ink}")
        if ink is Ink.CHOSEN:
            return base + style
        # A component style carries a background, which would wipe the cursor's row: only its colour is ours.
        return base + Style(color=style.color, bold=style.bold)
