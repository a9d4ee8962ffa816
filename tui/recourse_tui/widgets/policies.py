"""What-if as lines: the policy as recorded and as it would be, measures with their kind, load, a sweep, and reasons."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Final

from recourse_observe.queries.rows import PolicyRow
from recourse_observe.text import duration, printable, sparkline
from recourse_observe.whatif import Answer, Edit, Kind, LoadPoint, Row
from recourse_observe.whatif.render import directions, edit_text, label, value
from recourse_tui.lines import Ink, Line, Span, cell, inked
from recourse_tui.widgets.sparkline import resampled

__all__ = ["load_lines", "measure_lines", "note_lines", "policy_lines", "sweep_lines", "told_lines"]

_NAME: Final = 19
_COLUMN: Final = 22
_MEASURE: Final = 23
_KINDS: Final = {Kind.EXACT: 0, Kind.BOUND: 1, Kind.MODEL: 2, Kind.REPLAY: 3}
_INKS: Final = {Kind.EXACT: Ink.GOOD, Kind.BOUND: Ink.WARN, Kind.MODEL: Ink.NOTE}
_PARTS: Final = (
    ("max_attempts", ("retry.max_attempts",)),
    ("backoff", ("retry.initial_", "retry.max_backoff", "retry.backoff", "retry.jitter")),
    ("retry budget", ("retry.budget", "budgets.")),
    ("breaker", ("circuit.",)),
    ("hedge", ("hedge.",)),
    ("attempt timeout", ("retry.timeout_per_attempt", "retry.overall_timeout")),
)
_SWEPT: Final = ("failed_calls", "attempts_per_call", "peak_load", "time_to_recovery")


def policy_lines(policy: PolicyRow | None, edits: Sequence[Edit], suggested: int) -> list[Line]:
    """Field by field, recorded and candidate; a mark where they differ."""
    version = f" {policy.policy_version}" if policy is not None else ""
    whose = "best suggestion" if suggested else "e edit · tab preset"
    lines = [
        inked(
            Span(f" {cell('POLICY', _NAME)} {cell('RECORDED' + version, _COLUMN)} ", Ink.HEAD),
            Span(f"CANDIDATE ({whose})", Ink.HEAD),
        )
    ]
    left = list(edits)
    for name, paths in _PARTS:
        own = [edit for edit in left if edit.path.startswith(paths)]
        left = [edit for edit in left if edit not in own]
        lines.append(_policy_line(name, _recorded(name, policy), own))
    lines += [_policy_line("", "", [edit]) for edit in left]
    return lines


def measure_lines(rows: Sequence[Row]) -> list[Line]:
    """The measures, what is certain first; one that nothing is known of is left out."""
    known = [row for row in rows if row.candidate is not None or row.high is not None]
    head = f" {cell('', _MEASURE)} {'RECORDED':>10}  {'CANDIDATE':>22} {'CHANGE':>8}  KIND"
    lines = [
        inked(
            f" {cell(label(row.name), _MEASURE)} {value(row.recorded, row.unit):>10}  ",
            f"{cell(_candidate(row), 22, right=True)} {_change(row):>8}  ",
            Span(row.kind, _INKS.get(row.kind, Ink.DIM)),
        )
        for row in sorted(known, key=lambda row: _KINDS[row.kind])
    ]
    nothing = inked(Span(" nothing can be said of this candidate", Ink.DIM))
    return [inked(Span(head, Ink.HEAD)), *(lines or [nothing])]


def note_lines(rows: Sequence[Row], width: int) -> list[Line]:
    """In which direction the candidate goes, and what a number that is no forecast rests on, once for each kind."""
    lines = _section("DIRECTION", directions(rows), width, Ink.PLAIN)
    for kind in (kind for kind in _KINDS if kind is not Kind.MODEL):
        notes = dict.fromkeys(row.note for row in rows if row.kind is kind and row.note)
        lines += _section(kind, tuple(notes), width, Ink.DIM)
    return lines


def load_lines(points: Sequence[LoadPoint], width: int) -> list[Line]:
    """Attempts per second over time, both on one scale."""
    cells = max(8, width - _NAME - 18)
    recorded = [point.recorded for point in points]
    candidate = [point.candidate for point in points]
    top = max([*recorded, *(one for one in candidate if one is not None), 0.0])
    lines = []
    for name, values in (("load  recorded", recorded), ("      candidate", candidate)):
        known = [one for one in values if one is not None]
        if not known:
            continue
        peak = f"peak {max(known):.3g}/s"
        drawn = sparkline(resampled(values, cells), top=top or None)
        lines.append(inked(f" {cell(name, _NAME)} ", Span(drawn, Ink.INFO), f" {peak}"))
    return lines


def sweep_lines(answer: Answer, width: int) -> list[Line]:
    """A column for each value of the field that is swept."""
    if not answer.sweep:
        return []
    cells = max(9, min(16, (width - _NAME - 2) // len(answer.sweep) - 1))

    def line(name: str, texts: Sequence[str], ink: Ink) -> Line:
        columns = " ".join(cell(text, cells, right=True) for text in texts)
        return inked(Span(f" {cell(name, _NAME)} ", Ink.HEAD), Span(columns, ink))

    found = [{row.name: row for row in point.rows} for point in answer.sweep]
    title = f"SWEEP {printable(answer.sweep_field.rpartition('.')[2])}"
    lines = [inked(), line(title, [point.value for point in answer.sweep], Ink.STRONG)]
    for name in _SWEPT:
        rows = [one.get(name) for one in found]
        texts = ["" if row is None else _mark(row) + _short(row) for row in rows]
        lines.append(line(f"  {label(name)}", texts, Ink.PLAIN))
    kinds = ["" if one.get(_SWEPT[0]) is None else str(one[_SWEPT[0]].kind) for one in found]
    return [*lines, line("  kind", kinds, Ink.DIM)]


def told_lines(answer: Answer, width: int) -> list[Line]:
    """Why there is no model, how far the model is right, other suggestions, and what all rests on."""
    lines: list[Line] = []
    if answer.refusal is not None:
        lines += _section("NO MODEL", [answer.refusal], width, Ink.WARN)
    if answer.check is not None:
        good = sum(row.passed for row in answer.check.rows)
        verdict = "reproduces" if answer.check.passed else "does not reproduce"
        text = f"the fit {verdict} the record: {good} of {len(answer.check.rows)} measures"
        lines += _section("CHECK", [text, *answer.check.mechanisms], width, Ink.PLAIN)
    others = [
        f"{number}: {'; '.join(edit_text(edit) for edit in one.edits)} ({one.risk})"
        for number, one in enumerate(answer.suggestions, 1)
    ]
    lines += _section("SUGGESTED", others, width, Ink.PLAIN)
    return lines + _section("ASSUMES", answer.assumes, width, Ink.DIM)


def _section(title: str, texts: Sequence[str], width: int, ink: Ink) -> list[Line]:
    rows = [row for text in texts for row in wrap(printable(text), max(20, width - 13))]
    return [
        inked(" ", Span(cell("" if number else title, 10), Ink.HEAD), Span(row, ink))
        for number, row in enumerate(rows)
    ]


def _policy_line(name: str, recorded: str, edits: Sequence[Edit]) -> Line:
    texts = [
        printable(
            f"{edit.path.rpartition('.')[2]} {_after(edit)}" if len(edits) > 1 else _after(edit)
        )
        for edit in edits
    ]
    candidate = ", ".join(texts) or recorded
    return inked(
        f" {cell(name, _NAME)} {cell(recorded, _COLUMN)} ",
        Span(f"{cell(candidate, _COLUMN + 4)} ", Ink.STRONG if edits else Ink.DIM),
        Span("◀" if edits else "", Ink.WARN),
    )


def _after(edit: Edit) -> str:
    """The new value; a duration with its unit, as the recorded one stands beside it."""
    is_seconds = edit.path.endswith("_s") and isinstance(edit.after, int | float)
    return duration(round(edit.after * 1e6)) if is_seconds else f"{edit.after}"


def _recorded(name: str, policy: PolicyRow | None) -> str:
    if policy is None:
        return "not recorded"
    backoff = f"{duration(policy.initial_backoff_us)} ×{policy.backoff_multiplier:g}"  # noqa: RUF001  # a multiplication sign
    told = {
        "max_attempts": str(policy.max_attempts),
        "backoff": f"{backoff} {policy.jitter}",
        "retry budget": policy.budget_name or "none",
        "breaker": (policy.circuit_kind or "on") if policy.circuit_enabled else "none",
        "hedge": f"after {duration(policy.hedge_delay_us)}" if policy.hedge_enabled else "none",
        "attempt timeout": duration(policy.timeout_per_attempt_us),
    }
    return printable(told.get(name, ""))


def _candidate(row: Row) -> str:
    if row.kind is Kind.BOUND:
        return f"≤ {value(row.high, row.unit)}"
    shown = _mark(row) + value(row.candidate, row.unit)
    if row.kind is Kind.MODEL and row.low is not None and row.high is not None:
        return f"{shown} [{value(row.low, row.unit)} {value(row.high, row.unit)}]"
    return shown


def _short(row: Row) -> str:
    return value(row.high if row.kind is Kind.BOUND else row.candidate, row.unit)


def _mark(row: Row) -> str:
    return {Kind.BOUND: "≤", Kind.MODEL: "~", Kind.REPLAY: "≈"}.get(row.kind, "")


def _change(row: Row) -> str:
    after = row.high if row.kind is Kind.BOUND else row.candidate
    if after is None or not row.recorded:
        return ""
    sign = "≤" if row.kind is Kind.BOUND else ""
    return f"{sign}{100 * (after / row.recorded - 1):+.1f}%"
