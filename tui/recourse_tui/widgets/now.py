"""What replays show of one moment: keys with their last minute, events around the playhead, and probes."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from recourse_observe.replay.words import told, when
from recourse_observe.text import clock, count, percent, printable
from recourse_tui.lines import Ink, Line, Span, cell, inked
from recourse_tui.widgets.sparkline import bars

if TYPE_CHECKING:
    from recourse_observe.replay.state import Budget, State
    from recourse_observe.replay.timeline import Event, Replay
    from recourse_observe.whatif import LoadPoint

__all__ = [
    "LaneRow",
    "event_head",
    "event_line",
    "lane_head",
    "lane_rows",
    "load_rows",
    "probe_lines",
]

_MINUTE_US: Final = 60_000_000
RECENT_US: Final = 10_000_000
"""What NOW and AMP are counted over."""
_STATE_CELLS: Final = 18
_NOW_CELLS: Final = 7
_AMP_CELLS: Final = 6
_BAD: Final = 0.05
_PROBE_CELLS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """One line of the lanes, and the key that it belongs to."""

    key: str
    line: Line


def lane_head(width: int) -> Line:
    """The titles of the lanes."""
    name, spark = _cells(width)
    title = cell(f"AMP −60 s {'·' * max(0, spark - 14)} now", spark)  # noqa: RUF001  # a minus sign
    return inked(
        Span(f" {cell('KEY', name)} {'NOW':>{_NOW_CELLS}} {'':>{_AMP_CELLS}} ", Ink.HEAD),
        Span(f"{title}  {cell('STATE', _STATE_CELLS)}", Ink.HEAD),
    )


def lane_rows(replay: "Replay", at_us: int, keys: Iterable[str], width: int) -> list[LaneRow]:
    """A row for each key with its budgets and breaker, as they are at a moment."""
    now, before = replay.at(at_us), replay.at(at_us - RECENT_US)
    rows: list[LaneRow] = []
    for number, key in enumerate(keys):
        rows.append(LaneRow(key=key, line=_key(replay, now, before, key, width)))
        for name, asker in replay.askers.items():
            if asker == key:
                told_of = _budget(name, now.budget(name), replay.full.get(name, 0.0), width)
                rows.append(LaneRow(key=key, line=told_of))
        if any(own == key for own, _ in replay.samples[-1].breakers) or not number:
            rows.append(LaneRow(key=key, line=_breaker(now.breaker(key), width)))
    return rows


def event_line(event: "Event", *, is_next: bool) -> Line:
    """One event; those that are still to come are dim."""
    glyph, about, what, rest = told(event)
    ink = Ink.DIM if is_next else Ink.PLAIN if event.good else Ink.BAD
    return inked(
        "  ",
        Span(when(event), Ink.DIM),
        Span(f" {glyph} ", ink),
        Span(cell(event.key, 20), ink),
        Span(f" {cell(event.call_id[:8], 8)} ", Ink.DIM),
        Span(f"{cell(about, 7)} {cell(what, 15)} {rest}", ink),
    )


def event_head(where: str, width: int) -> Line:
    """What stands above the events: which of them are in the list."""
    note = f"filter {printable(where)}" if where else "every call"
    title = cell(" EVENTS around the playhead", max(1, width - cell_len(note) - 3))
    return inked(Span(title, Ink.HEAD), Span(f"{note}  ", Ink.DIM))


def probe_lines(said: Sequence[str], width: int) -> list[Line]:
    """What was asked to be known at every moment, as many to a line as fit; no line without a probe."""
    rows: list[str] = []
    for number, text in enumerate(map(printable, said), 1):
        one = f"p{number} {text}"
        if rows and cell_len(f"{rows[-1]}   {one}") <= width - _PROBE_CELLS:
            rows[-1] += f"   {one}"
        else:
            rows.append(one)
    titles = ["PROBES", *[" " * len("PROBES")] * len(rows)]
    return [
        inked(" ", Span(title, Ink.HEAD), f"  {row}")
        for title, row in zip(titles, rows, strict=False)
    ]


def load_rows(points: "Sequence[LoadPoint]", at_us: int, key: str, width: int) -> list[LaneRow]:
    """Attempts per second of one key over the last minute: as recorded, above as a candidate makes them."""
    cells = _cells(width)[1]
    edges = [at_us - _MINUTE_US + _MINUTE_US * (number + 1) // cells for number in range(cells)]
    times = [point.at_unix_us for point in points]
    near = [points[bisect_right(times, at) - 1] if at >= times[0] else None for at in edges]
    kinds = (
        ("load recorded", [None if one is None else one.recorded for one in near]),
        ("  candidate", [None if one is None else one.candidate for one in near]),
    )
    top = max((value for _, values in kinds for value in values if value is not None), default=0.0)
    return [
        LaneRow(key=key, line=_load(name, values, cells, top or 1.0, width))
        for name, values in kinds
    ]


def _cells(width: int) -> tuple[int, int]:
    """Cells of the name and of the bars."""
    rest = width - 1 - 1 - _NOW_CELLS - 1 - _AMP_CELLS - 1 - 2 - _STATE_CELLS
    name = max(16, min(32, rest * 2 // 5))
    return name, max(4, rest - name)


def _row(name: Span, now: Span, amp: str, drawn: str, state: Span, width: int) -> Line:
    name_cells, bar_cells = _cells(width)
    return inked(
        " ",
        Span(cell(name.text, name_cells), name.ink),
        " ",
        Span(cell(now.text, _NOW_CELLS, right=True), now.ink),
        f" {amp:>{_AMP_CELLS}} ",
        Span(cell(drawn, bar_cells), Ink.INFO),
        Span("│ ", Ink.DIM),
        Span(cell(state.text, _STATE_CELLS), state.ink),
    )


def _key(replay: "Replay", now: "State", before: "State", key: str, width: int) -> Line:
    own = now.key(key)
    recent = own.since(before.key(key))
    share, load = recent.failed_share, recent.attempts_per_call
    bad = share is not None and share >= _BAD
    glyph, ink = ("✗", Ink.BAD) if bad else ("●", Ink.GOOD) if share is not None else (" ", Ink.DIM)
    rising = " ▲" if own.attempts_open > 2 * max(1, before.key(key).attempts_open) else ""
    return _row(
        Span(printable(key), Ink.STRONG if bad else Ink.PLAIN),
        Span(f"{glyph} {percent(share)}", ink),
        "—" if load is None else f"{load:.1f}×",  # noqa: RUF001  # a multiplication sign
        _minute(replay, key, now.at_us, _cells(width)[1]),
        Span(f"inflight {count(own.attempts_open)}{rising}", Ink.WARN if rising else Ink.PLAIN),
        width,
    )


def _load(name: str, values: Sequence[float | None], cells: int, top: float, width: int) -> Line:
    now = values[-1]
    is_modelled = name != "load recorded"
    told_of = "not known" if now is None else f"{now:.3g}/s{' MODEL' if is_modelled else ''}"
    ink = Ink.NOTE if is_modelled else Ink.PLAIN
    drawn = bars(values, cells, top=top)
    return _row(Span(f"  {name}", Ink.DIM), Span(""), "", drawn, Span(told_of, ink), width)


def _minute(replay: "Replay", key: str, at_us: int, cells: int) -> str:
    """Attempts beyond the first of each call, over the last minute."""
    places = [
        replay.sample(at_us - _MINUTE_US + _MINUTE_US * (number + 1) // cells)
        for number in range(cells)
    ]
    values: list[float | None] = []
    for number, last in enumerate(places):
        first = min(places[number - 1] if number else last, last - 1)
        then = replay.samples[max(0, first)].key(key)
        load = replay.samples[last].key(key).since(then).attempts_per_call
        is_before = at_us - _MINUTE_US * (cells - number) // cells < replay.start_us
        values.append(None if load is None or is_before else max(0.0, load - 1))
    top = max((value for value in values if value), default=0.0)
    return bars(values, cells, top=max(0.5, top))


def _budget(name: str, budget: "Budget | None", full: float, width: int) -> Line:
    if budget is None:
        level, state = "—", Span("not asked yet", Ink.DIM)
    else:
        level = "—" if budget.level is None else f"{budget.level:.0f}/{full:.0f}"
        since = budget.empty_since_us
        state = Span("ok", Ink.DIM) if since is None else Span(f"EMPTY {clock(since)}", Ink.BAD)
    return _row(Span(f"  budget {printable(name)}", Ink.DIM), Span(level), "", "", state, width)


def _breaker(state: str | None, width: int) -> Line:
    glyphs = {"closed": "●", "half_open": "◐", "open": "○", "isolated": "○"}
    told_of = (
        Span("no change", Ink.DIM)
        if state is None
        else Span(printable(state), Ink.GOOD if state == "closed" else Ink.BAD)
    )
    glyph = glyphs.get(state or "", "—")
    return _row(Span("  breaker", Ink.DIM), Span(glyph), "", "", told_of, width)
