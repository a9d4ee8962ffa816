"""What was measured of A and of B, one below the other, with how it spreads where there is room."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from recourse_observe.queries.rows import KeyRow
from recourse_observe.queries.spread import Spread, axis_of
from recourse_observe.text import count, duration, percent, sparkline, times
from recourse_tui.lines import Ink, Line, Span, cell, inked

__all__ = ["Measured", "measure_lines"]

_GREAT: Final = 0.5
_NUMBER_CELLS: Final = 63
"""What name, both numbers and the change take; distributions begin after it."""
_LEAST_CELLS: Final = 24


class Measured(NamedTuple):
    """One side: its keys as one, and how its calls spread, once that is known."""

    row: KeyRow | None
    spread: Spread | None = None


class _Measure(NamedTuple):
    name: str
    value: Callable[[KeyRow], float | None]
    words: Callable[[float], str]
    is_brief: bool = True
    """It stands in a terminal of few lines, too."""


_MEASURES: Final = (
    _Measure("calls", lambda row: row.calls, count),
    _Measure("attempts/call", lambda row: row.attempts_per_call, times),
    _Measure("calls lost", lambda row: row.lost, count),
    _Measure("of its calls", lambda row: row.lost_share, percent),
    _Measure("rescued", lambda row: row.rescued, count, is_brief=False),
    _Measure("denied by budget", lambda row: row.denied, count),
    _Measure("attempt p50", lambda row: row.p50_us, duration),
    _Measure("attempt p99", lambda row: row.p99_us, duration),
    _Measure("call p99", lambda row: row.call_p99_us, duration, is_brief=False),
)


def measure_lines(a: Measured, b: Measured, width: int, *, is_tall: bool) -> list[Line]:
    """A heading and a line for each measure; a great change has a mark.

    Args:
        a: The baseline.
        b: What is compared with it.
        width: Of the terminal; from 110 cells on it has room for distributions.
        is_tall: There is room for every measure.
    """
    cells = (width - _NUMBER_CELLS - 3) // 2
    drawn = dict(_drawn(a, b, cells)) if cells >= _LEAST_CELLS else {}
    head = f" {'MEASURE':<20}{'A':>14}{'B':>14}{'CHANGE':>12} "
    titles = f" {cell('A DISTRIBUTION', cells)} B DISTRIBUTION" if drawn else ""
    lines = [inked(Span(head + titles, Ink.HEAD))]
    for one in _MEASURES:
        if is_tall or one.is_brief:
            pair = tuple(None if side.row is None else one.value(side.row) for side in (a, b))
            lines.append((*_numbers(one.name, pair, one.words), *drawn.get(one.name, ())))
        if one.name == "attempts/call":
            first = tuple(_first(side.spread) for side in (a, b))
            lines.append(_numbers("first attempt fails", first, percent))
    return lines


def _first(spread: Spread | None) -> float | None:
    return None if spread is None else spread.failed_first_share


def _numbers(
    name: str, pair: tuple[float | None, ...], words: Callable[[float], str]
) -> tuple[Span, ...]:
    text_a, text_b = ("—" if one is None else words(one) for one in pair)
    change, ink = _change(*pair)
    return inked(f" {name:<20}", f"{text_a:>14}{text_b:>14}", Span(f"{change:>12}", ink), " ")


def _drawn(a: Measured, b: Measured, cells: int) -> Iterator[tuple[str, tuple[Span, ...]]]:
    """The distributions beside their measures; both sides and both durations have one axis."""
    if a.spread is None or b.spread is None:
        return
    pair = (a.spread, b.spread)
    axis = axis_of(*pair)
    attempts = [axis.shares(one.by_attempt) for one in pair]
    calls = [axis.shares(one.by_call) for one in pair]
    yield "attempts/call", _pair([one.attempts_told() for one in pair], cells, Ink.PLAIN)
    yield "attempt p50", _pair([_bars(one, cells) for one in attempts], cells, Ink.INFO)
    yield "attempt p99", _pair([axis.told(cells)] * 2, cells, Ink.DIM)
    yield "call p99", _pair([_bars(one, cells) for one in calls], cells, Ink.INFO)


def _bars(shares: Sequence[float], cells: int) -> str:
    return sparkline([shares[n * len(shares) // cells] for n in range(cells)])


def _pair(texts: list[str], cells: int, ink: Ink) -> tuple[Span, ...]:
    return (Span(" "), *(Span(f"{cell(text, cells)} ", ink) for text in texts))


def _change(a: float | None, b: float | None) -> tuple[str, Ink]:
    """By how much B differs from A; a great difference has a mark."""
    if a is None or b is None or a == b:
        return "", Ink.DIM
    if not a:
        return "new ▲", Ink.WARN
    share = b / a - 1
    mark = "▲" if share >= _GREAT else "▼" if share <= -_GREAT else " "
    return f"{100 * share:+,.0f}% {mark}", Ink.PLAIN if mark == " " else Ink.WARN
