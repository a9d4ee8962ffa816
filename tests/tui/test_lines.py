import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.color import Color
from textual.geometry import Offset

from recourse_observe.text import printable
from recourse_tui.lines import Barrier, Ink, Lines, Span, cell, inked, joined, plain
from recourse_tui.theme import DARK

pytestmark = pytest.mark.anyio
HOSTILE = "\x1b[2J\x9b31m\x07[/foo] list[int] \u202edlrow 日本"


class OnePane(App[None]):
    """Lines alone, with everything that they post."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.moves: list[int] = []

    def compose(self) -> ComposeResult:
        yield Lines(id="pane")

    def on_lines_moved(self, message: Lines.Moved) -> None:
        assert message.control.id == "pane"
        self.moves.append(message.row)

    @property
    def pane(self) -> Lines:
        return self.query_one(Lines)

    def text(self) -> list[str]:
        return [self.pane.render_line(y).text for y in range(self.pane.size.height)]


def rows(count: int) -> list[tuple[Span, ...]]:
    return [inked(f" row {number}") for number in range(count)]


@given(st.text())
def test_a_line_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = plain(inked("a", Span(text, Ink.BAD)))

    assert shown == printable(shown)


@given(st.text(max_size=30), st.integers(0, 12), st.booleans())
def test_a_cell_is_exactly_as_wide_as_it_is_told(text: str, width: int, right: bool) -> None:  # noqa: FBT001  # drawn
    assert cell_len(cell(text, width, right=right)) == width


def test_what_is_cut_from_a_cell_is_marked() -> None:
    assert cell("payments.Charge", 8) == "payment…"
    assert cell("日本語", 4) == "日 …"
    assert cell("7", 3, right=True) == "  7"


def test_two_texts_stand_at_the_ends_of_a_line() -> None:
    assert joined("left", "right", 12) == "left   right"
    assert joined("left", "right", 4) == "left"


@given(st.text())
def test_the_barrier_takes_out_what_widgets_of_others_let_through(text: str) -> None:
    segments = [Segment(text), Segment("\x1b[0m", None, [])]

    safe = Barrier().apply(segments, Color(0, 0, 0))

    assert printable(safe[0].text) == safe[0].text or len(text) > 4096
    assert cell_len(safe[0].text) == cell_len(text)


async def test_the_cursor_moves_over_stops_only_and_stays_in_sight() -> None:
    app = OnePane()
    async with app.run_test(size=(20, 5)) as pilot:
        app.pane.show(rows(20), head=[inked(" HEAD")], stops=range(0, 20, 2))
        app.pane.move(3)
        await pilot.pause()

        assert app.pane.cursor == 6
        assert app.text() == [
            " HEAD               ",
            " row 3              ",
            " row 4              ",
            " row 5              ",
            "▸row 6              ",
        ]
        app.pane.move(-99)
        await pilot.pause()
        assert app.pane.cursor == 0
        assert app.text()[1].startswith("▸row 0")
        assert app.moves == [6, 0]


async def test_without_stops_moving_scrolls() -> None:
    app = OnePane()
    async with app.run_test(size=(20, 3)) as pilot:
        app.pane.show(rows(9))
        app.pane.move(2)
        await pilot.pause()

        assert app.pane.cursor == -1
        assert app.pane.scroll_offset == Offset(0, 2)
        assert app.moves == []


async def test_other_lines_keep_the_cursor_where_it_may_be() -> None:
    app = OnePane()
    async with app.run_test(size=(20, 3)):
        app.pane.show(rows(9), stops=range(9), cursor=7)
        app.pane.show(rows(4), stops=range(4))
        assert app.pane.cursor == 3

        app.pane.show(())
        assert app.pane.cursor == -1
        assert app.text() == [" " * 20] * 3


async def test_a_click_marks_a_stop_and_nothing_else() -> None:
    app = OnePane()
    async with app.run_test(size=(20, 6)) as pilot:
        app.pane.show(rows(4), head=[inked(" HEAD")], stops=(0, 2))
        await pilot.click("#pane", offset=(1, 3))
        assert app.pane.cursor == 2

        await pilot.click("#pane", offset=(1, 2))
        await pilot.click("#pane", offset=(1, 0))
        assert app.pane.cursor == 2


async def test_a_line_that_is_cut_says_so() -> None:
    app = OnePane()
    async with app.run_test(size=(8, 1)):
        app.pane.show([inked("0123456789")])

        assert app.text() == ["0123456…"]


async def test_inks_colour_the_text_and_only_the_chosen_ones_the_background() -> None:
    app = OnePane()
    async with app.run_test(size=(8, 1)):
        app.pane.show([inked(Span("ab", Ink.BAD), Span("cd", Ink.CHOSEN), "ef")])
        bad, chosen, usual = (s.style for s in list(app.pane.render_line(0))[:3])

        assert bad is not None
        assert chosen is not None
        assert usual is not None
        assert bad.color != usual.color
        assert bad.bgcolor == usual.bgcolor
        assert chosen.bgcolor != usual.bgcolor


async def test_hostile_text_reaches_the_screen_as_dots() -> None:
    app = OnePane()
    async with app.run_test(size=(60, 1)):
        app.pane.show([inked(HOSTILE)])

        assert app.text() == [cell("·[2J·31m·[/foo] list[int] ·dlrow 日本", 60)]
