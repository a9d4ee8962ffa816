"""What all screens look like: the lines around a body, at any size, and the keys that they share."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from textwrap import wrap
from typing import Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget

from recourse_observe.text import clock, printable
from recourse_tui.actions import ACTIONS, Action, bindings
from recourse_tui.lines import Ink, Lines, Span, inked, plain
from recourse_tui.screens.keeping import Keeping
from recourse_tui.widgets.brush import Brush, Histogram
from recourse_tui.widgets.footer import breadcrumb, footer_line, sentence, two_ends
from recourse_tui.widgets.prompt import Prompt

__all__ = ["View"]

_SMALLEST: Final = (60, 16)
_WIDE_FROM: Final = 110
_TALL_FROM: Final = 32
_AXIS_FROM: Final = 24


class View(Keeping):
    """One screen of the TUI."""

    DEFAULT_CSS = """
    View { layout: vertical; overflow: hidden hidden; background: $background;
        & > .strip { height: 1; }
        & > #body { height: 1fr; }
        & > #small, & > #trouble { display: none; }
        &.-troubled > #body { display: none; }
        &.-troubled > #trouble { display: block; }
        &.-small > * { display: none; }
        &.-small > #small { display: block; }
        &.-short > #next { display: none; }
        &.-typing > #said { display: none; }
    }
    """
    has_brush: ClassVar[bool] = True
    has_axis: ClassVar[bool] = False
    keeps_body: ClassVar[bool] = False
    """An error leaves the panels where they are."""
    actions: Mapping[str, Action] = ACTIONS

    def __init_subclass__(cls, **options: Any) -> None:
        cls.BINDINGS = list(bindings(cls.name_of_view))
        super().__init_subclass__(**options)

    # ------------------------------------------------------------ what a screen is

    @abstractmethod
    def panels(self) -> ComposeResult:
        """The widgets of the body."""

    @abstractmethod
    def draw(self) -> None:
        """Show ``self.answer`` in the panels."""

    @abstractmethod
    def status(self) -> Span:
        """What the status line says."""

    def hint(self) -> str:
        """What the NEXT line says."""
        return ""

    def names(self) -> tuple[str, ...]:
        """The way here, for the first line."""
        return self.session.names()

    def facts(self) -> str:
        """What stands at the right of the first line."""
        return self.session.facts(wide=self.is_wide)

    def histogram(self) -> Histogram | None:
        """What the brush stands over."""
        return self.session.histogram()

    # ------------------------------------------------------------ the frame

    def compose(self) -> ComposeResult:
        """Breadcrumb, brush, body, status, NEXT, prompt, footer."""
        yield _strip("crumb")
        if self.has_brush:
            yield Brush(id="brush")
        with Horizontal(id="body"):
            yield from self.panels()
        yield Lines(id="trouble", can_focus=False)
        yield from (_strip(name) for name in ("status", "next", "said"))
        yield Prompt(id="prompt")
        yield _strip("footer")
        yield Lines(id="small", can_focus=False)

    @property
    def is_wide(self) -> bool:
        """There is room for a column at the right."""
        return self.app.size.width >= _WIDE_FROM

    @property
    def is_tall(self) -> bool:
        """There is room for a second row of bars, and more."""
        return self.app.size.height >= _TALL_FROM

    @property
    def body_rows(self) -> int:
        """Rows between the brush and the status line."""
        brush = self.query_one("#brush").styles.height if self.has_brush else None
        brush_rows = int(brush.value) if brush is not None else 0
        return self.app.size.height - brush_rows - (4 if self.has_class("-short") else 5)

    @property
    def width(self) -> int:
        """Cells of a line."""
        return self.app.size.width

    def lines(self, name: str) -> Lines:
        """A panel by its id."""
        return self.query_one(f"#{name}", Lines)

    @on(Brush.Changed)
    def _brushed(self, message: Brush.Changed) -> None:
        scope = self.place.scope.during(message.start_unix_us, message.end_unix_us)
        self.stay(replace(self.place, scope=scope))

    @on(Lines.Moved)
    def _moved(self) -> None:
        self.marked()
        self.tick()

    def marked(self) -> None:
        """The cursor of a pane stands on another row."""

    def redraw(self) -> None:
        """Draw everything at the present size."""
        width, height = self.app.size
        self.set_class(width < _SMALLEST[0] or height < _SMALLEST[1], "-small")
        self.set_class(height < _AXIS_FROM - 1, "-short")
        self.set_class(self.is_wide, "-wide")
        self.set_class(self.is_tall, "-tall")
        if self.has_brush:
            self._brush()
        if self.answer is not None:
            self.draw()
        self._trouble()
        self.tick()

    def on_resize(self) -> None:
        """Another size is another drawing."""
        self.redraw()

    # ------------------------------------------------------------ keys

    def action_move(self, steps: int) -> None:
        """Move the cursor of the pane that has the keys."""
        if isinstance(pane := self.focused, Lines):
            self.said = ""
            pane.move(steps)
            self.tick()

    def action_page(self, pages: int) -> None:
        """Move by what is visible."""
        if isinstance(pane := self.focused, Lines):
            pane.move(pages * pane.page_rows())
            self.tick()

    def action_edge(self, side: int) -> None:
        """Move to the first or the last row."""
        if isinstance(pane := self.focused, Lines):
            pane.move(side * max(len(pane.rows), 1))

    def action_brush(self, cells: int) -> None:
        """Make the brush longer or shorter."""
        if (scope := self.session.longer_brush(cells)) is not None:
            self.stay(replace(self.place, scope=scope))

    def action_no_brush(self) -> None:
        """Look at all of the archive; first at all of its time, then without a brush."""
        if self.session.zoom is not None:
            self.session.zoom = None
            self.redraw()
        elif self.session.is_open:
            self.stay(replace(self.place, scope=self.session.no_brush()))

    def action_zoom(self) -> None:
        """Let the bars above show the brush alone."""
        data = self.session.histogram()
        if data is not None and data.chosen is not None:
            self.session.zoom = data.chosen
            self.redraw()

    def action_local(self) -> None:
        """Say the brush on one's own clock, too, or in UTC alone."""
        self.session.shows_local = not self.session.shows_local
        self.tick()

    def action_mark(self, side: int) -> None:
        """Keep this moment as A or B; with both, the brush goes from one to the other."""
        moment = self.moment()
        at = self.place.scope.start_unix_us if moment is None else moment
        if not self.session.is_open or (moment is None and not at):
            return
        self.session.mark(side, at)
        a, b = self.session.marks
        if a is not None and b is not None and a != b:
            scope = self.place.scope.during(min(a, b), max(a, b))
            self.stay(replace(self.place, scope=scope, incident=0))
            self.say("the brush goes from A to B; c compares it with before")
        else:
            self.say(f"{'AB'[side]} is {clock(at, decimals=3)}")

    def action_replay(self) -> None:
        """Play from here."""
        at = self.moment()
        where = (
            f"call:{self.place.call_id}" if self.place.view == "call" else self.place.scope.where
        )
        self.visit(
            replace(
                self.place, view="replay", scope=self.place.scope.matching(where),
                at_us=-1 if at is None else at,
            )
        )  # fmt: skip

    def action_copy_row(self) -> None:
        """Copy the marked line."""
        if isinstance(pane := self.focused, Lines) and 0 <= pane.cursor < len(pane.rows):
            text = " ".join(plain(pane.rows[pane.cursor]).split())
            self.copy(text, text)

    def action_incident(self, steps: int) -> None:
        """The same screen about another incident."""
        if (place := self.session.next_incident(steps)) is not None:
            self.stay(place)

    # ------------------------------------------------------------ private

    def tick(self) -> None:
        """The lines around the body."""
        width = self.width
        is_looking = self.matches and self.prompt.is_open
        state = Span(self.matches, Ink.INFO) if is_looking else self._state()
        self.lines("crumb").show([breadcrumb(self.names(), self.facts(), width)])
        self.lines("status").show([two_ends(state, Span(""), width)])
        self._guide(width)
        plain_keys = footer_line(
            self.name_of_view, width, in_ascii=self.session.in_ascii, actions=self.actions
        )
        self.lines("footer").show([plain_keys])
        self.lines("small").show([inked(text) for text in self.session.too_small(_SMALLEST)])

    def _guide(self, width: int) -> None:
        """What one would do next, and what was said, or why what is seen is no answer: at length if need be."""
        hint = "r reads it again · q leaves" if self.session.problem else self.hint()
        title, hint = ("ALSO", self.also) if self.said and self.also else ("NEXT", hint)
        rows = 1 if self.also or not self.lines("next").display else 2
        said = self.said or (f"✗ {self.trouble}" if self.trouble and self.answer else "")
        told, note = sentence(said, self.session.note(), width, rows)
        above = inked(" ", told[0]) if told[1:] else inked(" ", Span(title, Ink.HEAD), "  ", hint)
        self.lines("next").show([above])
        self.lines("said").show([two_ends(Span(told[-1]), Span(note, Ink.DIM), width)])

    def _state(self) -> Span:
        if self.has_class("-troubled"):
            return Span("✗ there is no answer", Ink.BAD)
        if self.trouble:
            return Span(f"✗ {self.trouble}", Ink.BAD)
        if not self.session.is_open:
            return Span(f"opening {self.session.name} …", Ink.DIM)
        if self.is_asking and self.answer is None:
            return Span(f"reading … {self.waited_ms:.0f} ms", Ink.DIM)
        if self.answer is None:
            return Span("")
        return self.status()

    def _trouble(self) -> None:
        """An error stands where the answer would be, whole."""
        is_hidden = self.answer is not None or self.keeps_body
        text = self.session.problem or ("" if is_hidden else self.trouble)
        self.set_class(bool(text), "-troubled")
        rows = wrap(printable(text), self.width - 4) if text else []
        self.lines("trouble").show([inked(), *(inked(" ", Span(row, Ink.BAD)) for row in rows)])

    def _brush(self) -> None:
        brush = self.query_one("#brush", Brush)
        bar_rows = 2 if self.is_tall else 1
        with_axis = self.has_axis and self.app.size.height >= _AXIS_FROM
        brush.styles.height = bar_rows + with_axis
        if (data := self.histogram()) is not None:
            brush.draw(data, bar_rows=bar_rows, with_axis=with_axis)


def _strip(name: str) -> Widget:
    return Lines(id=name, classes="strip", can_focus=False)
