"""What a scope is compared with: what its key did before, yesterday, what others did, or its own good calls."""

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from recourse_observe.queries.compare import Comparison, Side, compared, just_before
from recourse_observe.queries.exactly import exactly
from recourse_observe.scope import ScopeError, parse_instant

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["BASELINES", "MEANWHILE", "Sides", "against", "must_be_baseline", "sides"]

BASELINES: Final = ("before", "yesterday", "others", "successes")
"""By name, in the order in which one looks at them."""
_DAY_US: Final = 86_400_000_000
MEANWHILE: Final = {"others", "successes"}
"""Baselines of the same time: nothing in them can have changed "in time"."""
_STATES: Final = {"lost", "-lost", "unfinished", "-unfinished"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """A, the baseline, and B, what is looked at."""

    a: "Scope"
    b: "Scope"


def sides(archive: "Archive", scope: "Scope") -> Sides:
    """Both sides of a scope whose ends are known, by its baseline; without one, by what was just before.

    Args:
        archive: What is looked at.
        scope: Its key is that of B; ``others`` are all but it.

    Raises:
        ScopeError: There is no such baseline.
    """
    match scope.baseline or "before":
        case "before":
            return Sides(a=just_before(archive, scope), b=scope)
        case "yesterday":
            start, end = scope.start_unix_us - _DAY_US, scope.end_unix_us - _DAY_US
            return Sides(a=scope.during(start, end), b=scope)
        case "others":
            others = _with(scope, f"-key:{exactly(scope.key)}") if scope.key else scope
            return Sides(a=others.of(None), b=scope)
        case "successes":
            alike = _without_states(scope)
            good = _with(_with(alike, "-lost"), "-unfinished")
            return Sides(a=good, b=_with(alike, "lost"))
        case window:
            return Sides(a=_window(archive, scope, window), b=scope)


def against(archive: "Archive", scope: "Scope") -> Comparison:
    """A scope against its baseline; see :func:`sides`."""
    both = sides(archive, archive.within(scope))
    a, b = (Side(archive=archive, scope=one) for one in (both.a, both.b))
    is_meanwhile = scope.baseline in MEANWHILE
    found = compared(a, b, with_policies=not is_meanwhile)
    if not is_meanwhile:
        return found
    alone = tuple(replace(one, share_others=None) for one in found.contrasts)
    return replace(found, contrasts=alone)


def must_be_baseline(text: str) -> None:
    """Refuse a text that is neither a baseline's name nor like two moments.

    Raises:
        ScopeError: It is none.
    """
    if text not in BASELINES and ".." not in text:
        raise ScopeError(text, "baseline", f"{', '.join(BASELINES)}, or two moments, T1..T2")


def _window(archive: "Archive", scope: "Scope", text: str) -> "Scope":
    must_be_baseline(text)
    start, _, end = text.partition("..")
    first = archive.coverage().first_unix_us
    return scope.during(
        parse_instant(start, day_unix_us=first), parse_instant(end, day_unix_us=first)
    )


def _with(scope: "Scope", term: str) -> "Scope":
    return scope.matching(f"{scope.where} {shlex.quote(term)}".strip())


def _without_states(scope: "Scope") -> "Scope":
    """Whoever looks at lost calls only would find no good ones to compare them with."""
    terms = (term for term in shlex.split(scope.where) if term not in _STATES)
    return scope.matching(shlex.join(terms))
