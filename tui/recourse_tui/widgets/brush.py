"""The brush: a histogram over the whole archive, on which one stretch of time is chosen for every screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual import events
from textual.message import Message

from recourse_observe.text import clock
from recourse_tui.lines import Ink, Line, Lines, Span
from recourse_tui.widgets.sparkline import resampled

__all__ = ["Brush", "Histogram", "axis", "bar_rows", "histogram"]

_BARS: Final = "_▁▂▃▄▅▆▇█"
_STEPS_S: Final = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
)
_MINUTES_FROM_S: Final = 600
_LABEL_CELLS: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts in equal parts of a stretch of time, and the part of it that is chosen.

    Attributes:
        named: Stretches that the axis names instead of its ends: a letter, first and last moment.
    """

    start_unix_us: int
    end_unix_us: int
    counts: tuple[float | None, ...]
    chosen: tuple[int, int] | None = None
    named: tuple[tuple[str, int, int], ...] = ()

    def cell(self, at_unix_us: int, cells: int) -> int:
        """Which of ``cells`` a moment falls into."""
        return (at_unix_us - self.start_unix_us) * cells // max(1, self._span_us)

    def moment(self, cell: int, cells: int) -> int:
        """The moment at which a cell begins."""
        return self.start_unix_us + self._span_us * cell // cells

    def chosen_cells(self, cells: int) -> tuple[int, int] | None:
        """The chosen cells, first and last, within the line."""
        if self.chosen is None:
            return None
        first, last = (self.cell(at, cells) for at in (self.chosen[0], self.chosen[1] - 1))
        return max(0, min(cells - 1, first)), max(0, min(cells - 1, last))

    @property
    def _span_us(self) -> int:
        return self.end_unix_us - self.start_unix_us


def histogram(data: Histogram, cells: int, height: int) -> list[Line]:
    """Bars, ``height`` rows of eighths; the chosen stretch has another background."""
    rows = bar_rows(resampled(data.counts, cells), height)
    return [_chosen(row, data.chosen_cells(cells)) for row in rows]


def bar_rows(values: Sequence[float | None], height: int) -> list[str]:
    """One bar for each value, ``height`` rows of eighths, the upper one first."""
    top = max((value for value in values if value), default=0)
    heights = [
        None if value is None else max(value > 0, round(value / top * height * 8)) if top else 0
        for value in values
    ]
    return ["".join(_bar(h, row) for h in heights) for row in reversed(range(height))]


def axis(data: Histogram, cells: int) -> Line:
    """Times under the bars; the ends of the chosen stretch win over the ticks."""
    text = [" "] * cells
    chosen = data.chosen_cells(cells)
    if data.named:
        _name(text, data)
    elif chosen is not None and data.chosen is not None:
        first, last = chosen
        text[first : last + 1] = "▲" if first == last else f"▲{'─' * (last - first - 1)}▲"
        start, end = (_label(at, data) for at in data.chosen)
        _put(text, first - len(start), start)
        _put(text, last + 1, end)
    for at in _ticks(data, cells):
        _put(text, min(data.cell(at, cells), cells - len(_label(at, data))), _label(at, data))
    return (Span(" "), Span("".join(text), Ink.DIM))


class Brush(Lines):
    """The histogram as a widget: drag over it to choose a stretch of time."""

    DEFAULT_CSS = "Brush { height: 2; }"

    class Changed(Message):
        """A stretch of time was chosen."""

        def __init__(self, start_unix_us: int, end_unix_us: int) -> None:
            super().__init__()
            self.start_unix_us = start_unix_us
            self.end_unix_us = end_unix_us

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id, can_focus=False)
        self.data: Histogram | None = None
        self._grip: int | None = None

    def draw(self, data: Histogram, *, bar_rows: int, with_axis: bool) -> None:
        """Show a histogram, with its axis if there is room."""
        self.data = data
        lines = histogram(data, self._cells, bar_rows)
        self.show([*lines, axis(data, self._cells)] if with_axis else lines)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of one end."""
        self._grip = event.x
        self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go of the other end: what lies between is chosen."""
        if self._grip is None or self.data is None:
            return
        first, last = sorted(max(0, min(self._cells - 1, x - 1)) for x in (self._grip, event.x))
        self._grip = None
        self.release_mouse()
        start, end = (self.data.moment(cell, self._cells) for cell in (first, last + 1))
        self.post_message(self.Changed(start, end))

    @property
    def _cells(self) -> int:
        return max(1, self.size.width - 2)


def _bar(height: int | None, row: int) -> str:
    if height is None:
        return " "
    return _BARS[max(0, min(8, height - row * 8))] if row == 0 or height > row * 8 else " "


def _chosen(text: str, cells: tuple[int, int] | None) -> Line:
    if cells is None:
        return (Span(" "), Span(text, Ink.INFO))
    first, last = cells
    return (
        Span(" "),
        Span(text[:first], Ink.INFO),
        Span(text[first : last + 1], Ink.CHOSEN),
        Span(text[last + 1 :], Ink.INFO),
    )


def _name(text: list[str], data: Histogram) -> None:
    """Draw each named stretch from end to end: ``[A···]``."""
    for letter, start, end in data.named:
        first, last = (data.cell(at, len(text)) for at in (start, end))
        first, last = max(0, first), min(len(text), max(first + 1, last)) - 1
        if first <= last:
            room = last - first + 1
            wide = f"[{letter}{'·' * (room - 3)}]"
            text[first : last + 1] = wide if room >= len(wide) else letter + "·" * (room - 1)


def _ticks(data: Histogram, cells: int) -> Sequence[int]:
    wanted = (data.end_unix_us - data.start_unix_us) / max(1, cells // _LABEL_CELLS) / 1e6
    step = next((s for s in _STEPS_S if s >= wanted), _STEPS_S[-1]) * 1_000_000
    first = -(-data.start_unix_us // step) * step
    return (data.start_unix_us, data.end_unix_us, *range(first, data.end_unix_us, step))


def _label(at_unix_us: int, data: Histogram) -> str:
    long = data.end_unix_us - data.start_unix_us >= _MINUTES_FROM_S * 1_000_000
    return clock(at_unix_us)[: 5 if long else 8]


def _put(text: list[str], at: int, label: str) -> None:
    """Write a label where it is free, with a blank beside it."""
    near = range(max(0, at - 1), min(len(text), at + len(label) + 1))
    free = all(text[i] in " ▲" if i in (at - 1, at + len(label)) else text[i] == " " for i in near)
    if at >= 0 and at + len(label) <= len(text) and free:
        text[at : at + len(label)] = label
