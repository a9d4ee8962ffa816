"""How differences between two scopes are written: the same for `compare` and `why`."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from recourse_observe.text import percent, printable, sparkline, table

if TYPE_CHECKING:
    from recourse_observe.queries.account import Account
    from recourse_observe.queries.contrast import Contrast
    from recourse_observe.queries.reading import Reading

__all__ = [
    "COLUMNS",
    "account_lines",
    "as_document",
    "as_row",
    "evidence_lines",
]

COLUMNS: Final = ("dimension", "value", "share_a", "share_b", "difference", "share_others", "note")
_MUCH: Final = 0.1
_LINE: Final = 100
Heads = tuple[str, str]


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


def as_document(told: "Account", limit: int) -> dict[str, Any]:
    """The whole comparison for programs."""
    found, policy = told.found, told.found.policy
    a, b = (one.spread for one in told.sides)
    return {
        "a": _scope(told, 0),
        "b": _scope(told, 1),
        "contrasts": [
            dict(zip(COLUMNS, as_row(one), strict=True)) for one in found.contrasts[:limit]
        ],
        "of_contrasts": len(found.contrasts),
        "folded": [one.to_json() for one in told.folds],
        "policy": [
            {"field": one.name, "a": one.a, "b": one.b}
            for one in (() if policy is None else policy.changes)
        ],
        "policy_versions": None
        if policy is None
        else dict(zip(("a", "b"), policy.versions, strict=True)),
        "distributions": {
            name: None if one is None else one.to_json() for name, one in (("a", a), ("b", b))
        },
        "reading": told.reading().to_json(),
    }


def _scope(told: "Account", side: int) -> dict[str, Any]:
    from recourse_observe.queries.measured import MEASURES

    scope = (told.found.a, told.found.b)[side]
    return {
        "start_ns": scope.start_unix_us * 1_000,
        "end_ns": scope.end_unix_us * 1_000,
        "key": scope.key,
        "where": scope.where,
        "measures": {one.name: one.value(told.sides[side]) for one in MEASURES},
    }


def account_lines(
    told: "Account", contrasts: "Sequence[Contrast]", limit: int, heads: Heads
) -> Iterator[str]:
    """Measures, how calls spread, what differs, the policies and what all of it says.

    Args:
        told: The comparison.
        contrasts: Its values, in the order of the list.
        limit: How many of them at most.
        heads: What the sides are called.
    """
    yield from _measure_lines(told, heads)
    yield ""
    yield from _spread_lines(told, heads)
    yield ""
    if not told.found.is_whole:
        yield "One side has no call, so there is nothing to compare."
        return
    yield from _contrast_lines(told, contrasts, limit, heads)
    yield from _policy_lines(told, heads)
    yield ""
    yield "READING" if heads == ("A", "B") else f"READING  A is {heads[0]}, B is {heads[1]}"
    for sentence in told.reading().sentences:
        yield from wrap(
            printable(sentence.told), _LINE, initial_indent="  ", subsequent_indent="    "
        )


def evidence_lines(reading: "Reading") -> Iterator[str]:
    """The queries behind a reading, each with its name."""
    for one in reading.evidence:
        yield f"-- {one.name}: {one.about}"
        yield f"{one.sql};"


def _measure_lines(told: "Account", heads: Heads) -> Iterator[str]:
    """Both sides' measures, one below the other."""
    from recourse_observe.queries.measured import MEASURES, change

    rows = [
        (one.name, *(one.told(side) for side in told.sides), change(one, *told.sides))
        for one in MEASURES
    ]
    yield from table(("MEASURE", *heads, "Δ"), rows, right="lrrr")


def _spread_lines(told: "Account", heads: Heads) -> Iterator[str]:
    """How the calls of both sides spread; all bars stand for the same durations."""
    from recourse_observe.queries.spread import axis_of

    pair = [one.spread for one in told.sides if one.spread is not None]
    axis = axis_of(*pair)
    rows = [
        ("attempts of a call", *(one.attempts_told() for one in pair)),
        ("longest attempt", *(sparkline(axis.shares(one.by_attempt)) for one in pair)),
        ("call", *(sparkline(axis.shares(one.by_call)) for one in pair)),
        ("", *(axis.told(axis.last - axis.first + 1) for _ in pair)),
    ]
    yield from table(("SPREAD", *heads), rows, right="lll")


def _contrast_lines(
    told: "Account", contrasts: "Sequence[Contrast]", limit: int, heads: Heads
) -> Iterator[str]:
    """Values of dimensions with their shares in A, in B, and in other keys during B; then what hardly differs."""
    from recourse_observe.queries.contrast import Contrast
    from recourse_observe.queries.folds import folded

    lines = folded(contrasts, told.folds)
    values = [one for one in lines if isinstance(one, Contrast)]
    rows = [
        (
            printable(f"{one.dimension}={'not recorded' if one.entry is None else one.entry}"),
            percent(one.share_a),
            percent(one.share_b),
            f"{100 * one.difference:+.1f}",
            percent(one.share_others),
            "in time" if one.is_in_time_only else "◂" if abs(one.difference) >= _MUCH else "",
        )
        for one in values[:limit]
    ]
    head = ("OF THE ATTEMPTS", *heads, "POINTS", "OTHER KEYS", "")
    yield from table(head, rows, right="lrrrrl")
    for one in lines:
        if not isinstance(one, Contrast):
            yield printable(f"{one.name}  {one.told}")
    much = sum(abs(one.difference) >= _MUCH for one in contrasts)
    hidden = len(contrasts) - len(values)
    rest = f", {hidden} folded" if hidden else ""
    yield f"{min(limit, len(values))} of {len(contrasts)} values{rest}; {much} differ by 10 points"


def _policy_lines(told: "Account", heads: Heads) -> Iterator[str]:
    """What the policies in use say differently."""
    policy = told.found.policy
    if policy is None or not policy.changes:
        return
    yield ""
    yield printable(f"POLICY  {heads[0]} {policy.versions[0]} → {heads[1]} {policy.versions[1]}")
    rows = [(one.label, *one.told) for one in policy.changes]
    for label, a, b in rows:
        yield printable(f"  {label:<18}{a} → {b}")
