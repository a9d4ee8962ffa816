"""How one key over time is written: its buckets, then a row of bars for whatever else is known of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from recourse_observe.text import (
    clock,
    count,
    duration,
    percent,
    plural,
    printable,
    sparkline,
    table,
    times,
)

if TYPE_CHECKING:
    from recourse_observe.queries.over_time import OverTime

__all__ = ["key_lines"]

_HEAD: Final = (
    "TIME", "CALLS", "LOST", "FAIL", "AMP", "HEDGES", "DENIED", "REFUSED", "P50", "P99",
)  # fmt: skip
_RANGES: Final = 12
_CHANGES: Final = 40


def key_lines(known: "OverTime") -> Iterator[str]:
    """Everything, as tables; bars stand for the buckets of the first."""
    yield from _buckets(known)
    yield from _reasons(known)
    yield from _latencies(known)
    yield from _budgets(known)
    yield from _changes(known)


def _buckets(known: "OverTime") -> Iterator[str]:
    rows = [
        (
            clock(row.start_unix_us),
            count(row.calls),
            count(row.lost),
            percent(row.lost / row.calls),
            times(row.attempts / row.calls),
            count(row.hedges),
            count(row.denied),
            count(row.rejected),
            duration(row.p50_us),
            duration(row.p99_us),
        )
        for row in known.buckets
    ]
    yield from table(_HEAD, rows, right="lrrrrrrrrr")


def _reasons(known: "OverTime") -> Iterator[str]:
    rows = [
        (printable(name), count(sum(values)), sparkline(values))
        for name, values in known.failures.items()
    ]
    if rows:
        yield ""
        yield from table(("FAILED ATTEMPTS", "ATTEMPTS", "OVER TIME"), rows, right="lr")


def _latencies(known: "OverTime") -> Iterator[str]:
    from recourse_observe.queries.over_time import heat

    strips = heat(known.latencies, known.count, _RANGES)
    rows = [(f">= {duration(us)}", count(sum(values)), sparkline(values)) for us, values in strips]
    if rows:
        yield ""
        yield from table(("ATTEMPTS TOOK", "ATTEMPTS", "OVER TIME"), rows, right="lr")


def _budgets(known: "OverTime") -> Iterator[str]:
    rows = []
    for name, found in known.budgets.items():
        asked = [row for row in found if row is not None]
        levels = [row.lowest_level for row in asked if row.lowest_level is not None]
        rows.append(
            (
                printable(name),
                count(sum(row.allowed for row in asked)),
                count(sum(row.denied for row in asked)),
                f"{min(levels):,.0f}" if levels else "—",
                sparkline([None if row is None else row.lowest_level for row in found]),
            )
        )
    if rows:
        yield ""
        yield from table(
            ("BUDGET", "ALLOWED", "DENIED", "LOWEST", "LEVEL OVER TIME"), rows, right="lrrr"
        )


def _changes(known: "OverTime") -> Iterator[str]:
    changes = known.changes
    yield ""
    if not changes:
        yield "No policy and no breaker changed in this scope."
        return
    rows = [
        (clock(at, decimals=3), printable(what), printable(who))
        for at, what, who in changes[:_CHANGES]
    ]
    yield from table(("CHANGES", "WHAT", "PROCESS"), rows)
    if (more := len(changes) - _CHANGES) > 0:
        yield f"and {plural(more, 'more change')}; --json has all"
