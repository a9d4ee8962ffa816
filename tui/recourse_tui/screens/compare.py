"""Compare: what differs between the brush and a baseline, in measures and in every dimension of the attempts."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.compare import FieldChange, just_before, policy_changes, summed
from recourse_observe.queries.contrast import Contrast, contrast
from recourse_observe.queries.followed import followed
from recourse_observe.queries.rows import KeyRow
from recourse_observe.scope import Scope
from recourse_observe.text import clock, count, duration, percent, times
from recourse_tui.lines import Ink, Line, Lines, Span, inked
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.table import Column, Table

__all__ = ["CompareView"]

_BASELINES: Final = ("before", "others")
_TERMS: Final = {"error", "disposition", "instance", "method", "peer", "policy", "reason", "region"}
_BAR_CELLS: Final = 16
_MUCH: Final = 0.1
_GREAT: Final = 0.5
_NOTHING: Final = (
    "Before the brush the archive has no attempt of this key, so there is nothing to compare with: o compares with "
    "the other keys meanwhile, t or shift+arrows choose another stretch of time."
)
_BASELINE_WORDS: Final = {
    "before": "A is just before (o: other keys)",
    "others": "A is other keys (o: just before)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Two scopes: A, the baseline, and B, the brush."""

    place: Place
    baseline: str
    a: Scope
    b: Scope
    measures_a: KeyRow | None
    measures_b: KeyRow | None
    contrasts: tuple[Contrast, ...]
    policy: tuple[FieldChange, ...] | None = None
    """What the policies in use say differently; ``None`` is not known, or nothing to ask."""


class CompareView(View):
    """A against B."""

    DEFAULT_CSS = "CompareView { & #measures { height: 9; } }"
    name_of_view: ClassVar[str] = "compare"
    question: ClassVar[str] = "dimensions"
    has_axis: ClassVar[bool] = True
    answer: Answer | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._is_swapped = False

    def panels(self) -> ComposeResult:
        """Measures above dimensions."""
        with Vertical():
            yield Lines(id="measures", can_focus=False)
            yield Lines(id="dimensions")

    def ask(self, archive: Archive, place: Place) -> Iterator[Answer]:
        """The key of the brush against its own past, or against the other keys meanwhile."""
        place = self.session.on_incident(place)
        b = archive.within(place.scope)
        key = b.key or self._key_of(archive, place, b)
        b = b.of(key)
        baseline = place.scope.baseline or "before"
        place = replace(place, scope=place.scope.of(key))
        everything = archive.dimensions(b.of(None))
        before = just_before(archive, b)
        in_a = archive.dimensions(before) if before.span_us else ()
        found = contrast(in_a, archive.dimensions(b), everything)
        keys = archive.keys(b.of(None), buckets=1)
        if baseline == "others":
            found = tuple(replace(one, share_a=one.share_others or 0.0) for one in found)
            measures_a = summed([row for row in keys if row.key != key])
        else:
            measures_a = _only(archive.keys(before, buckets=1)) if before.span_us else None
            found = found if in_a else ()
        answer = Answer(
            place=place,
            baseline=baseline,
            a=before if baseline == "before" else b.of(None),
            b=b,
            measures_a=measures_a,
            measures_b=_only([row for row in keys if row.key == key]),
            contrasts=tuple(sorted(found, key=lambda one: -abs(one.difference))),
        )
        yield answer
        if baseline == "before":
            changes = policy_changes(followed(archive, answer.a), followed(archive, b))
            yield replace(answer, policy=changes)

    def resolved(self, answer: Answer) -> Place:
        """The key that was compared."""
        return answer.place

    def draw(self) -> None:
        """Both tables."""
        if self.answer is None:
            return
        a, b = self.answer.measures_a, self.answer.measures_b
        pair = (b, a) if self._is_swapped else (a, b)
        self.lines("measures").show(_measure_lines(*pair))
        rows = (
            [_swapped(c) for c in self.answer.contrasts]
            if self._is_swapped
            else self.answer.contrasts
        )
        table = Table(rows, _COLUMNS, width=self.width)
        pane = self.lines("dimensions")
        if rows:
            pane.show(table, head=[table.head], stops=range(len(table)))
        else:
            pane.show([inked(" ", Span(row, Ink.DIM)) for row in wrap(_NOTHING, self.width - 3)])

    def facts(self) -> str:
        """What A and B are."""
        if self.answer is None:
            return super().facts()
        b = f"{clock(self.answer.b.start_unix_us)}→{clock(self.answer.b.end_unix_us)}"
        a = f"{clock(self.answer.a.start_unix_us)}→{clock(self.answer.a.end_unix_us)}"
        a = "other keys" if self.answer.baseline == "others" else a
        return f"A {b}  B {a}" if self._is_swapped else f"A {a}  B {b}"

    def status(self) -> Span:
        """How many values differ much, and what the baseline is."""
        if self.answer is None or not self.answer.contrasts:
            return Span("there is nothing to compare with (o: something else)", Ink.DIM)
        much = sum(abs(c.difference) >= _MUCH for c in self.answer.contrasts)
        told = f"{much} of {len(self.answer.contrasts)} values differ by 10 points"
        return Span(f"{told} · {_BASELINE_WORDS[self.answer.baseline]}", Ink.DIM)

    def hint(self) -> str:
        """What one would do next."""
        return "enter its calls · e all but these · o other baseline · s swap"

    def action_open(self) -> None:
        """The calls of B that have the marked value."""
        self._open("")

    def action_exclude(self) -> None:
        """The calls of B that do not have it."""
        self._open("-")

    def action_swap(self) -> None:
        """A becomes B."""
        self._is_swapped = not self._is_swapped
        self.redraw()

    def action_baseline(self) -> None:
        """Compare with something else."""
        now = _BASELINES.index(self.place.scope.baseline or "before")
        after = _BASELINES[(now + 1) % len(_BASELINES)]
        self.stay(replace(self.place, scope=replace(self.place.scope, baseline=after)))

    def action_diff(self) -> None:
        """What the policies of A and B say differently, over the screen."""
        changes = self.answer.policy if self.answer is not None else None
        if not changes:
            why = "it is not known" if changes is None else "both followed the same policy"
            self.say(f"no difference of policies: {why}")
            return
        from recourse_tui.screens.help import Overlay

        rows = [inked(" ", *_policy_line(one, swapped=self._is_swapped)) for one in changes]
        self.app.push_screen(Overlay("POLICY  A → B", rows))

    def _open(self, sign: str) -> None:
        row = self.lines("dimensions").cursor
        if self.answer is None or row < 0:
            return
        found = self.answer.contrasts[row]
        if found.entry is None or found.dimension not in _TERMS:
            self.say(f"calls cannot be filtered by {found.dimension}")
            return
        term = sign + shlex.quote(f"{found.dimension}:{found.entry}")
        scope = self.place.scope
        self.visit(
            replace(
                self.place,
                view="calls",
                shape=False,
                scope=scope.matching(f"{scope.where} {term}".strip()),
            )
        )

    def _key_of(self, archive: Archive, place: Place, scope: Scope) -> str | None:
        incident = self.session.incident(place.incident)
        if incident is not None and incident.keys:
            return incident.keys[0]
        keys = archive.keys(scope, buckets=1)
        return keys[0].key if keys else None


def _policy_line(one: FieldChange, *, swapped: bool) -> tuple[str | Span, ...]:
    before, after = ("—" if value is None else str(value) for value in (one.a, one.b))
    a, b = (after, before) if swapped else (before, after)
    return (Span(f"{one.name:<26} ", Ink.DIM), f"{a} → {b}")


def _only(rows: Sequence[KeyRow]) -> KeyRow | None:
    return rows[0] if rows else None


def _swapped(one: Contrast) -> Contrast:
    return replace(one, share_a=one.share_b, share_b=one.share_a)


def _measure_lines(a: KeyRow | None, b: KeyRow | None) -> list[Line]:
    head = f" {'MEASURE':<20}{'A':>14}{'B':>14}{'CHANGE':>12}"
    return [
        inked(Span(head, Ink.HEAD)),
        _measure("calls", a, b, lambda row: row.calls, count),
        _measure("attempts/call", a, b, lambda row: row.attempts_per_call, times),
        _measure("calls lost", a, b, lambda row: row.lost, count),
        _measure("of its calls", a, b, lambda row: row.lost_share, percent),
        _measure("rescued", a, b, lambda row: row.rescued, count),
        _measure("denied by budget", a, b, lambda row: row.denied, count),
        _measure("attempt p50", a, b, lambda row: row.p50_us, duration),
        _measure("attempt p99", a, b, lambda row: row.p99_us, duration),
    ]


def _measure(
    name: str,
    a: KeyRow | None,
    b: KeyRow | None,
    value: Callable[[KeyRow], float | None],
    words: Callable[[float], str],
) -> Line:
    in_a, in_b = (None if row is None else value(row) for row in (a, b))
    text_a, text_b = ("—" if one is None else words(one) for one in (in_a, in_b))
    change, ink = _change(in_a, in_b)
    return inked(f" {name:<20}", f"{text_a:>14}{text_b:>14}", Span(f"{change:>12}", ink))


def _change(a: float | None, b: float | None) -> tuple[str, Ink]:
    """By how much B differs from A; a great difference has a mark."""
    if a is None or b is None or a == b:
        return "", Ink.DIM
    if not a:
        return "new ▲", Ink.WARN
    share = b / a - 1
    mark = "▲" if share >= _GREAT else "▼" if share <= -_GREAT else " "
    return f"{100 * share:+,.0f}% {mark}", Ink.PLAIN if mark == " " else Ink.WARN


def _name(one: Contrast) -> str:
    return f"{one.dimension}={'not recorded' if one.entry is None else one.entry}"


def _bars(one: Contrast) -> Span:
    """Both shares, back to back."""
    left, right = (round(share * _BAR_CELLS) for share in (one.share_a, one.share_b))
    return Span(f"{'█' * left:>{_BAR_CELLS}}│{'█' * right:<{_BAR_CELLS}}", Ink.INFO)


def _note(one: Contrast) -> Span:
    if one.is_in_time_only:
        return Span(f"in time; others {percent(one.share_others)}", Ink.DIM)
    return Span(
        "▲" if one.difference >= _MUCH else "▼" if one.difference <= -_MUCH else "", Ink.WARN
    )


_COLUMNS: Final[tuple[Column[Contrast], ...]] = (
    Column(title="DIMENSION (of attempts)", width=20, text=_name, stretch=True),
    Column(title="A", width=6, right=True, text=lambda c: percent(c.share_a)),
    Column(title="B", width=6, right=True, text=lambda c: percent(c.share_b)),
    Column(title="|Δ|", width=5, right=True, text=lambda c: f"{100 * abs(c.difference):.1f}"),
    Column(title="LIFT", width=7, right=True, drop=2, text=lambda c: times(c.lift)),
    Column(title="A│B", width=2 * _BAR_CELLS + 1, drop=1, text=_bars),
    Column(title="", width=22, text=_note),
)
