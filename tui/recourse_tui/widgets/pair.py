"""Two calls as lines: what they are, side by side, with a mark where they differ."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from recourse_observe.queries.beside import beside
from recourse_tui.lines import Ink, Line, Span, cell, inked

if TYPE_CHECKING:
    from recourse_observe.queries.rows import WholeCall

__all__ = ["pair_lines"]

_NAME: Final = 14
_AROUND: Final = 9
"""Cells of the marker, the gaps, the mark and the border."""


def pair_lines(a: "WholeCall", b: "WholeCall", width: int) -> list[Line]:
    """Call A, call B, and every line of both."""
    return list(_lines(a, b, (width - _NAME - _AROUND) // 2))


def _lines(a: "WholeCall", b: "WholeCall", cells: int) -> Iterator[Line]:
    heads = (cell(f"{side} {one.call.call_id}", cells) for side, one in (("A", a), ("B", b)))
    yield inked("  ", Span(" ".join((" " * _NAME, *heads)), Ink.HEAD))
    for row in beside(a, b):
        ink = Ink.WARN if row.differs else Ink.PLAIN
        yield inked(
            "  ",
            Span(cell(row.name, _NAME), Ink.DIM),
            Span(f" {cell(row.a, cells)} {cell(row.b, cells)} {'◂' if row.differs else ' '}", ink),
        )
