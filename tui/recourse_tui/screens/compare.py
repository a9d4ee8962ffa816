"""Compare and Why: how the brush differs from a baseline, in measures, in every dimension, and in words."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.queries.account import Account, account
from recourse_observe.queries.against import BASELINES, MEANWHILE, against
from recourse_observe.queries.archive import Archive
from recourse_observe.queries.contrast import NOTABLE, Contrast
from recourse_observe.queries.exactly import exactly
from recourse_observe.queries.folds import Row, folded
from recourse_observe.queries.measured import Measured
from recourse_observe.queries.reading import Reading, Sentence
from recourse_observe.scope import Scope
from recourse_observe.text import count
from recourse_tui.lines import Ink, Line, Lines, Span, inked
from recourse_tui.screens import baselines
from recourse_tui.screens.place import Place
from recourse_tui.screens.session import Session
from recourse_tui.screens.view import View
from recourse_tui.widgets.brush import Histogram
from recourse_tui.widgets.differs import Below, Differing, below, policy_lines
from recourse_tui.widgets.measures import MAIN_ROWS, measure_lines

__all__ = ["CompareView"]

_TERMS: Final = {
    "disposition", "error", "instance", "method", "peer", "policy", "reason", "region", "service", "source",
}  # fmt: skip
_MOST_SAID: Final = 13
"""Rows of the policies and the reading, where they have a pane of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Two scopes, A, the baseline, and B, the brush, with all that is said of them by now."""

    place: Place
    baseline: str
    told: Account

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """The values that differ; none when there is nothing to compare with."""
        return self.told.found.contrasts if self.told.found.is_whole else ()


class CompareView(View):
    """A against B."""

    DEFAULT_CSS = f"""
    CompareView {{
        & #measures {{ height: {MAIN_ROWS}; }}
        & #reading {{ display: none; }}
        & #baseline {{ display: none; height: 1; }}
        &.-tall #reading {{ display: block; }}
        &.-tall #baseline {{ display: block; }}
    }}
    """
    AUTO_FOCUS = "#dimensions"
    name_of_view: ClassVar[str] = "compare"
    question: ClassVar[str] = "dimensions"
    has_axis: ClassVar[bool] = True
    answer: Answer | None

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._is_swapped = False
        self._is_why = False
        self._unfolded: frozenset[str] = frozenset()
        self._rows: tuple[Row, ...] = ()
        self._sentences: dict[str, Mapping[int, Sentence]] = {}

    def panels(self) -> ComposeResult:
        """Measures above dimensions above what they say."""
        with Vertical():
            yield Lines(id="measures")
            yield Lines(id="dimensions")
            yield Lines(id="reading")
            yield Lines(id="baseline", can_focus=False)

    def ask(self, archive: Archive, place: Place) -> Iterator[Answer]:
        """The key of the brush against its own past, the other keys meanwhile, or its own good calls."""
        place = self.session.on_incident(place)
        b = archive.within(place.scope)
        b = b.of(b.key or self._key_of(archive, place, b))
        found = against(archive, b)
        sides = (Measured(row=found.measures_a), Measured(row=found.measures_b))
        answer = Answer(
            place=replace(place, scope=place.scope.of(b.key)),
            baseline=place.scope.baseline or BASELINES[0],
            told=Account(found=found, sides=sides),
        )
        yield answer
        yield replace(answer, told=account(found, archive, archive))

    def resolved(self, answer: Answer) -> Place:
        """The key that was compared."""
        return answer.place

    def histogram(self) -> Histogram | None:
        """The axis names A and B where they are stretches of their own."""
        data = super().histogram()
        if data is None or self.answer is None or self.answer.baseline in MEANWHILE:
            return data
        letters = "BA" if self._is_swapped else "AB"
        pair = (self.answer.told.found.a, self.answer.told.found.b)
        named = tuple(
            (letter, one.start_unix_us, one.end_unix_us)
            for letter, one in zip(letters, pair, strict=True)
            if one.span_us and one.end_unix_us > data.start_unix_us
        )
        return replace(data, named=named if len(named) == len(pair) else ())

    def draw(self) -> None:
        """Both tables, and what they say."""
        if self.answer is None:
            return
        told = self.answer.told
        a, b = reversed(told.sides) if self._is_swapped else told.sides
        self.lines("measures").show(measure_lines(a, b, self.width))
        names = ("B", "A") if self._is_swapped else ("A", "B")
        said = below(told.found.policy, told.reading(names), self.width, swapped=self._is_swapped)
        self._sentences = {"reading": said.sentences}
        self._dimensions(Below() if self.is_tall else said)
        pane = self.lines("reading")
        pane.styles.height = min(_MOST_SAID, len(said.lines)) if self.is_tall else 0
        pane.show(said.lines, stops=tuple(said.sentences))
        self.lines("baseline").show([inked(" ", Span(self._baseline(), Ink.DIM))])

    def _dimensions(self, said: Below) -> None:
        if self.answer is None:
            return
        pane = self.lines("dimensions")
        if not (contrasts := self.answer.contrasts):
            self._rows = ()
            pane.show(self._nothing(self.answer))
            return
        if self._is_why:
            contrasts = tuple(sorted(contrasts, key=lambda one: one.is_in_time_only))
        self._rows = folded(contrasts, self.answer.told.folds, unfolded=self._unfolded)
        rows = tuple(map(_swapped, self._rows)) if self._is_swapped else self._rows
        table = Differing(rows, said, width=self.width, has_others=self._is_why)
        self._sentences["dimensions"] = table.sentences
        pane.show(table, head=[table.head], stops=table.stops)

    def _nothing(self, answer: Answer) -> list[Line]:
        rows = wrap(baselines.nothing_told(answer.baseline), self.width - 3)
        if self.session.book.told is not None and not self.session.book.told.incidents:
            rows.append(
                f"No incident was found; of all keys {answer.place.scope.key or '—'} lost most."
            )
        return [inked(" ", Span(row, Ink.DIM)) for row in rows]

    def facts(self) -> str:
        """What A and B are."""
        if self.answer is None:
            return super().facts()
        a, b = baselines.sides_told(self.answer.baseline, self.answer.told.found)
        a, b = (b, a) if self._is_swapped else (a, b)
        return f"A {a}  B {b}" + ("  s swaps" if self.is_wide else "")

    def status(self) -> Span:
        """How many values differ much, and of how many calls."""
        if self.answer is None:
            return Span("")
        contrasts, found = self.answer.contrasts, self.answer.told.found
        if not contrasts:
            after = baselines.after(self.answer.baseline)
            return Span(f"there is nothing to compare with (o: {after})", Ink.DIM)
        much = sum(abs(one.difference) >= NOTABLE for one in contrasts)
        pair = (found.measures_a, found.measures_b)
        a, b = (count(0 if row is None else row.calls) for row in pair)
        calls = f"{b} vs {a} calls" if self._is_swapped else f"{a} vs {b} calls"
        what = (
            ""
            if self.is_tall
            else f" · baseline: {baselines.told_briefly(self.answer.baseline, found)}"
        )
        return Span(f"{much} of {len(contrasts)} values > 10 pts · {calls}{what}", Ink.DIM)

    def hint(self) -> str:
        """What one would do next, as far as there is room."""
        parts = ["enter its calls", "e all but these", "o other baseline", "w why", "G reading"]
        if self.is_wide:
            parts = [
                "enter filter by this value, or the evidence", "e exclude", "w why (all keys)",
                "p what-if", "Y copy SQL",
            ]  # fmt: skip
        return " · ".join(parts)

    # ------------------------------------------------------------ keys

    def action_open(self) -> None:
        """The calls of the marked value, the values of a folded dimension, or a sentence's evidence."""
        if (sentence := self._sentence()) is not None:
            evidence = self._reading().behind(sentence)
            self.visit(
                replace(self.place, view="sql", query=evidence[min(1, len(evidence) - 1)].sql)
            )
            return
        row = self._marked()
        if isinstance(row, Contrast):
            self._calls_with(row, "")
        elif row is not None:
            self._unfolded |= set(row.dimensions)
            self.draw()

    def action_exclude(self) -> None:
        """The calls of B that do not have the marked value."""
        if isinstance(row := self._marked(), Contrast):
            self._calls_with(row, "-")

    def action_swap(self) -> None:
        """A becomes B."""
        self._is_swapped = not self._is_swapped
        self.redraw()

    def action_rank(self) -> None:
        """What other keys show as well goes to the end, and has a column."""
        self._is_why = not self._is_why
        self.redraw()

    def action_baseline(self) -> None:
        """Compare with something else."""
        after = baselines.after(self.place.scope.baseline or BASELINES[0])
        self.stay(replace(self.place, scope=replace(self.place.scope, baseline=after)))

    def action_diff(self) -> None:
        """What the policies of A and B say differently, over the screen."""
        policy = self.answer.told.found.policy if self.answer is not None else None
        if policy is None or not policy.changes:
            is_same = policy is not None and policy.is_same
            why = "both followed the same policy" if is_same else "it is not known"
            self.say(f"no difference of policies: {why}")
            return
        from recourse_tui.screens.help import Overlay

        self.app.push_screen(
            Overlay("POLICY  A → B", policy_lines(policy, swapped=self._is_swapped))
        )

    def action_copy_sql(self) -> None:
        """The query behind the values, or those behind the marked sentence."""
        if (sentence := self._sentence()) is None:
            super().action_copy_sql()
            return
        found = self._reading().behind(sentence)
        sql = "\n".join(f"-- {one.name}: {one.about}\n{one.sql};" for one in found)
        self.copy(sql, f"the SQL of {', '.join(one.name for one in found)}")

    # ------------------------------------------------------------ private

    def _baseline(self) -> str:
        if self.answer is None:
            return ""
        first = self.session.book.coverage.first_unix_us
        return baselines.told(self.answer.baseline, self.answer.told.found, first)

    def _reading(self) -> Reading:
        names = ("B", "A") if self._is_swapped else ("A", "B")
        return Reading() if self.answer is None else self.answer.told.reading(names)

    def _marked(self) -> Row | None:
        row = self.lines("dimensions").cursor
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def _sentence(self) -> Sentence | None:
        pane = self.focused
        if not isinstance(pane, Lines) or pane.id is None:
            return None
        return self._sentences.get(pane.id, {}).get(pane.cursor)

    def _calls_with(self, found: Contrast, sign: str) -> None:
        if found.entry is None or found.dimension not in _TERMS:
            self.say(f"calls cannot be filtered by {found.dimension}")
            return
        term = sign + shlex.quote(f"{found.dimension}:{exactly(found.entry)}")
        scope = self.place.scope
        scope = scope.matching(f"{scope.where} {term}".strip())
        self.visit(replace(self.place, view="calls", shape=False, scope=scope))

    def _key_of(self, archive: Archive, place: Place, scope: Scope) -> str | None:
        incident = self.session.incident(place.incident)
        if incident is not None and incident.keys:
            return incident.keys[0]
        keys = archive.keys(scope, buckets=1)
        return keys[0].key if keys else None


def _swapped(one: Row) -> Row:
    if not isinstance(one, Contrast):
        return one
    return replace(one, share_a=one.share_b, share_b=one.share_a)
