"""Lanes: several things of one key on one time axis, with a cursor that moves through time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from recourse_observe.text import duration
from recourse_tui.lines import Ink, Line, Span, cell
from recourse_tui.widgets.brush import Histogram, axis, bar_rows
from recourse_tui.widgets.sparkline import bars, resampled

__all__ = ["NAME_CELLS", "Lane", "axis_line", "bar_lanes", "column", "heat_lanes", "lane_lines"]

NAME_CELLS: Final = 16
_AROUND: Final = 3
"""Cells of the marker and the gaps."""
_SHADES: Final = " ░▒▓█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One row: a name and a drawing for any width."""

    name: str
    draw: Callable[[int], str]
    """The lane in so many cells."""
    ink: Ink = Ink.INFO


def bar_lanes(
    name: str, values: Sequence[float | None], ink: Ink = Ink.INFO, *, rows: int = 1
) -> list[Lane]:
    """Bars, ``rows`` lines high."""
    if rows == 1:
        return [Lane(name=name, draw=lambda cells: bars(values, cells), ink=ink)]

    def drawn(row: int, cells: int) -> str:
        return bar_rows(resampled(values, cells), rows)[row]

    names = [*[""] * (rows - 1), name]
    return [Lane(name=one, draw=partial(drawn, row), ink=ink) for row, one in enumerate(names)]


def heat_lanes(strips: Sequence[tuple[int, Sequence[int]]]) -> list[Lane]:
    """How long attempts took: a row for each range of durations, darker where there were more."""
    most = max((max(values) for _, values in strips), default=0)
    return [_heat_lane(floor_us, values, most) for floor_us, values in strips]


def column(bucket: int, buckets: int, cells: int) -> int:
    """The cell in which a bucket is drawn."""
    return min(cells - 1, bucket * cells // max(1, buckets))


def lane_lines(lanes: Sequence[Lane], bucket: int, buckets: int, width: int) -> list[Line]:
    """The lanes, with the cursor's column marked."""
    cells = _cells(width)
    at = column(bucket, buckets, cells)
    return [_line(lane, lane.draw(cells), at) for lane in lanes]


def axis_line(data: Histogram, width: int) -> Line:
    """The time axis over the lanes, with the brush on it."""
    first, second = axis(data, _cells(width))
    return (Span(" " * (NAME_CELLS + 1)), first, second)


def _cells(width: int) -> int:
    return max(1, width - NAME_CELLS - _AROUND)


def _heat_lane(floor_us: int, values: Sequence[int], most: int) -> Lane:
    def draw(cells: int) -> str:
        return _shades(values, cells, most)

    return Lane(name=f"≥ {duration(floor_us)}", draw=draw, ink=Ink.NOTE)


def _line(lane: Lane, drawn: str, at: int) -> Line:
    return (
        Span(" "),
        Span(cell(lane.name, NAME_CELLS), Ink.DIM),
        Span(" "),
        Span(drawn[:at], lane.ink),
        Span(drawn[at], Ink.CHOSEN),
        Span(drawn[at + 1 :], lane.ink),
    )


def _shades(values: Sequence[int], cells: int, most: int) -> str:
    shown = ""
    for number in range(cells):
        first = number * len(values) // cells
        last = max(first + 1, (number + 1) * len(values) // cells)
        share = max(values[first:last]) / most if most else 0.0
        shown += _SHADES[min(4, -(-int(share * 1000) * 4 // 1000))] if share else " "
    return shown
