"""One call in words: how it ended, what its time was spent on, and one attempt with all that is known of it."""

from textwrap import wrap
from typing import Final

from recourse_observe.queries.rows import AttemptRow, WholeCall
from recourse_observe.text import clock, duration, plural
from recourse_tui.lines import Ink, Line, Span, cell, inked
from recourse_tui.widgets.waterfall import Step, critical_path, lost_or_not, steps

__all__ = ["detail_lines", "summary_lines"]

_PATH_ROWS: Final = 2


def summary_lines(whole: WholeCall, width: int) -> list[Line]:
    """How the call ended, and what was left of its deadline."""
    return [_summary(whole), _deadline(whole, width)]


def detail_lines(whole: WholeCall, row: int, width: int) -> list[Line]:
    """The critical path, and the attempt of a row of the waterfall."""
    lines = _path(whole, width)
    parts = steps(whole)
    if 0 <= row < len(parts):
        return lines + _attempt(parts[row], whole)
    return [*lines, inked(f"  {whole.call.final_reason}: the call made no attempt")]


def _path(whole: WholeCall, width: int) -> list[Line]:
    """In as many lines as it needs, at most two."""
    title = "CRITICAL PATH"
    room = width - len(title) - 4
    rows = wrap(critical_path(whole), room, max_lines=_PATH_ROWS, placeholder=" …")
    titles = [title, *[" " * len(title)] * (len(rows) - 1)]
    return [
        inked(" ", Span(name, Ink.HEAD), f"  {text}")
        for name, text in zip(titles, rows, strict=True)
    ]


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
    status = "" if attempt.status is None else f" {attempt.status}"
    start, end = (
        f"{clock(at, decimals=6)}Z" for at in (attempt.started_unix_us, attempt.ended_unix_us)
    )
    outcome = attempt.outcome if attempt.ran else "denied"
    return [
        inked(" ", Span(name, Ink.HEAD)),
        _pair("start", start, "end", end),
        _pair("took", duration(attempt.duration_us), "region", _known(call.region)),
        _pair("outcome", outcome, "reason", f"{attempt.reason}{status}"),
        inked("  ", Span(cell("error", 14), Ink.DIM), _known(error)),
        _pair("backoff after", _backoff(attempt), "Retry-After", duration(attempt.retry_after_us)),
        _pair("budget", _budget(attempt), "timeout", duration(attempt.timeout_us)),
        _pair("trace", _known(call.trace_id), "host", _known(attempt.peer)),
    ]


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
