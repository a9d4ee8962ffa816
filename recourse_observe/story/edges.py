"""How the calls of a bad time are told from those of a good one, to place its edges exactly. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from recourse_observe.story.cusum import raised
from recourse_observe.story.incidents import Group

__all__ = ["Edge", "Signal", "signal_of"]

_AROUND_US: Final = 60_000_000
_STAGED_US: Final = 120_000_000
_RARER: Final = 0.04
_NOTABLE: Final = 0.01
_MOST: Final = 0.6
_ENOUGH: Final = 50
_LEAST: Final = 5e-4


class Edge(NamedTuple):
    """A call near an edge.

    Attributes:
        mark: How it ended, when it was lost or an attempt of it failed; else nothing.
    """

    member_us: int
    lost: bool
    hurt: bool
    slow: bool
    hedged: bool
    mark: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What tells a bad call.

    Attributes:
        channels: Those of the spell.
        fresh: Marks that hardly any call had before: where there are such, only they count.
        usual: The share of bad calls in good times.
        raised: The share that is looked for.
        reach_us: How far before the spell the first bad call may lie.
    """

    channels: frozenset[str]
    fresh: frozenset[str]
    usual: float
    raised: float
    reach_us: int

    def is_bad(self, call: Edge) -> bool:
        """Whether a call is of the bad time."""
        if self.fresh:
            return call.mark in self.fresh
        return _is_bad(call, self.channels)


def signal_of(one: Group, calls: Sequence[Edge]) -> Signal:
    """What tells the bad calls of an incident, from the calls around its beginning."""
    before = _before(one, calls)
    plain = _plain(one, before)
    during = [call for call in calls if call.member_us >= one.start_us]
    if not during or _known(before) < _ENOUGH:
        return plain
    fresh, rare, share = _fresh(before, during)
    bad = sum(_is_bad(call, plain.channels) for call in during)
    marked = sum(call.mark in fresh for call in during)
    if not fresh or marked < _MOST * bad:
        return plain
    usual = max(_LEAST, rare)
    return Signal(
        channels=plain.channels,
        fresh=fresh,
        usual=usual,
        raised=max(4 * usual, min(0.6, 0.35 * share)),
        reach_us=_STAGED_US,
    )


def _plain(one: Group, before: Sequence[Edge]) -> Signal:
    """What tells them by how they went, whatever their marks."""
    channels = frozenset(part for spell in one.culprits for part in spell.channel.split("+"))
    louder = max(one.culprits, key=lambda spell: spell.bad)
    usual = max(spell.usual for spell in one.culprits)
    known = _known(before)
    if known >= _ENOUGH:
        usual = max(usual, sum(_is_bad(call, channels) for call in before) / known)
    usual = min(0.9, usual)
    return Signal(
        channels=channels,
        fresh=frozenset(),
        usual=usual,
        raised=max(raised(usual), min(0.6, 0.35 * louder.share)),
        reach_us=_AROUND_US,
    )


def _known(calls: Sequence[Edge]) -> int:
    """How many calls these stand for."""
    return sum(call.weight for call in calls)


def _before(one: Group, calls: Sequence[Edge]) -> list[Edge]:
    """Calls that are certainly of a good time: two minutes before, or the older half of less."""
    first = min((call.member_us for call in calls), default=one.start_us)
    until = max(one.start_us - _STAGED_US, (first + one.start_us) // 2)
    return [call for call in calls if call.member_us < until]


def _fresh(before: Sequence[Edge], during: Sequence[Edge]) -> tuple[frozenset[str], float, float]:
    """Marks of the bad time alone, and the share of calls that had them before and during it."""
    counts_before, counts = (
        Counter(call.mark for call in calls if call.mark) for calls in (before, during)
    )
    calls_before, calls = (_known(some) for some in (before, during))
    fresh = {
        mark: count / calls
        for mark, count in counts.items()
        if count / calls >= _NOTABLE
        and (counts_before[mark] + 0.25) / calls_before <= _RARER * count / calls
    }
    seen = sum(counts_before[mark] for mark in fresh)
    return frozenset(fresh), seen / calls_before, sum(fresh.values())


def _is_bad(call: Edge, channels: frozenset[str]) -> bool:
    said = {"hurt": call.hurt, "slow": call.slow, "hedged": call.hedged}
    return call.lost or any(said[name] for name in channels & said.keys())
