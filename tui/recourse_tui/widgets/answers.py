"""Any answer to a query as columns: as wide as its values are, numbers to the right, and bars of one of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from recourse_observe.text import printable
from recourse_tui.lines import Ink, Span
from recourse_tui.widgets.table import ArrowRows, Column

__all__ = ["answer_columns", "charted"]

_SAMPLE_ROWS: Final = 200
_WIDEST: Final = 40
_BAR_CELLS: Final = 24
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def answer_columns(rows: ArrowRows, names: Sequence[str]) -> list[Column[dict[str, Any]]]:
    """A column for each name, judged by the first rows."""
    sample = rows[:_SAMPLE_ROWS]
    return [_column(name, [row[name] for row in sample]) for name in names]


def charted(rows: ArrowRows, names: Sequence[str]) -> Column[dict[str, Any]] | None:
    """Bars of the last column of numbers, the greatest one full; none when no number is above zero."""
    sample = rows[:_SAMPLE_ROWS]
    numbers = [name for name in names if _are_numbers([row[name] for row in sample])]
    if not numbers:
        return None
    name = numbers[-1]
    top = max((row[name] for row in rows if row[name] is not None), default=0)
    if top <= 0:
        return None

    def bar(row: dict[str, Any]) -> Span:
        eighths = max(0, round((row[name] or 0) / top * _BAR_CELLS * 8))
        return Span("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip(), Ink.INFO)

    return Column(title=printable(name), width=_BAR_CELLS, text=bar, drop=1)


def _are_numbers(values: Sequence[Any]) -> bool:
    return bool(values) and all(
        isinstance(value, int | float | None) and not isinstance(value, bool) for value in values
    )


def _column(name: str, values: list[Any]) -> Column[dict[str, Any]]:
    def text(row: dict[str, Any]) -> str | Span:
        return _shown(row[name])

    widest = max((len(_text(value)) for value in values), default=0)
    title = printable(name)
    return Column(
        title=title,
        width=min(_WIDEST, max(len(title), widest, 1)),
        text=text,
        right=_are_numbers(values),
    )


def _shown(value: object) -> str | Span:
    return Span("null", Ink.DIM) if value is None else _text(value)


def _text(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return f"{value:.6g}"
        case datetime():
            return value.isoformat(sep=" ")
        case _:
            return printable(str(value))
