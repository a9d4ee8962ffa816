"""Numbers over time as a row of bars: as many as there are cells."""

from collections.abc import Sequence

from recourse_observe.text import sparkline

__all__ = ["bars", "resampled"]


def resampled(values: Sequence[float | None], cells: int) -> list[float | None]:
    """The mean of each of ``cells`` equal parts of the values, which are spread out when they are fewer.

    A part in which nothing is known stays unknown: no data is not zero.
    """
    if not values:
        return [None] * cells
    return [_mean(values, cell, cells) for cell in range(cells)]


def bars(values: Sequence[float | None], cells: int, *, top: float | None = None) -> str:
    """A sparkline that is exactly ``cells`` wide."""
    return sparkline(resampled(values, cells), top=top)


def _mean(values: Sequence[float | None], cell: int, cells: int) -> float | None:
    first = cell * len(values) // cells
    last = max(first + 1, (cell + 1) * len(values) // cells)
    known = [value for value in values[first:last] if value is not None]
    return sum(known) / len(known) if known else None
