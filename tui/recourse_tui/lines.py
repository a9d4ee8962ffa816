"""Finished lines of inked text with a cursor: the one widget that everything here is drawn with.

Archive text is hostile: a name may hold escape sequences or markup. So a line is spans of plain text, never markup, and
every span passes ``printable`` here, at the only place where text becomes a strip. ``Barrier`` checks once more what the
other widgets (the input, the palette) draw.
"""

import enum
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.color import Color as RichColor
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

__all__ = [
    "VARIABLES", "Barrier", "Ink", "Line", "Lines", "Rows", "Span", "cell", "inked", "joined", "plain",
]  # fmt: skip

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


VARIABLES: Final = {
    Ink.DIM: "dim",
    Ink.HEAD: "dim",
    Ink.STRONG: "foreground",
    Ink.GOOD: "success",
    Ink.WARN: "warning",
    Ink.BAD: "error",
    Ink.INFO: "secondary",
    Ink.NOTE: "accent",
    Ink.CHOSEN: "chosen-foreground",
}
"""The theme's variable for each ink but the plain one."""


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
    Lines {
        height: 1fr; width: 1fr; scrollbar-size: 0 0; color: $foreground; background: $background;
    }
    """

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

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002  # Textual's own name
        classes: str | None = None,
        can_focus: bool = True,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.can_focus = can_focus
        self.head: Sequence[Line] = ()
        self.rows: Rows = ()
        self.stops: Sequence[int] = ()
        self._below = 0
        self._painted: dict[tuple[Ink, bool], Style] = {}

    def notify_style_update(self) -> None:
        """Another theme: the inks are other colours."""
        self._painted.clear()
        super().notify_style_update()

    def show(
        self,
        rows: Rows,
        *,
        head: Sequence[Line] = (),
        stops: Sequence[int] = (),
        cursor: int | None = None,
        below: int = 0,
    ) -> None:
        """Show other lines.

        Args:
            rows: What scrolls.
            head: What stays above it.
            stops: The rows on which the cursor may stand.
            cursor: Where to put it; it stays where it is when left out.
            below: How many rows after the cursor's belong to it and are kept in sight.
        """
        is_same = (head, rows, stops) == (self.head, self.rows, self.stops)
        self.head, self.rows, self.stops, self._below = head, rows, stops, below
        before = self.cursor
        with self.prevent(Lines.Moved):
            self.cursor = self._nearest(self.cursor if cursor is None else cursor)
        if is_same and before == self.cursor:
            return  # most lines around a screen say the same again: nothing to paint
        self.virtual_size = Size(self.size.width, len(head) + len(rows))
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
        top, page, last = self.scroll_offset.y, self.page_rows(), self.cursor + self._below
        if not top <= self.cursor <= last < top + page:
            self._scroll(min(self.cursor, last - page + 1) if self.cursor >= top else self.cursor)

    def render_line(self, y: int) -> Strip:
        """One screen line; the heading does not scroll."""
        row = y - len(self.head) + self.scroll_offset.y
        if y < len(self.head):
            return self._strip(self.head[y], marked=False)
        if row >= len(self.rows):
            return Strip.blank(self.size.width, self._style(Ink.PLAIN, marked=False))
        if row != self.cursor:
            return self._strip(self.rows[row], marked=False)
        strip = self._strip(self.rows[row], marked=True)
        marker = Strip([Segment(MARKER, self._style(Ink.PLAIN, marked=True))])
        return Strip.join([marker, strip.crop(1)])

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

    def _strip(self, line: Line, *, marked: bool) -> Strip:
        width = self.size.width
        base = self._style(Ink.PLAIN, marked=marked)
        strip = Strip(
            [Segment(printable(text), self._style(ink, marked=marked)) for text, ink in line]
        )
        if strip.cell_length > width:
            # What is cut says so.
            strip = Strip.join([strip.crop(0, width - 1), Strip([Segment("…", base)])])
        return strip.adjust_cell_length(width, base)

    def _style(self, ink: Ink, *, marked: bool) -> Style:
        if (ink, marked) not in self._painted:
            self._painted[ink, marked] = self._paint(ink, marked=marked)
        return self._painted[ink, marked]

    def _paint(self, ink: Ink, *, marked: bool) -> Style:
        # Colours come from the theme and not from component classes: eleven of them on ten widgets of
        # each screen cost a fifth of a second whenever a screen is made.
        base = self.rich_style
        if marked:
            base += Style(bgcolor=self._colour("cursor"))
        if ink is Ink.PLAIN:
            return base
        ground = self._colour("chosen") if ink is Ink.CHOSEN else None
        is_bold = ink in {Ink.HEAD, Ink.STRONG, Ink.BAD}
        return base + Style(color=self._colour(VARIABLES[ink]), bgcolor=ground, bold=is_bold)

    def _colour(self, variable: str) -> RichColor:
        return Color.parse(self.app.theme_variables[variable]).rich_color
