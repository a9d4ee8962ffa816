"""Key: one key over time: calls, losses and their reasons, latency, amplification, budget, breaker, policy."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from textual.app import ComposeResult

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.rows import (
    BucketRow,
    LatencyRow,
    LevelRow,
    PolicyRow,
    ReasonRow,
    TransitionRow,
)
from recourse_observe.scope import Scope
from recourse_observe.text import clock, count, duration, percent, plural, printable, times
from recourse_tui.lines import Ink, Line, Lines, Span, cell, inked
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.lanes import NAME_CELLS, Lane, bar_lane, by_bucket, heat_lanes, lane_lines

__all__ = ["KeyView"]

_BUCKETS: Final = 120
_REASONS: Final = 5
_STATES: Final = {"closed": "●", "half_open": "◐", "open": "○", "isolated": "○", "disabled": "—"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A key over a stretch of time that reaches beyond the brush on both sides."""

    place: Place
    scope: Scope
    bucket_us: int
    buckets: tuple[BucketRow, ...]
    reasons: tuple[ReasonRow, ...]
    latencies: tuple[LatencyRow, ...]
    levels: tuple[LevelRow, ...]
    transitions: tuple[TransitionRow, ...]
    policies: tuple[PolicyRow, ...]

    def bucket_of(self, at_unix_us: int) -> int:
        """Which bucket a moment falls into."""
        return (at_unix_us - self.scope.start_unix_us) // self.bucket_us


class KeyView(View):
    """One key over time."""

    name_of_view: ClassVar[str] = "key"
    question: ClassVar[str] = "buckets"
    has_axis: ClassVar[bool] = True
    answer: Answer | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._bucket = _BUCKETS // 2

    def panels(self) -> ComposeResult:
        """The lanes."""
        yield Lines(id="lanes")

    def ask(self, archive: Archive, place: Place) -> Iterator[Answer]:
        """All that is known of the key; without one, of the key that lost most."""
        place = self.session.on_incident(place)
        key = place.scope.key or _worst_key(archive, place.scope)
        place = replace(place, scope=place.scope.of(key))
        scope = _with_margins(archive, place.scope)
        bucket_us = max(1, -(-scope.span_us // _BUCKETS))
        # What held when the stretch began was set before it.
        until = scope.during(0, scope.end_unix_us)
        yield Answer(
            place=place,
            scope=scope,
            bucket_us=bucket_us,
            buckets=archive.buckets(scope, bucket_us=bucket_us),
            reasons=archive.reasons(scope, bucket_us=bucket_us),
            latencies=archive.latencies(scope, bucket_us=bucket_us),
            levels=archive.levels(scope, bucket_us=bucket_us),
            transitions=archive.transitions(until),
            policies=archive.policies(until),
        )

    def resolved(self, answer: Answer) -> Place:
        """The key that was chosen; the cursor stands where the brush begins."""
        first = answer.bucket_of(max(answer.place.scope.start_unix_us, answer.scope.start_unix_us))
        self._bucket = max(0, min(_BUCKETS - 1, first))
        return answer.place

    def draw(self) -> None:
        """The lanes with the cursor."""
        if self.answer is not None:
            lines = lane_lines(_lanes(self.answer), self._bucket, _BUCKETS, self.width)
            self.lines("lanes").show(lines, head=[_when(self.answer, self._bucket)])

    def status(self) -> Span:
        """What is seen."""
        if self.answer is None or not self.answer.buckets:
            return Span("no call of this key in this scope", Ink.DIM)
        scope = self.answer.scope
        shown = f"{clock(scope.start_unix_us)} to {clock(scope.end_unix_us)}"
        each = duration(self.answer.bucket_us)
        return Span(f"{shown} · values at the right are of {each} from the cursor on", Ink.DIM)

    def hint(self) -> str:
        """What one would do next."""
        return "←/→ through time · enter the calls of that moment · esc back"

    def action_time(self, cells: int) -> None:
        """Move the cursor through time."""
        self._bucket = max(0, min(_BUCKETS - 1, self._bucket + cells))
        self.draw()

    def moment(self) -> int | None:
        """The bucket under the cursor."""
        if self.answer is None:
            return None
        return self.answer.scope.start_unix_us + self._bucket * self.answer.bucket_us

    def action_open(self) -> None:
        """The calls of the bucket under the cursor."""
        if self.answer is not None:
            start = self.answer.scope.start_unix_us + self._bucket * self.answer.bucket_us
            scope = self.place.scope.during(start, start + self.answer.bucket_us)
            self.visit(replace(self.place, view="calls", shape=False, scope=scope))


def _worst_key(archive: Archive, scope: Scope) -> str | None:
    keys = archive.keys(scope, buckets=1)
    return keys[0].key if keys else None


def _with_margins(archive: Archive, scope: Scope) -> Scope:
    """Half of the brush's length before and after it, as far as the archive reaches."""
    scope = archive.within(scope)
    margin = scope.span_us // 2
    return archive.within(scope.during(scope.start_unix_us - margin, scope.end_unix_us + margin))


def _when(answer: Answer, bucket: int) -> Line:
    at = answer.scope.start_unix_us + bucket * answer.bucket_us
    return inked(
        " ",
        Span(cell("", NAME_CELLS), Ink.HEAD),
        Span(f" {clock(answer.scope.start_unix_us)} → {clock(answer.scope.end_unix_us)}", Ink.DIM),
        Span(f"   cursor at {clock(at)}", Ink.HEAD),
    )


def _lanes(answer: Answer) -> list[Lane]:
    rows = by_bucket(answer.buckets, lambda row: row.bucket, _BUCKETS)
    return [
        *_counts(rows),
        *_reasons(answer.reasons),
        *heat_lanes(answer.latencies, _BUCKETS),
        *_budgets(answer.levels),
        *_breakers(answer),
        *_policies(answer),
    ]


def _counts(rows: Sequence[BucketRow | None]) -> list[Lane]:
    def says(text: str, bucket: int) -> str:
        row = rows[bucket]
        if row is None:
            return "no call"
        match text:
            case "calls":
                return count(row.calls)
            case "lost":
                return f"{count(row.lost)} ({percent(row.lost / row.calls)})"
            case _:
                return times(row.attempts / row.calls)

    calls = [None if row is None else row.calls for row in rows]
    lost = [None if row is None else row.lost for row in rows]
    load = [None if row is None else row.attempts / row.calls for row in rows]
    return [
        bar_lane("calls", calls, lambda bucket: says("calls", bucket), Ink.GOOD),
        bar_lane("lost", lost, lambda bucket: says("lost", bucket), Ink.BAD),
        bar_lane("attempts/call", load, lambda bucket: says("load", bucket)),
    ]


def _reasons(rows: Sequence[ReasonRow]) -> list[Lane]:
    """The most frequent reasons of attempts that did not succeed."""
    totals: Counter[str] = Counter()
    counts: dict[str, list[int]] = {}
    for row in rows:
        if row.outcome != "success" and 0 <= row.bucket < _BUCKETS:
            totals[row.reason] += row.attempts
            counts.setdefault(row.reason, [0] * _BUCKETS)[row.bucket] += row.attempts
    return [_reason(reason, counts[reason]) for reason, _ in totals.most_common(_REASONS)]


def _reason(reason: str, values: Sequence[int]) -> Lane:
    def says(bucket: int) -> str:
        return plural(values[bucket], "attempt")

    return bar_lane(printable(reason), values, says, Ink.WARN)


def _budgets(rows: Sequence[LevelRow]) -> list[Lane]:
    lanes = []
    for name in dict.fromkeys(row.budget_name for row in rows):
        own = by_bucket((r for r in rows if r.budget_name == name), lambda r: r.bucket, _BUCKETS)
        levels = [None if row is None else row.lowest_level for row in own]

        def says(bucket: int, own: Sequence[LevelRow | None] = own) -> str:
            row = own[bucket]
            if row is None:
                return "not asked"
            left = "" if row.lowest_level is None else f"{row.lowest_level:,.0f} left, "
            return f"{left}{count(row.denied)} denied"

        lanes.append(bar_lane(f"budget {printable(name)}", levels, says, Ink.NOTE))
    return lanes


def _breakers(answer: Answer) -> list[Lane]:
    """The breaker's state, from the changes of whichever process changed last."""
    if not answer.transitions:
        return [_flat("breaker", "—", "no change")]
    states = [answer.transitions[0].from_state] * _BUCKETS
    for change in answer.transitions:
        first = min(_BUCKETS, max(0, answer.bucket_of(change.changed_unix_us)))
        states[first:] = [change.to_state] * (_BUCKETS - first)

    def draw(cells: int) -> str:
        return "".join(_STATES.get(states[n * _BUCKETS // cells], "?") for n in range(cells))

    return [Lane(name="breaker", draw=draw, says=lambda bucket: printable(states[bucket]))]


def _policies(answer: Answer) -> list[Lane]:
    """A mark where a process applied a policy, and the version that was applied last."""
    if not answer.policies:
        return [_flat("policy", " ", "not recorded")]
    versions = [""] * _BUCKETS
    marks = [False] * _BUCKETS
    for row in answer.policies:
        at = answer.bucket_of(row.applied_unix_us)
        first = max(0, min(_BUCKETS - 1, at))
        marks[first] |= at >= 0
        versions[first:] = [row.policy_version] * (_BUCKETS - first)

    def draw(cells: int) -> str:
        spans = [(n * _BUCKETS // cells, (n + 1) * _BUCKETS // cells) for n in range(cells)]
        return "".join("▼" if any(marks[a : max(b, a + 1)]) else "─" for a, b in spans)

    return [Lane(name="policy", draw=draw, says=lambda bucket: printable(versions[bucket]) or "—")]


def _flat(name: str, sign: str, value: str) -> Lane:
    return Lane(name=name, draw=lambda cells: sign * cells, says=lambda _: value, ink=Ink.DIM)
