"""One call on a time axis: a bar for each attempt, exact to an eighth of a cell on its right, and the waits between."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from recourse_observe.queries.rows import AttemptRow, BudgetRow, WholeCall
from recourse_observe.text import count, duration
from recourse_tui.lines import Ink, Line, Span, cell

__all__ = ["Step", "bar", "critical_path", "lost_or_not", "ruler", "steps", "waterfall"]

_NAME_CELLS: Final = 17
_BUDGET_CELLS: Final = 9

_ROOMY: Final = 110
_A_MILLISECOND_US: Final = 1_000
_A_SECOND_US: Final = 1_000_000
_LONG_US: Final = 10_000_000
_MANY: Final = 8
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def bar(start_us: int, end_us: int, span_us: int, cells: int) -> tuple[int, str]:
    """Blank cells before the bar, and the bar; what took time is never invisible."""
    first = start_us * cells * 8 // max(1, span_us)
    lead = min(cells - 1, first // 8)
    last = min(cells * 8, max(first + 1, end_us * cells * 8 // max(1, span_us)))
    full, eighths = divmod(max(1, last - lead * 8), 8)
    return lead, "█" * full + _EIGHTHS[eighths].strip()


def ruler(span_us: int, cells: int, parts: int) -> str:
    """Milliseconds above the bars, or seconds of a long call, at equal distances, the last at the right end."""
    unit_us = _A_SECOND_US if span_us >= _LONG_US else _A_MILLISECOND_US
    text = [" "] * (cells + 1)
    # No two of them read the same, or touch.
    units = span_us / unit_us
    decimals = 0 if not units or units >= _MANY else 1 if units >= _MANY / 10 else 2
    for part in range(parts + 1):
        label = f"{units * part / parts:.{decimals}f}"
        at = min(cells * part // parts, len(text) - len(label))
        text[at : at + len(label)] = label
    return "".join(text).rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An attempt, or the wait after one."""

    attempt: AttemptRow
    start_us: int
    end_us: int
    is_wait: bool = False


def steps(whole: WholeCall) -> tuple[Step, ...]:
    """Attempts in launch order with the waits between them, in microseconds from the call's start."""
    return tuple(_steps(whole))


def _steps(whole: WholeCall) -> Iterator[Step]:
    origin = whole.call.started_unix_us
    for number, attempt in enumerate(whole.attempts):
        start, end = attempt.started_unix_us - origin, attempt.ended_unix_us - origin
        yield Step(attempt=attempt, start_us=start, end_us=end)
        if attempt.backoff_us > 0:
            later = [a for a in whole.attempts[number + 1 :] if not a.is_hedge]
            until = later[0].started_unix_us - origin if later else whole.call.duration_us
            yield Step(attempt=attempt, start_us=end, end_us=max(end, until), is_wait=True)


def waterfall(whole: WholeCall, width: int) -> tuple[Line, list[Line]]:
    """The heading and a row for each step."""
    outcome_cells = 20 if width < _ROOMY else 28
    cells = width - 1 - _NAME_CELLS - 2 - outcome_cells - 1 - _BUDGET_CELLS
    parts = steps(whole)
    span_us = max([whole.call.duration_us, *(step.end_us for step in parts)])
    unit = " s" if span_us >= _LONG_US else "ms"
    head = (
        " " + cell(f"ATTEMPT      {unit}", _NAME_CELLS) + cell(ruler(span_us, cells, 4), cells + 2)
    )
    head += cell("OUTCOME", outcome_cells) + " BUDGET"
    budget = {(b.attempt, b.hedge_index): b for b in whole.budget}
    rows: list[Line] = []
    for step in parts:
        lead, drawn = bar(step.start_us, step.end_us, span_us, cells)
        ink = _ink(step)
        name, outcome = _names(step)
        decision = (
            None if step.is_wait else budget.get((step.attempt.attempt, step.attempt.hedge_index))
        )
        shown = "░" * len(drawn) if step.is_wait else drawn if step.attempt.ran else ""
        rows.append(
            (
                Span(" "),
                Span(cell(name, _NAME_CELLS), Ink.DIM if step.is_wait else ink),
                Span(cell(" " * lead + shown, cells + 2), Ink.DIM if step.is_wait else ink),
                Span(cell(outcome, outcome_cells) + " ", Ink.DIM if step.is_wait else ink),
                Span("" if step.is_wait else _budget(step.attempt, decision), Ink.DIM),
            )
        )
    return (Span(head, Ink.HEAD),), rows


def critical_path(whole: WholeCall) -> str:
    """What the call's time was spent on, in order: of attempts side by side the one that counted."""
    parts, moment = [], 0
    for step in sorted(steps(whole), key=lambda s: (s.start_us, s.end_us)):
        is_counted = step.is_wait or (step.attempt.ran and not _is_loser(step, whole))
        if is_counted and step.end_us > moment:
            if step.start_us - moment >= _A_MILLISECOND_US:
                parts.append(f"{duration(step.start_us - moment)} wait")
            spent = duration(step.end_us - max(moment, step.start_us))
            parts.append(f"{spent} {'wait' if step.is_wait else _attempt_name(step.attempt)}")
            moment = step.end_us
    return " → ".join(parts) or "no attempt was made"


def lost_or_not(whole: WholeCall) -> Span:
    """How the call ended, in one word."""
    if whole.call.disposition == "unfinished":
        return Span("UNFINISHED", Ink.WARN)
    if not whole.call.success:
        return Span("LOST", Ink.BAD)
    return Span("RESCUED", Ink.INFO) if whole.call.retries else Span("OK", Ink.GOOD)


def _attempt_name(attempt: AttemptRow) -> str:
    hedge = f" hedge {attempt.hedge_index}" if attempt.is_hedge else ""
    return f"attempt {attempt.attempt}{hedge}"


def _is_loser(step: Step, whole: WholeCall) -> bool:
    rivals = [a for a in whole.attempts if a.attempt == step.attempt.attempt and a.ran]
    winners = [a for a in rivals if a.outcome == "success"] or rivals[-1:]
    return len(rivals) > 1 and step.attempt not in winners


def _ink(step: Step) -> Ink:
    if not step.attempt.ran:
        return Ink.WARN
    return Ink.GOOD if step.attempt.outcome == "success" else Ink.BAD


def _names(step: Step) -> tuple[str, str]:
    attempt = step.attempt
    if step.is_wait:
        waited = duration(step.end_us - step.start_us)
        return "  ┊ backoff", f"{waited} of {duration(attempt.backoff_us)}"
    kind = "hedge" if attempt.is_hedge else "retry" if attempt.attempt else "original"
    glyph = (
        "⊘"
        if not attempt.ran
        else "⇉"
        if attempt.is_hedge
        else "↻"
        if attempt.outcome != "success"
        else "●"
    )
    hedge = f".{attempt.hedge_index}" if attempt.is_hedge else ""
    outcome = attempt.reason if attempt.ran else "⊘ denied"
    is_told = attempt.status is None or str(attempt.status) in attempt.reason
    status = "" if is_told else f" {attempt.status}"
    return f"{glyph} {attempt.attempt}{hedge} {kind}", f"{outcome}{status}"


def _budget(attempt: AttemptRow, decision: BudgetRow | None) -> str:
    if decision is None:
        return "—" if attempt.budget_allowed else "✗"
    left = "" if decision.level_after is None else f" {count(decision.level_after)} left"
    return f"{'✓' if decision.allowed else '✗'}{left}"
