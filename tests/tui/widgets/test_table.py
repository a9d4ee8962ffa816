import pyarrow as pa
import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from recourse_tui.lines import Ink, Span, plain
from recourse_tui.widgets.table import ArrowRows, Column, Table, fitted

COLUMNS: tuple[Column[tuple[str, int]], ...] = (
    Column(title="KEY", width=8, text=lambda row: row[0], stretch=True),
    Column(title="N", width=5, text=lambda row: str(row[1]), right=True),
    Column(title="TWICE", width=6, text=lambda row: Span(str(2 * row[1]), Ink.BAD), drop=2),
    Column(title="EXTRA", width=6, text=lambda _: "extra", drop=1),
)
ROWS = [("a", 1), ("payments.Charge", 20)]


def titles(width: int) -> list[str]:
    return [column.title for column in fitted(COLUMNS, width)]


def test_columns_are_dropped_in_their_order_when_room_is_short() -> None:
    assert titles(30) == ["KEY", "N", "TWICE", "EXTRA"]
    assert titles(25) == ["KEY", "N", "TWICE"]
    assert titles(15) == ["KEY", "N"]
    assert titles(5) == ["KEY", "N"]


def test_the_stretching_column_takes_what_is_left() -> None:
    assert [column.width for column in fitted(COLUMNS, 40)] == [20, 5, 6, 6]
    assert [column.width for column in fitted(COLUMNS, 12)] == [6, 5]


def test_a_table_draws_titles_and_rows_in_columns() -> None:
    table = Table(ROWS, COLUMNS, width=24, glyph=lambda row: Span("✗" if row[1] > 9 else "●"))

    assert plain(table.head) == "   KEY          N TWICE "
    assert [plain(table[row]) for row in range(len(table))] == [
        " ● a            1 2     ",
        " ✗ payment…    20 40    ",
    ]
    assert table[0][-1] == Span("2     ", Ink.BAD)


def test_without_glyphs_only_the_marker_has_a_cell() -> None:
    assert plain(Table(ROWS, COLUMNS[:2], width=15)[0]) == " a            1"


@given(st.text(), st.integers(20, 120))
def test_a_row_is_as_wide_as_the_line_whatever_the_text(text: str, width: int) -> None:
    table = Table([(text, 1)], COLUMNS, width=width)

    assert cell_len(plain(table[0])) == cell_len(plain(table.head)) == width


def test_rows_of_arrow_are_converted_page_by_page() -> None:
    rows = ArrowRows(pa.table({"n": range(5000)}))

    assert len(rows) == 5000
    assert [rows[n]["n"] for n in (0, 127, 128, -1)] == [0, 127, 128, 4999]
    assert [row["n"] for row in rows[126:130]] == [126, 127, 128, 129]
    assert [row["n"] for row in rows] == list(range(5000))
    assert len(rows._pages) == 16


def test_a_row_that_is_not_there_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        ArrowRows(pa.table({"n": range(3)}))[3]
