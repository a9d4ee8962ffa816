"""Lanes: several things of one key on one time axis, and their values under a cursor that moves through time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from recourse_observe.queries.rows import LatencyRow
from recourse_observe.text import duration, plural
from recourse_tui.lines import Ink, Line, Span, cell
from recourse_tui.widgets.sparkline import bars

__all__ = [
    "NAME_CELLS",
    "VALUE_CELLS",
    "Lane",
    "bar_lane",
    "by_bucket",
    "column",
    "heat_lanes",
    "lane_lines",
]

NAME_CELLS: Final = 16
VALUE_CELLS: Final = 16
_SHADES: Final = " ░▒▓█"
_HEAT_ROWS: Final = 4

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One row: a name, a drawing for any width, and what it says of each bucket."""

    name: str
    draw: Callable[[int], str]
    """The lane in so many cells."""
    says: Callable[[int], str]
    """The value of a bucket."""
    ink: Ink = Ink.INFO


def by_bucket(rows: Iterable[Row], bucket: Callable[[Row], int], buckets: int) -> list[Row | None]:
    """The last row of each bucket; ``None`` where there is none."""
    found: list[Row | None] = [None] * buckets
    for row in rows:
        if 0 <= bucket(row) < buckets:
            found[bucket(row)] = row
    return found


def bar_lane(
    name: str, values: Sequence[float | None], says: Callable[[int], str], ink: Ink = Ink.INFO
) -> Lane:
    """A lane of bars."""
    return Lane(name=name, draw=lambda cells: bars(values, cells), says=says, ink=ink)


def heat_lanes(rows: Sequence[LatencyRow], buckets: int) -> list[Lane]:
    """How long attempts took: a row for each range of durations, darker where there were more."""
    if not rows:
        return []
    low, high = min(row.power for row in rows), max(row.power for row in rows)
    step = max(1, -(-(high - low + 1) // _HEAT_ROWS))
    counts: dict[int, list[int]] = {}
    for row in rows:
        floor = low + (row.power - low) // step * step
        if 0 <= row.bucket < buckets:
            counts.setdefault(floor, [0] * buckets)[row.bucket] += row.attempts
    most = max((max(values) for values in counts.values()), default=0)
    return [
        _heat_lane(floor, values, most) for floor, values in sorted(counts.items(), reverse=True)
    ]


def column(bucket: int, buckets: int, cells: int) -> int:
    """The cell in which a bucket is drawn."""
    return min(cells - 1, bucket * cells // max(1, buckets))


def lane_lines(lanes: Sequence[Lane], bucket: int, buckets: int, width: int) -> list[Line]:
    """The lanes, with the cursor's column marked and its values at the right."""
    cells = max(1, width - NAME_CELLS - VALUE_CELLS - 3)
    at = column(bucket, buckets, cells)
    return [_line(lane, lane.draw(cells), at, lane.says(bucket)) for lane in lanes]


def _heat_lane(floor: int, values: Sequence[int], most: int) -> Lane:
    def draw(cells: int) -> str:
        return _shades(values, cells, most)

    def says(bucket: int) -> str:
        return plural(values[bucket], "attempt")

    return Lane(name=f"≥ {duration(2**floor)}", draw=draw, says=says, ink=Ink.NOTE)


def _line(lane: Lane, drawn: str, at: int, value: str) -> Line:
    return (
        Span(" "),
        Span(cell(lane.name, NAME_CELLS), Ink.DIM),
        Span(" "),
        Span(drawn[:at], lane.ink),
        Span(drawn[at], Ink.CHOSEN),
        Span(drawn[at + 1 :], lane.ink),
        Span(" "),
        Span(cell(value, VALUE_CELLS)),
    )


def _shades(values: Sequence[int], cells: int, most: int) -> str:
    shown = ""
    for number in range(cells):
        first = number * len(values) // cells
        last = max(first + 1, (number + 1) * len(values) // cells)
        share = max(values[first:last]) / most if most else 0.0
        shown += _SHADES[min(4, -(-int(share * 1000) * 4 // 1000))] if share else " "
    return shown
