"""Two calls as lines: what they are, side by side, with a mark where they differ."""

from typing import TYPE_CHECKING, Final

from recourse_observe.queries.beside import Beside, beside
from recourse_tui.lines import Ink, Line, Span, cell, inked

if TYPE_CHECKING:
    from recourse_observe.queries.rows import WholeCall

__all__ = ["pair_head", "pair_lines"]

_NAME: Final = 14
_AROUND: Final = 5
"""Cells of the marker, the gaps and the mark."""


def pair_head(a: "WholeCall", b: "WholeCall", width: int) -> Line:
    """Which call is A and which is B."""
    cells = _cells(width)
    heads = (cell(f"{side} {one.call.call_id}", cells) for side, one in (("A", a), ("B", b)))
    return inked(" ", Span(" ".join((" " * _NAME, *heads)), Ink.HEAD))


def pair_lines(a: "WholeCall", b: "WholeCall", width: int) -> list[Line]:
    """Everything that is known of one of the two, line by line."""
    return [_line(row, _cells(width)) for row in beside(a, b)]


def _cells(width: int) -> int:
    return (width - _NAME - _AROUND) // 2


def _line(row: Beside, cells: int) -> Line:
    ink = Ink.WARN if row.differs else Ink.PLAIN
    return inked(
        " ",
        Span(cell(row.name, _NAME), Ink.DIM),
        Span(f" {cell(row.a, cells)} {cell(row.b, cells)} {'◂' if row.differs else ' '}", ink),
    )
