"""Compare: what differs between the brush and a baseline, in measures and in every dimension of the attempts."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.queries.against import BASELINES, MEANWHILE, against
from recourse_observe.queries.archive import Archive
from recourse_observe.queries.compare import Comparison, FieldChange, policy_changes
from recourse_observe.queries.contrast import Contrast
from recourse_observe.queries.followed import followed
from recourse_observe.queries.spread import Spread, spread
from recourse_observe.scope import Scope
from recourse_observe.text import clock, percent, times
from recourse_tui.lines import Ink, Lines, Span, inked
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.measures import Measured, measure_lines
from recourse_tui.widgets.table import Column, Table

__all__ = ["CompareView"]

_TERMS: Final = {"error", "disposition", "instance", "method", "peer", "policy", "reason", "region"}
_BAR_CELLS: Final = 16
_MUCH: Final = 0.1
_BASELINE_WORDS: Final = {
    "before": "just before",
    "yesterday": "yesterday",
    "others": "other keys",
    "successes": "its good calls",
}
_ELSE: Final = "so there is nothing to compare with: o compares with something else, t or shift+arrows choose another stretch."
_NO_CALL: Final = f"On one side there is no call, {_ELSE}"
_NOTHING: Final = {
    "before": f"Before the brush the archive has no attempt of this key, {_ELSE}",
    "yesterday": f"Of the same time yesterday the archive has no call of this key, {_ELSE}",
    "others": f"Meanwhile no other key was called, {_ELSE}",
    "successes": f"No call of this key went well meanwhile, {_ELSE}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Two scopes: A, the baseline, and B, the brush.

    Attributes:
        policy: What the policies in use say differently; ``None`` is not known, or nothing to ask.
        spreads: How the calls of A and of B spread, once that is known.
    """

    place: Place
    baseline: str
    found: Comparison
    policy: tuple[FieldChange, ...] | None = None
    spreads: tuple[Spread, Spread] | None = None

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """The values that differ; none when there is nothing to compare with."""
        return self.found.contrasts if self.found.measures_a is not None else ()


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
        """The key of the brush against its own past, the other keys meanwhile, or its own good calls."""
        place = self.session.on_incident(place)
        b = archive.within(place.scope)
        b = b.of(b.key or self._key_of(archive, place, b))
        found = against(archive, b)
        baseline = place.scope.baseline or BASELINES[0]
        place = replace(place, scope=place.scope.of(b.key))
        answer = Answer(place=place, baseline=baseline, found=found)
        yield answer
        spreads = (spread(archive, found.a), spread(archive, found.b))
        answer = replace(answer, spreads=spreads)
        yield answer
        if baseline not in MEANWHILE:
            changes = policy_changes(followed(archive, found.a), followed(archive, found.b))
            yield replace(answer, policy=changes)

    def resolved(self, answer: Answer) -> Place:
        """The key that was compared."""
        return answer.place

    def draw(self) -> None:
        """Both tables."""
        if self.answer is None:
            return
        found, spreads = self.answer.found, self.answer.spreads or (None, None)
        pair = [
            Measured(row, one)
            for row, one in zip((found.measures_a, found.measures_b), spreads, strict=True)
        ]
        a, b = reversed(pair) if self._is_swapped else pair
        measures = measure_lines(a, b, self.width, is_tall=self.is_tall)
        self.lines("measures").styles.height = len(measures)
        self.lines("measures").show(measures)
        contrasts = self.answer.contrasts
        rows = [_swapped(c) for c in contrasts] if self._is_swapped else contrasts
        table = Table(rows, _COLUMNS, width=self.width)
        pane = self.lines("dimensions")
        if rows:
            pane.show(table, head=[table.head], stops=range(len(table)))
        else:
            nothing = _NOTHING.get(self.answer.baseline, _NO_CALL)
            pane.show([inked(" ", Span(row, Ink.DIM)) for row in wrap(nothing, self.width - 3)])

    def facts(self) -> str:
        """What A and B are."""
        if self.answer is None:
            return super().facts()
        a, b = self.answer.found.a, self.answer.found.b
        words = [f"{clock(one.start_unix_us)}→{clock(one.end_unix_us)}" for one in (a, b)]
        match self.answer.baseline:
            case "others":
                words[0] = "other keys"
            case "yesterday":
                words[0] = f"yesterday {words[0]}"
            case "successes":
                words = ["its good calls", f"lost {words[1]}"]
            case _:
                pass
        a_is, b_is = reversed(words) if self._is_swapped else words
        return f"A {a_is}  B {b_is}"

    def status(self) -> Span:
        """How many values differ much, and what the baseline is."""
        if self.answer is None:
            return Span("")
        contrasts, baseline = self.answer.contrasts, self.answer.baseline
        if not contrasts:
            return Span("there is nothing to compare with (o: something else)", Ink.DIM)
        much = sum(abs(c.difference) >= _MUCH for c in contrasts)
        what = _BASELINE_WORDS.get(baseline, "a stretch of your choice")
        told = f"{much} of {len(contrasts)} values differ by 10 points · A is {what}"
        return Span(f"{told} (o: {_BASELINE_WORDS[_after(baseline)]})", Ink.DIM)

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
        after = _after(self.place.scope.baseline or BASELINES[0])
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


def _after(baseline: str) -> str:
    """What is compared with next; after a stretch of one's own the first."""
    here = BASELINES.index(baseline) if baseline in BASELINES else -1
    return BASELINES[(here + 1) % len(BASELINES)]


def _swapped(one: Contrast) -> Contrast:
    return replace(one, share_a=one.share_b, share_b=one.share_a)


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
