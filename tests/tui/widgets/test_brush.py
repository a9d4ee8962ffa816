import pytest
from hypothesis import given, strategies as st
from textual.app import App, ComposeResult

from recourse_tui.lines import Ink, plain
from recourse_tui.theme import DARK
from recourse_tui.widgets.brush import Brush, Histogram, axis, histogram

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
NINE = 9 * HOUR_US


def two_hours(chosen: tuple[int, int] | None = None) -> Histogram:
    counts = [0.0] * 62 + [700.0] * 17 + [0.0] * 21 + [12.0, 12.0] + [0.0] * 18
    return Histogram(
        start_unix_us=NINE, end_unix_us=NINE + 2 * HOUR_US, counts=tuple(counts), chosen=chosen
    )


CHOSEN = (NINE + 62 * MINUTE_US, NINE + 79 * MINUTE_US)


def test_bars_stand_where_calls_were_lost() -> None:
    assert [plain(line) for line in histogram(two_hours(), 60, 1)] == [
        " _______________________________████████▄__________▁_________"
    ]


def test_a_tall_histogram_has_two_rows_of_eighths() -> None:
    data = Histogram(start_unix_us=0, end_unix_us=4, counts=(0, 4, 16, None))

    assert [plain(line) for line in histogram(data, 4, 2)] == ["   █ ", " _▄█ "]


def test_the_chosen_stretch_has_another_background() -> None:
    (line,) = histogram(two_hours(CHOSEN), 60, 1)

    assert [span.text for span in line if span.ink is Ink.CHOSEN] == ["████████▄"]


def test_the_axis_has_round_times_and_both_ends() -> None:
    assert plain(axis(two_hours(), 60)).split() == ["09:00", "09:30", "10:00", "10:30", "11:00"]


def test_labels_of_the_brush_win_over_ticks() -> None:
    text = plain(axis(two_hours(CHOSEN), 78))

    assert "10:02▲──────────▲10:19" in text
    assert "10:00" not in text


def test_a_brush_of_one_cell_has_one_mark() -> None:
    assert "▲" in plain(axis(two_hours((NINE, NINE + 1)), 60))


def test_short_archives_show_seconds() -> None:
    data = Histogram(start_unix_us=NINE, end_unix_us=NINE + MINUTE_US, counts=(1,))

    assert plain(axis(data, 60)).split()[0] == "09:00:00"


@given(
    st.integers(0, 10 * HOUR_US), st.integers(1, 400 * HOUR_US), st.integers(1, 200),
    st.integers(0, HOUR_US), st.integers(1, HOUR_US),
)  # fmt: skip
def test_every_histogram_fits_its_line(
    start: int, span: int, cells: int, at: int, length: int
) -> None:
    data = Histogram(
        start_unix_us=start,
        end_unix_us=start + span,
        counts=(1, None, 0),
        chosen=(start + at, start + at + length),
    )

    assert len(plain(axis(data, cells))) == cells + 1
    assert {len(plain(line)) for line in histogram(data, cells, 2)} == {cells + 1}


class OneBrush(App[None]):
    """A brush alone."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.changes: list[tuple[int, int]] = []

    def compose(self) -> ComposeResult:
        yield Brush(id="brush")

    def on_brush_changed(self, message: Brush.Changed) -> None:
        self.changes.append((message.start_unix_us, message.end_unix_us))


@pytest.mark.anyio
async def test_dragging_chooses_a_stretch_of_time() -> None:
    app = OneBrush()
    async with app.run_test(size=(62, 3)) as pilot:
        brush = app.query_one(Brush)
        await pilot.mouse_up("#brush", offset=(5, 0))
        brush.draw(two_hours(), bar_rows=1, with_axis=True)
        await pilot.mouse_down("#brush", offset=(31, 0))
        await pilot.hover("#brush", offset=(16, 0))
        await pilot.mouse_up("#brush", offset=(16, 0))

        assert app.changes == [(NINE + 30 * MINUTE_US, NINE + 62 * MINUTE_US)]
        assert brush.render_line(1).text.strip().startswith("09:00")
