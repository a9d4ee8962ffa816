"""Key: one key over time: calls, losses and their reasons, latency, amplification, budget, breaker, policy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.compare import just_before, summed
from recourse_observe.queries.followed import followed
from recourse_observe.queries.measured import Measured
from recourse_observe.queries.over_time import OverTime, heat, over_time, reason_totals
from recourse_observe.queries.rows import PolicyRow, ReasonRow
from recourse_observe.scope import Scope
from recourse_observe.text import clock, duration
from recourse_tui.lines import Ink, Line, Lines, Span, inked
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.brush import Histogram
from recourse_tui.widgets.lanes import Lane, axis_line, bar_lanes, heat_lanes, lane_lines
from recourse_tui.widgets.moments import SIDE_CELLS, change_lines, moment_lines, side_lines

__all__ = ["KeyView"]

_BUCKETS: Final = 120
_REASONS: Final = 5
_MORE_REASONS: Final = 8
_HEAT_ROWS: Final = (2, 12)
_BAR_ROWS: Final = 4
_COUNTS: Final = 3
"""Calls, losses and attempts per call: bars that grow with the terminal."""
_VALUES: Final = (4, 9)
"""Rows below the lanes, at least and at most."""
_STATES: Final = {"closed": "●", "half_open": "◐", "open": "○", "isolated": "⊘", "disabled": "—"}
_WORST_FIRST: Final = ("isolated", "open", "half_open", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A key over a stretch of time that reaches beyond the brush on both sides.

    Attributes:
        sides: What was before the brush, and the brush.
        reasons: How all attempts of the brush ended.
        policy: What most of its calls followed.
    """

    place: Place
    known: OverTime
    sides: tuple[Measured, Measured] = (Measured(row=None), Measured(row=None))
    reasons: Sequence[ReasonRow] = ()
    policy: PolicyRow | None = None


class KeyView(View):
    """One key over time."""

    DEFAULT_CSS = f"""
    KeyView {{
        & #side {{ display: none; width: {SIDE_CELLS}; border-left: solid $dim; }}
        &.-wide #side {{ display: block; }}
    }}
    """
    AUTO_FOCUS = "#lanes"
    name_of_view: ClassVar[str] = "key"
    question: ClassVar[str] = "buckets"
    has_axis: ClassVar[bool] = True
    answer: Answer | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._bucket = _BUCKETS // 2

    def panels(self) -> ComposeResult:
        """The lanes above what they say under the cursor, the brush as a whole beside them."""
        with Vertical():
            yield Lines(id="lanes")
            yield Lines(id="values")
        yield Lines(id="side")

    def ask(self, archive: Archive, place: Place) -> Iterator[Answer]:
        """All that is known of the key; without one, of the key that lost most."""
        place = self.session.on_incident(place)
        key = place.scope.key or _worst_key(archive, place.scope)
        place = replace(place, scope=place.scope.of(key))
        scope = _with_margins(archive, place.scope)
        bucket_us = max(1, -(-scope.span_us // _BUCKETS))
        answer = Answer(place=place, known=over_time(archive, scope, bucket_us))
        yield answer
        brush = archive.within(place.scope)
        a, b = (
            summed(archive.keys(one, buckets=1)) for one in (just_before(archive, brush), brush)
        )
        yield replace(
            answer,
            sides=(Measured(row=a), Measured(row=b)),
            reasons=reason_totals(archive, brush),
            policy=followed(archive, brush),
        )

    def resolved(self, answer: Answer) -> Place:
        """The key that was chosen; the cursor stands where the brush begins."""
        brushed = max(answer.place.scope.start_unix_us, answer.known.scope.start_unix_us)
        self._bucket = self._within(answer.known.bucket_of(brushed))
        return answer.place

    def draw(self) -> None:
        """The lanes with the cursor, what they say there, and the brush."""
        if self.answer is None:
            return
        known, width = self.answer.known, self.width - (SIDE_CELLS if self.is_wide else 0)
        bucket = min(self._bucket, known.count - 1)
        took = [(us, values[bucket]) for us, values in heat(known.latencies, known.count, 99)]
        values = moment_lines(known.at(bucket), took, known.bucket_us, width)
        free = self.body_rows - 1 - self._least_lanes(known)
        height = min(len(values), max(_VALUES[0], min(_VALUES[1], free)))
        self.lines("values").styles.height = height
        self.lines("values").show(values)
        room = self.body_rows - height - 1
        rows = lane_lines(self._lanes(known, room), bucket, known.count, width)
        side = self._side(self.answer)
        shown = rows if self.is_wide else [*rows, inked(), *side]
        self.lines("lanes").show(shown, head=[self._axis(self.answer, width)])
        self.lines("side").show(side)

    def status(self) -> Span:
        """What is seen."""
        if self.answer is None or not self.answer.known.buckets:
            return Span("no call of this key in this scope", Ink.DIM)
        known = self.answer.known
        shown = f"{clock(known.scope.start_unix_us)} to {clock(known.scope.end_unix_us)}"
        told = f"bucket {self._bucket + 1} of {known.count}, each {duration(known.bucket_us)}"
        return Span(f"{shown} · {told}", Ink.DIM)

    def hint(self) -> str:
        """What one would do next."""
        return "←/→ through time · enter the calls of that moment · j/k scroll · esc back"

    def action_time(self, cells: int) -> None:
        """Move the cursor through time."""
        self._bucket = self._within(self._bucket + cells)
        self.redraw()

    def moment(self) -> int | None:
        """The bucket under the cursor."""
        return None if self.answer is None else self.answer.known.start_of(self._bucket)

    def action_open(self) -> None:
        """The calls of the bucket under the cursor."""
        if self.answer is not None:
            start = self.answer.known.start_of(self._bucket)
            scope = self.place.scope.during(start, start + self.answer.known.bucket_us)
            self.visit(replace(self.place, view="calls", shape=False, scope=scope))

    def _within(self, bucket: int) -> int:
        last = self.answer.known.count - 1 if self.answer is not None else _BUCKETS - 1
        return max(0, min(last, bucket))

    def _least_lanes(self, known: OverTime) -> int:
        reasons = min(_REASONS, len(known.failures))
        return _COUNTS + reasons + _HEAT_ROWS[0] + len(known.budgets) + 2

    def _lanes(self, known: OverTime, room: int) -> list[Lane]:
        """As many as there are, the heat strip and then the bars as tall as there is room."""
        below = [*_budgets(known), _breaker(known), _policy(known)]
        reasons = list(known.failures.items())[: _MORE_REASONS if self.is_tall else _REASONS]
        spare = room - len(below) - len(reasons) - _COUNTS
        strips = heat(known.latencies, known.count, max(_HEAT_ROWS[0], min(_HEAT_ROWS[1], spare)))
        bars = min(_BAR_ROWS, 1 + max(0, spare - len(strips)) // _COUNTS)
        lanes = [
            *_counts(known, bars),
            *(lane for name, values in reasons for lane in bar_lanes(name, values, Ink.WARN)),
            *heat_lanes(strips),
        ]
        return [*lanes, *below]

    def _side(self, answer: Answer) -> list[Line]:
        return [
            *side_lines(answer.sides, answer.reasons, answer.policy),
            *change_lines(answer.known),
        ]

    def _axis(self, answer: Answer, width: int) -> Line:
        scope, brush = answer.known.scope, answer.place.scope
        chosen = (
            max(scope.start_unix_us, brush.start_unix_us),
            min(scope.end_unix_us, brush.end_unix_us),
        )
        is_all = chosen == (scope.start_unix_us, scope.end_unix_us) or chosen[0] >= chosen[1]
        data = Histogram(
            start_unix_us=scope.start_unix_us,
            end_unix_us=scope.end_unix_us,
            counts=(),
            chosen=None if is_all else chosen,
        )
        return axis_line(data, width)


def _worst_key(archive: Archive, scope: Scope) -> str | None:
    keys = archive.keys(scope, buckets=1)
    return keys[0].key if keys else None


def _with_margins(archive: Archive, scope: Scope) -> Scope:
    """Half of the brush's length before and after it, as far as the archive reaches."""
    scope = archive.within(scope)
    margin = scope.span_us // 2
    return archive.within(scope.during(scope.start_unix_us - margin, scope.end_unix_us + margin))


def _counts(known: OverTime, rows: int) -> Iterator[Lane]:
    found = known.calls_by_bucket
    calls = [None if row is None else row.calls for row in found]
    lost = [None if row is None else row.lost for row in found]
    yield from bar_lanes("calls", calls, Ink.GOOD, rows=rows)
    yield from bar_lanes("lost", lost, Ink.BAD, rows=rows)
    load = [None if row is None else row.attempts / row.calls for row in found]
    yield from bar_lanes("attempts/call", load, rows=rows)


def _budgets(known: OverTime) -> Iterator[Lane]:
    for name, found in known.budgets.items():
        levels = [None if row is None else row.lowest_level for row in found]
        yield from bar_lanes(f"budget {name}", levels, Ink.NOTE)


def _breaker(known: OverTime) -> Lane:
    """The worst state in which any process had its breaker."""
    if not known.transitions:
        return Lane(name="breaker", draw=lambda cells: "—" * cells, ink=Ink.DIM)
    worst = [next((s for s in _WORST_FIRST if s in held), "disabled") for held in known.breakers]

    def draw(cells: int) -> str:
        return "".join(_STATES[worst[n * known.count // cells]] for n in range(cells))

    return Lane(name="breaker", draw=draw)


def _policy(known: OverTime) -> Lane:
    """A mark where a process began to follow another policy."""
    if not known.policies:
        return Lane(name="policy", draw=lambda cells: " " * cells, ink=Ink.DIM)
    marked = {known.bucket_of(row.applied_unix_us) for row in known.policies}

    def draw(cells: int) -> str:
        spans = ((n * known.count // cells, (n + 1) * known.count // cells) for n in range(cells))
        return "".join("▼" if marked & set(range(a, max(b, a + 1))) else "─" for a, b in spans)

    return Lane(name="policy", draw=draw)
