"""How differences between two scopes are written: the same for `compare` and `why`."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from recourse_observe.text import count, duration, percent, printable, sparkline, table, times

if TYPE_CHECKING:
    from recourse_observe.queries.compare import Comparison
    from recourse_observe.queries.contrast import Contrast
    from recourse_observe.queries.rows import KeyRow
    from recourse_observe.queries.spread import Spread

__all__ = [
    "COLUMNS",
    "as_document",
    "as_row",
    "contrast_lines",
    "measure_lines",
    "policy_lines",
    "spread_lines",
]

COLUMNS: Final = ("dimension", "value", "share_a", "share_b", "difference", "share_others", "note")
_MUCH: Final = 0.1
_MEASURES: Final[Sequence[tuple[str, Callable[[Any], float | None], Callable[[Any], str]]]] = (
    ("calls", lambda row: row.calls, count),
    ("calls lost", lambda row: row.lost, count),
    ("of its calls", lambda row: row.lost_share, percent),
    ("attempts/call", lambda row: row.attempts_per_call, times),
    ("rescued", lambda row: row.rescued, count),
    ("denied by budget", lambda row: row.denied, count),
    ("refused by breaker", lambda row: row.rejected, count),
    ("attempt p50", lambda row: row.p50_us, duration),
    ("attempt p99", lambda row: row.p99_us, duration),
    ("call p99", lambda row: row.call_p99_us, duration),
)


def as_row(one: "Contrast") -> tuple[Any, ...]:
    """A contrast as values for programs."""
    others = None if one.share_others is None else round(one.share_others, 6)
    return (
        one.dimension,
        one.entry,
        round(one.share_a, 6),
        round(one.share_b, 6),
        round(one.difference, 6),
        others,
        "in time" if one.is_in_time_only else "",
    )


def as_document(found: "Comparison", limit: int) -> dict[str, Any]:
    """The whole comparison for programs."""
    return {
        "a": _scope(found, "a"),
        "b": _scope(found, "b"),
        "contrasts": [
            dict(zip(COLUMNS, as_row(one), strict=True)) for one in found.contrasts[:limit]
        ],
        "of_contrasts": len(found.contrasts),
        "policy": [{"field": one.name, "a": one.a, "b": one.b} for one in found.policy],
    }


def _scope(found: "Comparison", side: str) -> dict[str, Any]:
    scope, row = getattr(found, side), getattr(found, f"measures_{side}")
    values = {name: None if row is None else value(row) for name, value, _ in _MEASURES}
    return {
        "start_ns": scope.start_unix_us * 1_000,
        "end_ns": scope.end_unix_us * 1_000,
        "key": scope.key,
        "where": scope.where,
        "measures": values,
    }


def measure_lines(a: "KeyRow | None", b: "KeyRow | None", heads: tuple[str, str]) -> Iterator[str]:
    """Both sides' measures, one below the other."""
    rows = []
    for name, value, words in _MEASURES:
        pair = [None if row is None else value(row) for row in (a, b)]
        told = ["—" if one is None else words(one) for one in pair]
        rows.append((name, *told, _change(*pair)))
    yield from table(("MEASURE", *heads, "CHANGE"), rows, right="lrrr")


def spread_lines(a: "Spread", b: "Spread") -> Iterator[str]:
    """How the calls of both sides spread; all bars stand for the same durations."""
    from recourse_observe.queries.spread import axis_of

    axis = axis_of(a, b)
    rows = [
        ("first attempt fails", *(percent(one.failed_first_share) for one in (a, b))),
        ("attempts of a call", *(one.attempts_told() for one in (a, b))),
        ("longest attempt", *(sparkline(axis.shares(one.by_attempt)) for one in (a, b))),
        ("call", *(sparkline(axis.shares(one.by_call)) for one in (a, b))),
        ("", *(axis.told(axis.last - axis.first + 1) for _ in (a, b))),
    ]
    yield from table(("SPREAD", "A", "B"), rows, right="lll")


def contrast_lines(found: Sequence["Contrast"], heads: tuple[str, str]) -> Iterator[str]:
    """Values of dimensions with their shares in A, in B, and in other keys during B."""
    rows = [
        (
            printable(f"{one.dimension}={'not recorded' if one.entry is None else one.entry}"),
            percent(one.share_a),
            percent(one.share_b),
            f"{100 * one.difference:+.1f}",
            percent(one.share_others),
            "in time" if one.is_in_time_only else "◂" if abs(one.difference) >= _MUCH else "",
        )
        for one in found
    ]
    head = ("OF THE ATTEMPTS", *heads, "POINTS", "OTHER KEYS", "")
    yield from table(head, rows, right="lrrrrl")


def policy_lines(found: "Comparison") -> Iterator[str]:
    """What the policies in use say differently."""
    for one in found.policy:
        yield printable(f"  {one.name}  {_told(one.a)} → {_told(one.b)}")


def _told(value: object) -> str:
    return "—" if value is None else str(value)


def _change(a: float | None, b: float | None) -> str:
    if a is None or b is None or a == b:
        return ""
    return f"{100 * (b / a - 1):+,.0f}%" if a else "new"
