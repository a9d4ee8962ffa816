"""Fittings by what they blame: those that agree on the past, and would not agree on another policy."""

from collections.abc import Iterable, Sequence
from math import log2
from typing import Final, NamedTuple

from recourse_observe.whatif.dependency import Dependency
from recourse_observe.whatif.guess import Guess
from recourse_observe.whatif.runs import Outcome

__all__ = ["Fitting", "Kind", "chosen", "kind_of", "leaders", "unlike"]

_SHORT: Final = 0.5
_CLOSE: Final = (1.35, 0.01)
_CLOSE_OF_ANOTHER_KIND: Final = (1.7, 0.03)


class Fitting(NamedTuple):
    """A dependency that may be the real one, what its run came to, and how far that is from the record."""

    dependency: Dependency
    distance: float
    guess: Guess
    outcome: Outcome


class Kind(NamedTuple):
    """What a fitting blames.

    Attributes:
        trouble: ``slow``, ``lost`` (workers) or ``none``.
        short: The trouble lasted a part of the incident only, and retries did the rest.
        divided: Requests are divided among instances.
        shared: Requests are worked on at once, and slow each other down.
        steep: How often the trouble doubles what it hits.
    """

    trouble: str
    short: bool
    divided: bool
    shared: bool
    steep: int


def kind_of(guess: Guess, edges: tuple[float, float]) -> Kind:
    """What a guess blames for trouble between these moments."""
    trouble = "slow" if guess.slowdown >= 1.0 / guess.working else "lost"
    if guess.slowdown <= 1.0 and guess.working >= 1.0:
        trouble = "none"
    short = guess.to_s - guess.from_s < _SHORT * (edges[1] - edges[0])
    steep = round(log2(guess.slowdown / guess.working))
    return Kind(trouble, trouble == "none" or short, guess.instances > 1, guess.shares, steep)


def unlike(fittings: Iterable[Fitting]) -> list[Fitting]:
    """Without twins: dependencies that take as much and are in trouble as long are alike."""
    found: dict[tuple[object, ...], Fitting] = {}
    for one in fittings:
        guess = one.guess
        alike = (
            guess.capacity_per_s,
            guess.queue_s,
            guess.to_s,
            guess.instances,
            guess.shares,
        )
        found.setdefault(alike, one)
    return list(found.values())


def leaders(fittings: Sequence[Fitting], edges: tuple[float, float]) -> list[Fitting]:
    """The best of each kind, the best first."""
    found: dict[Kind, Fitting] = {}
    for one in sorted(fittings, key=lambda one: one.distance):
        found.setdefault(kind_of(one.guess, edges), one)
    return list(found.values())


def chosen(fittings: Sequence[Fitting], edges: tuple[float, float], most: int) -> list[Fitting]:
    """Those that explain the record about as well as the best does, the best first.

    The best of each kind comes before others of the same. It may be somewhat worse than the best of
    all: no search finds the best of every kind.
    """
    best = fittings[0].distance
    close, close_of_kind = _limit(best, _CLOSE), _limit(best, _CLOSE_OF_ANOTHER_KIND)
    first = [one for one in leaders(fittings, edges) if one.distance <= close_of_kind]
    others = [one for one in fittings if one.distance <= close]
    both = unlike([*first, *others])[:most]
    kept = both if len(both) > 1 else unlike(fittings)[:2]
    return sorted(kept, key=lambda one: one.distance)


def _limit(best: float, close: tuple[float, float]) -> float:
    relative, absolute = close
    return relative * best + absolute
