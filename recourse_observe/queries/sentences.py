"""The sentences of a reading: each a rule over what was compared, with the queries that it rests on.

A sentence says what was counted on either side and no more. What the archive cannot show is said, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from recourse_observe.queries.contrast import NOTABLE, Contrast
from recourse_observe.queries.placement import Placement, Verdict
from recourse_observe.text import count, duration, percent, plural, times

if TYPE_CHECKING:
    from recourse_observe.queries.compare import Comparison
    from recourse_observe.queries.measured import Measured
    from recourse_observe.queries.policies import FieldChange
    from recourse_observe.queries.rows import KeyRow

__all__ = [
    "Said",
    "Source",
    "guards",
    "load",
    "losses",
    "placement",
    "policy",
    "reasons",
    "slowness",
]

Names = tuple[str, str]

_LOST_APART: Final = 0.005
_LOAD_APART: Final = 0.1
_CALLS_APART: Final = 0.5
_SLOW_FROM: Final = 1.5
_FIELDS_TOLD: Final = 4


class Source(NamedTuple):
    """A query, and whose part of the archive it asks."""

    question: str
    is_b: bool = True


_KEYS: Final = (Source("keys", is_b=False), Source("keys"))
_DIMENSIONS: Final = (Source("dimensions", is_b=False), Source("dimensions"))
_POLICIES: Final = (Source("policies", is_b=False), Source("policies"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A sentence, the queries it rests on, and its numbers."""

    text: str
    sources: tuple[Source, ...]
    values: Mapping[str, Any] = field(default_factory=dict)


def losses(found: "Comparison", names: Names) -> Said:
    """How many calls either side lost."""
    a, b = _rows(found)
    lost_a, lost_b = (f"{count(row.lost)} of {plural(row.calls, 'call')} ({percent(row.lost_share)})" for row in (a, b))  # fmt: skip
    if not a.lost and not b.lost:
        text = f"Neither side lost a call: {count(a.calls)} in {names[0]}, {count(b.calls)} in {names[1]}."
    elif abs(b.lost_share - a.lost_share) < _LOST_APART:
        text = f"Both lost about the same share of their calls: {names[1]} {lost_b}, {names[0]} {lost_a}."
    else:
        text = f"{names[1]} lost {lost_b}, {names[0]} {lost_a}."
    values = {"a_calls": a.calls, "a_lost": a.lost, "b_calls": b.calls, "b_lost": b.lost}
    return Said(text=text, sources=_KEYS, values=values)


def reasons(found: "Comparison", names: Names) -> Iterator[Said]:
    """Of what attempts failed more often in B, or less."""
    known = [one for one in found.contrasts if one.dimension == "reason" and one.entry != "success"]
    gained = max(known, key=lambda one: one.difference, default=None)
    fell = min(known, key=lambda one: one.difference, default=None)
    for one in (gained, fell):
        if one is not None and abs(one.difference) >= NOTABLE:
            yield _reason(one, names)
            return
    if known:
        most = max(abs(one.difference) for one in known)
        text = f"No reason of failure differs by ten points (at most {100 * most:.1f})."
        yield Said(text=text, sources=_DIMENSIONS, values={"most": most})


def _reason(one: Contrast, names: Names) -> Said:
    entry = "no recorded reason" if one.entry is None else one.entry
    text = (
        f"{entry} ended {percent(one.share_b)} of the attempts of {names[1]}, "
        f"{percent(one.share_a)} of those of {names[0]}"
    )
    sources: tuple[Source, ...] = _DIMENSIONS
    values = {"entry": one.entry, "share_a": one.share_a, "share_b": one.share_b}
    if one.share_others is not None:
        told = percent(one.share_others)
        alike = abs(one.share_b - one.share_others) < NOTABLE
        text += (
            f"; other keys meanwhile had {told}, too: it is not this key alone"
            if alike
            else f"; other keys meanwhile had {told}"
        )
        sources = (*sources, Source("everything"))
        values["share_others"] = one.share_others
    return Said(text=f"{text}.", sources=sources, values=values)


def policy(found: "Comparison", names: Names) -> Iterator[Said]:
    """What the policies that were followed say differently."""
    diff = found.policy
    if diff is None:
        return
    if not diff.is_known:
        yield Said(text="Which policy was followed is not recorded.", sources=_POLICIES)
    elif any(diff.unresolved):
        where = " and ".join(n for n, is_so in zip(names, diff.unresolved, strict=True) if is_so)
        yield Said(text=f"In {where} no policy could be resolved.", sources=_POLICIES)
    elif diff.is_same:
        told = " and ".join(dict.fromkeys(diff.versions))
        text = f"Most calls of both followed the same policy ({told}): it is not what differs."
        yield Said(text=text, sources=_POLICIES)
    else:
        yield _changed(diff.changes, names)


def _changed(changes: "Sequence[FieldChange]", names: Names) -> Said:
    fields = [
        f"{one.label} {one.told[0]} in {names[0]}, {one.told[1]} in {names[1]}" for one in changes
    ]
    more = len(fields) - _FIELDS_TOLD
    rest = f"; and {plural(more, 'more field')}" if more > 0 else ""
    text = f"They followed different policies: {'; '.join(fields[:_FIELDS_TOLD])}{rest}."
    return Said(text=text, sources=_POLICIES, values={one.name: [one.a, one.b] for one in changes})


def load(found: "Comparison", names: Names) -> Iterator[Said]:
    """Whether more was asked: by more calls, or by more attempts for each."""
    a, b = _rows(found)
    each = (a.attempts_per_call, b.attempts_per_call)
    pace_a, pace_b = _pace(found.a.span_us, a), _pace(found.b.span_us, b)
    values = {"a_attempts_per_call": each[0], "b_attempts_per_call": each[1]}
    parts = []
    if each[0] and abs(each[1] / each[0] - 1) >= _LOAD_APART:
        more = "more" if each[1] > each[0] else "fewer"
        parts.append(
            f"each call made {more} attempts in {names[1]}, {times(each[1])}, than in {names[0]}, {times(each[0])}"
        )
    if found.policy is not None and pace_a and pace_b:
        values |= {"a_calls_per_s": pace_a, "b_calls_per_s": pace_b}
        ratio = pace_b / pace_a
        has_moved = not 1 / (1 + _CALLS_APART) < ratio < 1 + _CALLS_APART
        verb = (
            ("came more often" if ratio > 1 else "came less often")
            if has_moved
            else "came as often"
        )
        parts.append(f"calls {verb}: {pace_b:,.1f} a second, in {names[0]} {pace_a:,.1f}")
    if parts:
        text = "; ".join(parts)
        yield Said(text=f"{text[0].upper()}{text[1:]}.", sources=_KEYS, values=values)


def guards(found: "Comparison", names: Names) -> Iterator[Said]:
    """What budgets and breakers refused."""
    a, b = _rows(found)
    for what, was, now in (
        ("Budgets denied {} in {}, {} in {}.", a.denied, b.denied),
        ("Breakers refused {} in {}, {} in {}.", a.rejected, b.rejected),
    ):
        if was != now:
            noun = plural(now, "attempt") if "denied" in what else plural(now, "call")
            text = what.format(noun, names[1], count(was), names[0])
            yield Said(text=text, sources=_KEYS, values={"a": was, "b": now})


def slowness(sides: "tuple[Measured, Measured]", names: Names) -> Iterator[Said]:
    """Whether the slowest attempts took longer."""
    a, b = (None if one.row is None else one.row.p99_us for one in sides)
    if a and b and not 1 / _SLOW_FROM < b / a < _SLOW_FROM:
        text = f"Of a hundred calls the slowest had an attempt of {duration(b)} in {names[1]}, {duration(a)} in {names[0]}."  # fmt: skip
        yield Said(text=text, sources=_KEYS, values={"a_p99_us": a, "b_p99_us": b})


def placement(places: Mapping[str, Placement], name: str) -> Iterator[Said]:
    """Whether it is a matter of where calls go, or come from."""
    sources = (Source("placement"),)
    by_verdict: dict[Verdict, list[Placement]] = {}
    for one in places.values():
        by_verdict.setdefault(one.verdict, []).append(one)
    for one in by_verdict.get(Verdict.UNEVEN, ()):
        worst, best = one.places[0], one.places[-1]
        text = (
            f"It is a matter of the {one.dimension}: in {name} {worst.entry} fails "
            f"{percent(worst.failing)} of its attempts, {best.entry} {percent(best.failing)}."
        )
        yield Said(
            text=text, sources=sources, values={"worst": worst.failing, "best": best.failing}
        )
    if even := by_verdict.get(Verdict.EVEN):
        apart = max(one.apart for one in even)
        told = " and ".join(sorted(one.dimension for one in even))
        text = f"In {name} attempts fail alike by {told} (at most {100 * apart:.1f} points apart): none stands out."
        yield Said(text=text, sources=sources, values={"apart": apart})
    if unnamed := [one for one in by_verdict.get(Verdict.UNNAMED, ()) if one.named or one.places]:
        told = " and ".join(sorted(one.dimension for one in unnamed))
        text = f"Most failed attempts of {name} have no {told} recorded, which so cannot be judged."
        yield Said(text=text, sources=sources)


def _rows(found: "Comparison") -> "tuple[KeyRow, KeyRow]":
    a, b = found.measures_a, found.measures_b
    if a is None or b is None:
        message = "a comparison of which one side has no call has no sentences"
        raise ValueError(message)
    return a, b


def _pace(span_us: int, row: "KeyRow") -> float:
    """Calls in a second."""
    return row.calls * 1e6 / span_us if span_us > 0 else 0.0
