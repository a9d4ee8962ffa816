"""What is known of a key at the cursor, and of its brush beside what was before."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from recourse_observe.queries.measured import MEASURES, Measured
from recourse_observe.text import clock, count, duration, percent, plural, printable, times
from recourse_tui.lines import Ink, Line, Span, cell, inked

if TYPE_CHECKING:
    from recourse_observe.queries.over_time import Moment, OverTime
    from recourse_observe.queries.rows import LevelRow, PolicyRow, ReasonRow

__all__ = ["SIDE_CELLS", "change_lines", "moment_lines", "side_lines"]

SIDE_CELLS: Final = 42
"""Cells of the column at the right, with its border."""
_TITLE: Final = 9
_NAME: Final = 19
_NUMBER: Final = 10
_REASONS: Final = 6
_CHANGES: Final = 100
_SECOND_US: Final = 1_000_000


def moment_lines(
    moment: "Moment", took: Sequence[tuple[int, int]], bucket_us: int, width: int
) -> list[Line]:
    """Everything of one bucket, as many lines as it needs.

    Args:
        moment: The bucket.
        took: Least microseconds of a range, and how many attempts took so long.
        bucket_us: How long it is.
        width: Of a line.
    """
    decimals = 1 if bucket_us >= _SECOND_US else 3
    shown = {
        "AT": [clock(moment.start_unix_us, decimals=decimals), *_calls(moment)],
        "REASONS": [f"{name} {count(n)}" for name, n in moment.reasons.items()] or ["none failed"],
        "TOOK": [f"≥ {duration(us)} {count(n)}" for us, n in took if n] or ["no attempt"],
        "GUARD": [*_budgets(moment.budgets), _breaker(moment.breakers), _policy(moment.policies)],
    }
    return [line for title, parts in shown.items() for line in _section(title, parts, width)]


def side_lines(
    sides: tuple[Measured, Measured], reasons: "Sequence[ReasonRow]", policy: "PolicyRow | None"
) -> list[Line]:
    """The brush beside what was before it, why its attempts ended, and the policy at its end."""
    head = f"{'':<{_NAME}}{'BEFORE':>{_NUMBER}}{'BRUSH':>{_NUMBER}}"
    lines = [inked(" ", Span(head, Ink.HEAD))]
    for one in MEASURES:
        if one.of_row is not None:
            a, b = (one.told(side) for side in sides)
            lines.append(inked(" ", Span(f"{one.name:<{_NAME}}", Ink.DIM), f"{a:>{_NUMBER}}{b:>{_NUMBER}}"))  # fmt: skip
    lines += [inked(), inked(" ", Span("ATTEMPTS OF THE BRUSH ENDED", Ink.HEAD))]
    lines += _endings(reasons)
    if policy is not None:
        lines += [
            inked(),
            inked(" ", Span("POLICY", Ink.HEAD), f"  {policy.policy_version or '—'}"),
        ]
        lines += [
            inked(" ", Span(f"{cell(name, 13)} ", Ink.DIM), text) for name, text in _fields(policy)
        ]
    return lines


def change_lines(known: "OverTime") -> list[Line]:
    """What changed in the stretch that is seen: policies and breakers, oldest first."""
    seen = known.changes
    lines = [
        inked(" ", Span(f"{clock(at)} ", Ink.DIM), f"{what}  {who}")
        for at, what, who in seen[:_CHANGES]
    ]
    if len(seen) > _CHANGES:
        lines.append(inked(f" and {plural(len(seen) - _CHANGES, 'more change')}"))
    head = [inked(), inked(" ", Span(f"CHANGES {len(seen)}", Ink.HEAD))]
    return [*head, *(lines or [inked(Span(" none in this stretch", Ink.DIM))])]


def _calls(moment: "Moment") -> Iterator[str]:
    row = moment.calls
    if row is None:
        yield "no call"
        return
    yield f"calls {count(row.calls)}"
    yield f"lost {count(row.lost)} ({percent(row.lost / row.calls)})"
    yield f"AMP {times(row.attempts / row.calls)}"
    yield f"p99 {duration(row.p99_us)}"
    for name, number in (("hedges", row.hedges), ("denied", row.denied), ("refused", row.rejected)):
        if number:
            yield f"{name} {count(number)}"


def _budgets(budgets: "Mapping[str, LevelRow | None]") -> Iterator[str]:
    for name, row in budgets.items():
        if row is None:
            yield f"budget {name} not asked"
            continue
        left = "" if row.lowest_level is None else f" {row.lowest_level:,.0f} left,"
        yield f"budget {name}{left} {count(row.denied)} denied"


def _breaker(states: Mapping[str, int]) -> str:
    return f"breaker {_shared(states)}" if states else "breaker no change"


def _policy(versions: Mapping[str, int]) -> str:
    return f"policy {_shared(versions)}" if versions else "policy not recorded"


def _shared(counts: Mapping[str, int]) -> str:
    """What holds, and in how many processes where they differ."""
    if len(counts) == 1:
        return next(iter(counts))
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} in {number}" for name, number in ordered)


def _section(title: str, parts: Sequence[str], width: int) -> list[Line]:
    rows = wrap(printable(" · ".join(parts)), max(20, width - _TITLE - 2))
    return [
        inked(" ", Span(cell("" if number else title, _TITLE), Ink.HEAD), row)
        for number, row in enumerate(rows)
    ]


def _endings(reasons: "Sequence[ReasonRow]") -> Iterator[Line]:
    whole = sum(row.attempts for row in reasons)
    for row in reasons[:_REASONS]:
        name = cell(row.reason, _NAME)
        told = f"{count(row.attempts):>{_NUMBER}}{percent(row.attempts / whole):>{_NUMBER}}"
        yield inked(" ", Span(name, Ink.DIM), told)
    if rest := reasons[_REASONS:]:
        left = sum(row.attempts for row in rest)
        name = cell(f"{plural(len(rest), 'other')}", _NAME)
        yield inked(" ", Span(name, Ink.DIM), f"{count(left):>{_NUMBER}}{percent(left / whole):>{_NUMBER}}")  # fmt: skip
    if not whole:
        yield inked(Span(" no attempt", Ink.DIM))


def _fields(policy: "PolicyRow") -> Iterator[tuple[str, str]]:
    backoff = (
        f"{duration(policy.initial_backoff_us)} ×{policy.backoff_multiplier:g} {policy.jitter}"  # noqa: RUF001  # a multiplication sign
    )
    yield "max_attempts", str(policy.max_attempts)
    yield "backoff", backoff
    yield "retry budget", policy.budget_name or "none"
    yield (
        "timeout",
        f"{duration(policy.timeout_per_attempt_us)}, deadline {duration(policy.overall_timeout_us)}",
    )
    yield "breaker", (policy.circuit_kind or "on") if policy.circuit_enabled else "none"
    yield "hedge", f"after {duration(policy.hedge_delay_us)}" if policy.hedge_enabled else "none"
