"""One call, attempt by attempt: what was tried, how long was waited, and who said no; or one call against another."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from recourse_observe.queries.archive import Archive, CallNotFoundError
from recourse_observe.queries.beside import SUCCESS, beside, other_call
from recourse_observe.queries.rows import WholeCall
from recourse_observe.queries.same import SameShape, same_shape
from recourse_observe.text import count, percent, plural, printable
from recourse_tui.lines import Ink, Lines, Span
from recourse_tui.screens.place import Place
from recourse_tui.screens.view import View
from recourse_tui.widgets.detail import detail_lines, summary_lines
from recourse_tui.widgets.pair import pair_head, pair_lines
from recourse_tui.widgets.waterfall import steps, waterfall

__all__ = ["CallView"]

_DETAIL_ROWS: Final = 7
"""What the marked attempt has at least; the rest of it scrolls."""
_FAR: Final = 10_000
"""How many calls are looked at for one that was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A call, which of how many of the scope it is, and the call that it stands beside.

    Attributes:
        same: How many went the same way, once they are counted.
    """

    whole: WholeCall
    ordinal: int
    total: int
    other: WholeCall | None = None
    same: SameShape | None = None


class CallView(View):
    """The waterfall of one call."""

    DEFAULT_CSS = f"""
    CallView {{
        & #summary {{ height: 2; }}
        & #detail {{ height: 1fr; min-height: {_DETAIL_ROWS}; }}
        & #pair {{ display: none; }}
        &.-beside #pair {{ display: block; }}
        &.-beside #summary, &.-beside #attempts, &.-beside #detail {{ display: none; }}
    }}
    """
    name_of_view: ClassVar[str] = "call"
    answer: Answer | None

    def panels(self) -> ComposeResult:
        """A summary, the waterfall, and the marked attempt; or two calls side by side."""
        with Vertical():
            yield Lines(id="summary", can_focus=False)
            yield Lines(id="attempts")
            yield Lines(id="detail")
            yield Lines(id="pair")

    def ask(self, archive: Archive, place: Place) -> Iterator[Answer | None]:
        """The call, then how many are like it; without an id, the first of the scope that was lost, or else the first."""
        answer = self._found(archive, place)
        yield answer
        if answer.other is None:
            yield replace(answer, same=same_shape(archive, place.scope, answer.whole))

    def _found(self, archive: Archive, place: Place) -> Answer:
        if place.call_id and place.ordinal < 0:
            return self._answer(archive, place, place.call_id, ordinal=-1, total=0)
        ordinal = place.ordinal if place.ordinal >= 0 else _first_lost(archive, place)
        page = archive.calls(
            place.scope, sort=place.sort, descending=place.sort != "start", limit=1, offset=ordinal
        )
        if not page.rows:
            raise CallNotFoundError(place.call_id, several=False)
        call_id = page.rows[0].call_id
        return self._answer(archive, place, call_id, ordinal=ordinal, total=page.total)

    def _answer(
        self, archive: Archive, place: Place, call_id: str, *, ordinal: int, total: int
    ) -> Answer:
        whole = archive.call(call_id)
        other = other_call(archive, whole, place.against) if place.against else None
        return Answer(whole=whole, ordinal=ordinal, total=total, other=other)

    def draw(self) -> None:
        """The call, or both."""
        if self.answer is None:
            return
        whole, other = self.answer.whole, self.answer.other
        self.set_class(other is not None, "-beside")
        if other is not None:
            lines = pair_lines(other, whole, self.width)
            self.lines("pair").show(lines, head=[pair_head(other, whole, self.width)])
            self.set_focus(self.lines("pair"))
            return
        if self.focused is self.lines("pair"):
            self.set_focus(self.lines("attempts"))
        self.lines("summary").show(summary_lines(whole, self.width))
        head, rows = waterfall(whole, self.width)
        attempts = [row for row, step in enumerate(steps(whole)) if not step.is_wait]
        pane = self.lines("attempts")
        pane.styles.height = min(len(rows) + 1, max(2, self.body_rows - 2 - _DETAIL_ROWS))
        pane.show(rows, head=[head], stops=attempts)
        self.marked()

    def resolved(self, answer: Answer) -> Place:
        """Both calls have their ids, however they were found."""
        other = answer.other
        if self.place.against and other is None:
            self.said = "no other call of this key went well; m marks a call to compare with"
        against = other.call.call_id if other is not None else ""
        return replace(self.place, call_id=answer.whole.call.call_id, against=against)

    def marked(self) -> None:
        """Another attempt is told below."""
        if self.answer is not None:
            row = self.lines("attempts").cursor
            self.lines("detail").show(detail_lines(self.answer.whole, row, self.width))

    def names(self) -> tuple[str, ...]:
        """The way here ends in the call's id, and that of the other one."""
        if self.answer is None:
            ids = [self.place.call_id, self.place.against]
        else:
            other = self.answer.other
            ids = [self.answer.whole.call.call_id, other.call.call_id if other is not None else ""]
        return (*self.session.names(), *(printable(name) for name in ids if name))

    def facts(self) -> str:
        """Which call of how many."""
        if self.answer is None:
            return super().facts()
        if self.answer.ordinal < 0:
            return "opened by its id"
        return f"call {count(self.answer.ordinal + 1)} of {count(self.answer.total)}"

    def status(self) -> Span:
        """Which attempt of how many, or how much of two calls differs."""
        if self.answer is None:
            return Span("")
        if self.answer.other is not None:
            rows = beside(self.answer.other, self.answer.whole)
            much = sum(row.differs for row in rows)
            return Span(
                f"call against call · {much} of {plural(len(rows), 'line')} differ", Ink.DIM
            )
        parts, row = steps(self.answer.whole), self.lines("attempts").cursor
        tried = [number for number, step in enumerate(parts) if not step.is_wait]
        where = f"attempt {tried.index(row) + 1} of {len(tried)}" if row in tried else "no attempt"
        return Span(f"{where} · {self._same_told()}", Ink.DIM)

    def _same_told(self) -> str:
        same = self.answer.same if self.answer is not None else None
        if same is None:
            return "counting its like …"
        if not same.calls:
            return "outside the brush"
        others = f"{count(same.calls)} of {plural(same.of_calls, 'call')} ({percent(same.share)})"
        return f"same shape: {others}, enter lists them"

    def hint(self) -> str:
        """What one would do next."""
        if self.answer is not None and self.answer.other is not None:
            return "←/→ another B · j/k scroll · space replay · y link · esc alone again"
        if self.answer is not None and self.answer.ordinal < 0:
            return "enter its like · j/k attempt · c beside a success · space replay"
        return "enter its like · ←/→ other call · j/k attempt · c beside a success"

    def step_out(self) -> bool:
        """Escape leaves the call alone before it leaves the call."""
        return super().step_out() or self._stand_alone()

    def action_step(self, calls: int) -> None:
        """The call before or after in the scope's list."""
        if self.answer is None or self.answer.ordinal < 0:
            self.say("this call was opened by its id; open one from the list of calls (4)")
            return
        ordinal = self.answer.ordinal + calls
        if 0 <= ordinal < self.answer.total:
            self.stay(replace(self.place, ordinal=ordinal, call_id=""))

    def action_open(self) -> None:
        """The calls of the same shape."""
        same = self.answer.same if self.answer is not None else None
        if same is not None and same.calls:
            scope = same.scope
            self.visit(replace(self.place, view="calls", shape=False, scope=scope, against=""))

    def action_beside(self) -> None:
        """Beside the call that was marked with m; without one, beside the nearest that went well; or alone again."""
        if self.answer is not None and not self._stand_alone():
            marked = self.session.marked_call
            is_other = marked not in {"", self.answer.whole.call.call_id}
            self.stay(replace(self.place, against=marked if is_other else SUCCESS))

    def action_mark(self, side: int) -> None:
        """Keep the moment, and with A this call as the one to compare with."""
        super().action_mark(side)
        if self.answer is not None and not side:
            self.session.marked_call = self.answer.whole.call.call_id
            self.say("this call is A; c on another call compares the two")

    def action_match(self, step: int) -> None:
        """The calls before and after are those that the filter chooses."""
        self.action_step(step)

    def behind(self, place: Place) -> tuple[str, Mapping[str, object]]:
        """The attempts of this call."""
        if self.answer is None:
            return "call_attempts", {"call_id": place.call_id, "key": "", "started_us": 0}
        call = self.answer.whole.call
        values = {"call_id": call.call_id, "key": call.key, "started_us": call.started_unix_us}
        return "call_attempts", values

    def action_add(self) -> None:
        """Add the marked attempt to the story."""
        row = self.lines("attempts").cursor
        if self.answer is not None and row >= 0:
            step = steps(self.answer.whole)[row].attempt
            call = self.answer.whole.call
            words = f"{call.key} {call.call_id[:8]} attempt {step.attempt}: {step.reason}"
            self.keep_event(words, step.started_unix_us)

    def moment(self) -> int | None:
        """When the marked attempt began, or the call."""
        if self.answer is None:
            return None
        row, parts = self.lines("attempts").cursor, steps(self.answer.whole)
        first = self.answer.whole.call.started_unix_us
        return parts[row].attempt.started_unix_us if 0 <= row < len(parts) else first

    def _stand_alone(self) -> bool:
        """Without the other call; false when there is none."""
        if self.place.against:
            self.stay(replace(self.place, against=""))
            return True
        return False


def _first_lost(archive: Archive, place: Place) -> int:
    """Which call of the list is the first that was lost; the first of all when none is near the beginning."""
    table = archive.ask(
        "calls", place.scope, sort=place.sort, sign=-1 if place.sort != "start" else 1,
        limit=_FAR, offset=0,
    )  # fmt: skip
    ends = zip(
        table.column("success").to_pylist(), table.column("disposition").to_pylist(), strict=True
    )
    lost = (n for n, (good, how) in enumerate(ends) if not good and how != "unfinished")
    return next(lost, 0)
