"""What was measured of A and of B, one below the other, with how it spreads where there is room."""

from collections.abc import Iterator, Sequence
from typing import Final

from recourse_observe.queries.measured import MEASURES, Measure, Measured, change, is_much
from recourse_observe.queries.spread import Spread, axis_of
from recourse_observe.text import sparkline
from recourse_tui.lines import Ink, Line, Span, cell, inked

__all__ = ["MAIN_ROWS", "bar", "measure_lines"]

MAIN_ROWS: Final = 1 + sum(one.is_main for one in MEASURES)
"""The heading and the measures that a terminal of few lines shows."""
_NUMBER_CELLS: Final = 66
"""What name, both numbers and the change take; distributions begin after it."""
_LEAST_CELLS: Final = 24
_MARKS: Final = {1: "▲", -1: "▼", 0: " "}
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def bar(share: float, cells: int) -> str:
    """A share of so many cells, to an eighth of one; what is not nothing is seen."""
    eighths = max(1, round(share * cells * 8)) if share > 0 else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def measure_lines(a: Measured, b: Measured, width: int) -> list[Line]:
    """A heading and a line for each measure; a great change has a mark.

    Args:
        a: The baseline.
        b: What is compared with it.
        width: Of the terminal; from about 115 cells on it has room for distributions.
    """
    cells = (width - _NUMBER_CELLS - 3) // 2
    drawn = dict(_drawn(a, b, cells)) if cells >= _LEAST_CELLS else {}
    head = f" {'MEASURE':<20}{'A':>14}{'B':>14}{'Δ':>14}  "
    titles = f"  {cell('A distribution', cells)} B distribution" if drawn else ""
    lines = [inked(Span(head + titles, Ink.HEAD))]
    lines += [(*_numbers(one, a, b), *drawn.get(one.name, ())) for one in MEASURES]
    return lines


def _numbers(one: Measure, a: Measured, b: Measured) -> tuple[Span, ...]:
    much = is_much(one, a, b)
    ink = Ink.WARN if much else Ink.PLAIN
    told = f"{change(one, a, b):>14} {_MARKS[much]}"
    return inked(f" {one.name:<20}", f"{one.told(a):>14}{one.told(b):>14}", Span(told, ink), " ")


def _drawn(a: Measured, b: Measured, cells: int) -> Iterator[tuple[str, tuple[Span, ...]]]:
    """The distributions beside their measures; both sides and both durations have one axis."""
    if a.spread is None or b.spread is None:
        return
    pair = (a.spread, b.spread)
    axis = axis_of(*pair)
    attempts = [axis.shares(one.by_attempt) for one in pair]
    calls = [axis.shares(one.by_call) for one in pair]
    first = [bar(one.failed_first_share or 0.0, cells) for one in pair]
    yield "attempts/call", _pair([_tried(one, cells) for one in pair], cells, Ink.INFO)
    yield "first attempt fails", _pair(first, cells, Ink.WARN)
    yield "attempt p50", _pair([_bars(one, cells) for one in attempts], cells, Ink.INFO)
    yield "attempt p99", _pair([axis.told(cells)] * 2, cells, Ink.DIM)
    yield "call p99", _pair([_bars(one, cells) for one in calls], cells, Ink.INFO)


def _tried(spread: Spread, cells: int) -> str:
    """How many calls ran one attempt, two, three and more, as bars behind their numbers."""
    shares = spread.attempt_shares()
    room = cells - sum(len(name) + 3 for name in shares)  # a bar begun is a cell
    return " ".join(f"{name} {bar(share, room)}" for name, share in shares.items()) or "—"


def _bars(shares: Sequence[float], cells: int) -> str:
    return sparkline([shares[n * len(shares) // cells] for n in range(cells)])


def _pair(texts: list[str], cells: int, ink: Ink) -> tuple[Span, ...]:
    return (Span(" "), *(Span(f"{cell(text, cells)} ", ink) for text in texts))
