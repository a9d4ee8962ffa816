"""One call, attempt by attempt: what was tried, how long was waited, and who said no."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from recourse_observe.duck import Superseded
from recourse_observe.queries.archive import Archive, CallNotFoundError
from recourse_observe.queries.beside import nearest_success
from recourse_observe.queries.rows import AttemptRow, WholeCall
from recourse_observe.text import clock, count, duration, plural, printable
from recourse_tui.lines import Ink, Line, Lines, Span, cell, inked
from recourse_tui.screens.place import Place
from recourse_tui.screens.view import View
from recourse_tui.widgets.waterfall import Step, critical_path, lost_or_not, steps, waterfall

__all__ = ["CallView"]

_DETAIL_ROWS: Final = 9
_FAR: Final = 10_000
"""How many calls are looked at for one that was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A call, and which of how many of the scope it is."""

    whole: WholeCall
    ordinal: int
    total: int


class CallView(View):
    """The waterfall of one call."""

    DEFAULT_CSS = f"""
    CallView {{ & #summary {{ height: 2; }} & #detail {{ height: 1fr; min-height: {_DETAIL_ROWS}; }} }}
    """
    name_of_view: ClassVar[str] = "call"
    question: ClassVar[str] = "call_attempts"
    answer: Answer | None

    class Beside(Message):
        """Another call was found to compare with, or none."""

        def __init__(self, whole: WholeCall, other: WholeCall | None) -> None:
            super().__init__()
            self.whole = whole
            self.other = other

    def panels(self) -> ComposeResult:
        """A summary, the waterfall, and the marked attempt."""
        with Vertical():
            yield Lines(id="summary", can_focus=False)
            yield Lines(id="attempts")
            yield Lines(id="detail", can_focus=False)

    def ask(self, archive: Archive, place: Place) -> Iterator[Answer | None]:
        """The call; without an id, the first one of the scope that was lost, or else the first."""
        if place.call_id and place.ordinal < 0:
            yield Answer(whole=archive.call(place.call_id), ordinal=-1, total=0)
            return
        ordinal = place.ordinal if place.ordinal >= 0 else _first_lost(archive, place)
        page = archive.calls(
            place.scope, sort=place.sort, descending=place.sort != "start", limit=1, offset=ordinal
        )
        if not page.rows:
            raise CallNotFoundError(place.call_id, several=False)
        whole = archive.call(page.rows[0].call_id)
        yield Answer(whole=whole, ordinal=ordinal, total=page.total)

    def draw(self) -> None:
        """The three panels."""
        if self.answer is None:
            return
        whole = self.answer.whole
        self.lines("summary").show([_summary(whole), _deadline(whole, self.width)])
        head, rows = waterfall(whole, self.width)
        attempts = [row for row, step in enumerate(steps(whole)) if not step.is_wait]
        pane = self.lines("attempts")
        pane.styles.height = min(len(rows) + 1, max(2, self.body_rows - 2 - _DETAIL_ROWS))
        pane.show(rows, head=[head], stops=attempts)
        self._detail()

    def resolved(self, answer: Answer) -> Place:
        """The call has its id, however it was found."""
        return replace(self.place, call_id=answer.whole.call.call_id)

    def marked(self) -> None:
        """Another attempt is told below."""
        self._detail()

    def names(self) -> tuple[str, ...]:
        """The way here ends in the call's id."""
        known = self.answer.whole.call.call_id if self.answer is not None else self.place.call_id
        return (*self.session.names(), printable(known)) if known else self.session.names()

    def facts(self) -> str:
        """Which call of how many."""
        if self.answer is None:
            return super().facts()
        if self.answer.ordinal < 0:
            return "opened by its id"
        return f"call {count(self.answer.ordinal + 1)} of {count(self.answer.total)}"

    def status(self) -> Span:
        """Which attempt of how many."""
        if self.answer is None:
            return Span("")
        parts, row = steps(self.answer.whole), self.lines("attempts").cursor
        tried = [number for number, step in enumerate(parts) if not step.is_wait]
        if row not in tried:
            return Span("no attempt", Ink.DIM)
        return Span(f"attempt {tried.index(row) + 1} of {len(tried)}", Ink.DIM)

    def hint(self) -> str:
        """What one would do next."""
        return "←/→ other call · j/k attempt · c beside a success · space replay · esc back"

    def action_step(self, calls: int) -> None:
        """The call before or after in the scope's list."""
        if self.answer is None or self.answer.ordinal < 0:
            self.say("this call was opened by its id; open one from the list of calls (4)")
            return
        ordinal = self.answer.ordinal + calls
        if 0 <= ordinal < self.answer.total:
            self.stay(replace(self.place, ordinal=ordinal, call_id=""))

    def action_beside(self) -> None:
        """Beside the call that was marked with m; without one, beside the nearest that went well."""
        if self.answer is not None:
            archive = self.session.archive.in_lane("beside")
            self._look_beside(archive, self.answer.whole, self.session.marked_call)

    @work(thread=True, exclusive=True, group="beside", exit_on_error=False)
    def _look_beside(self, archive: Archive, whole: WholeCall, marked: str) -> None:
        with contextlib.suppress(Superseded):
            is_other = marked not in {"", whole.call.call_id}
            second = marked if is_other else nearest_success(archive, whole)
            other = archive.call(second) if second is not None else None
            self.post_message(self.Beside(whole, other))

    @on(Beside)
    def _beside(self, message: Beside) -> None:
        if message.other is None:
            self.say("no other call of this key went well; m marks a call to compare with")
            return
        from recourse_tui.screens.help import Overlay
        from recourse_tui.widgets.pair import pair_lines

        lines = pair_lines(message.other, message.whole, Overlay.CELLS)
        self.app.push_screen(Overlay("CALL AGAINST CALL", lines))

    def action_mark(self, side: int) -> None:
        """Keep the moment, and with A this call as the one to compare with."""
        super().action_mark(side)
        if self.answer is not None and not side:
            self.session.marked_call = self.answer.whole.call.call_id
            self.say("this call is A; c on another call compares the two")

    def action_match(self, step: int) -> None:
        """The calls before and after are those that the filter chooses."""
        self.action_step(step)

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

    def _detail(self) -> None:
        if self.answer is None:
            return
        whole = self.answer.whole
        lines = [inked(" ", Span("CRITICAL PATH", Ink.HEAD), f"  {critical_path(whole)}")]
        row = self.lines("attempts").cursor
        if 0 <= row < len(parts := steps(whole)):
            lines += _attempt(parts[row], whole)
        else:
            lines.append(inked(f"  {whole.call.final_reason}: the call made no attempt"))
        self.lines("detail").show(lines)


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


def _summary(whole: WholeCall) -> Line:
    call = whole.call
    tries = plural(call.attempts_run, "attempt")
    policy = f"policy {call.policy_version}" if call.policy_version else "no policy"
    why = f" · {call.final_reason}" if call.final_reason != call.disposition else ""
    text = f" {call.disposition} after {tries} in {duration(call.duration_us)}{why} · {policy}"
    return inked(" ", lost_or_not(whole), text)


def _deadline(whole: WholeCall, width: int) -> Line:
    call = whole.call
    taken = f" {duration(call.duration_us)} "
    if call.deadline_us is None:
        left, right, share = "no deadline ", "", 1.0
    else:
        unused = call.deadline_us - call.duration_us
        left = f"deadline {duration(call.deadline_us)} "
        right = f" {duration(abs(unused))} {'unused' if unused >= 0 else 'over'}"
        share = min(1.0, call.duration_us / max(1, call.deadline_us))
    room = width - len(left) - len(right) - 4
    used = max(len(taken) + 2, round(room * share))
    dashes = used - len(taken)
    line = f"├{'─' * (dashes // 2)}{taken}{'─' * (dashes - dashes // 2)}┤"
    return inked(" ", Span(left, Ink.DIM), Span(line, Ink.INFO), Span(right, Ink.DIM))


def _attempt(step: Step, whole: WholeCall) -> list[Line]:
    attempt, call = step.attempt, whole.call
    name = f"ATTEMPT {attempt.attempt}" + (
        f" hedge {attempt.hedge_index}" if attempt.is_hedge else ""
    )
    error = " ".join(text for text in (attempt.error_type, attempt.error_message) if text)
    pairs = [
        (
            "start",
            f"{clock(attempt.started_unix_us, decimals=6)}Z",
            "end",
            f"{clock(attempt.ended_unix_us, decimals=6)}Z",
        ),
        ("took", duration(attempt.duration_us), "region", _known(call.region)),
        ("outcome", attempt.outcome if attempt.ran else "denied", "reason", attempt.reason),
        ("error", _known(error), "status", _known(attempt.status)),
        ("backoff after", _backoff(attempt), "Retry-After", duration(attempt.retry_after_us)),
        ("budget", _budget(attempt), "timeout", duration(attempt.timeout_us)),
        ("trace", _known(call.trace_id), "host", _known(attempt.peer)),
    ]
    return [inked(" ", Span(name, Ink.HEAD)), *(_pair(*pair) for pair in pairs)]


def _pair(left: str, left_value: str, right: str, right_value: str) -> Line:
    return inked(
        "  ",
        Span(cell(left, 14), Ink.DIM),
        cell(left_value, 28),
        Span(cell(f"  {right}", 14), Ink.DIM),
        right_value,
    )


def _backoff(attempt: AttemptRow) -> str:
    if not attempt.backoff_us:
        return "none"
    source = f" ({attempt.backoff_source})" if attempt.backoff_source else ""
    return f"{duration(attempt.backoff_us)}{source}"


def _budget(attempt: AttemptRow) -> str:
    name = attempt.budget_name or "no budget"
    return f"{name}: {attempt.budget_reason}"


def _known(value: object) -> str:
    return "not recorded" if value is None or value == "" else str(value)
