from datetime import datetime
from typing import Any

from recourse_tui.lines import Span, plain
from recourse_tui.widgets.answers import answer_columns, charted
from recourse_tui.widgets.table import ArrowRows, Table


class Rows:
    """As much of an Arrow table as columns need."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self._rows = rows
        self.num_rows = len(rows)

    def slice(self, offset: int, length: int) -> "Rows":
        return Rows(*self._rows[offset : offset + length])

    def to_pylist(self) -> list[dict[str, Any]]:
        return list(self._rows)


def drawn(*rows: dict[str, Any]) -> list[str]:
    shown, names = ArrowRows(Rows(*rows)), tuple(rows[0])
    chart = charted(shown, names)
    assert chart is not None
    table = Table(shown, [*answer_columns(shown, names), chart], width=60)
    return [plain(table[number]).rstrip() for number in range(len(table))]


def test_the_last_column_of_numbers_is_drawn_as_bars() -> None:
    at = datetime(2026, 11, 21, 9)  # noqa: DTZ001  # as DuckDB gives it

    assert drawn(
        {"m": at, "n": 4, "w": 8}, {"m": at, "n": 1, "w": 1}, {"m": at, "n": 1, "w": None}
    ) == [
        " 2026-11-21 09:00:00 4    8 ████████████████████████",
        " 2026-11-21 09:00:00 1    1 ███",
        " 2026-11-21 09:00:00 1 null",
    ]


def test_what_is_no_number_or_nothing_above_zero_has_no_bars() -> None:
    assert charted(ArrowRows(Rows({"a": "x", "b": True})), ("a", "b")) is None
    assert charted(ArrowRows(Rows({"n": 0}, {"n": -1})), ("n",)) is None
    assert charted(ArrowRows(Rows()), ("n",)) is None
    assert isinstance(
        answer_columns(ArrowRows(Rows({"a": None})), ("a",))[0].text({"a": None}), Span
    )
