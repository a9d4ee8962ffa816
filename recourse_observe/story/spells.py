"""From the bins of a key to its spells: stretches in which it was worse than usual. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Final

from recourse_observe.story.baseline import usual_share
from recourse_observe.story.bins import Bin
from recourse_observe.story.cusum import Spell, raised, spells

__all__ = ["TOUCH_US", "KeySpell", "gap_us", "joined", "key_spells"]

_S_US: Final = 1_000_000
TOUCH_US: Final = 5 * _S_US
_JOIN_US: Final = 60 * _S_US
_BLIP_US: Final = 13 * _S_US  # a blip lasts up to 12 s
_REST_US: Final = 25 * _S_US
_START_US: Final = 20 * _S_US
_FAILING: Final = ("lost", "hurt", "stopped")
_WAITING: Final = ("slow", "hedged")
_MANY: Final = 4  # blips that come back so often are no blips
_FAINT: Final = 0.1  # of the strongest spell's evidence
_SURE: Final = 25.0  # nats
_LEAST_BAD: Final = 8.0
_LEAST_WAITING: Final = 15.0
_STOPPED: Final = 0.02
_LEAST_RISE: Final = 0.02
_LEAST_UNHARMED: Final = 0.06
_LEAST_SLOW: Final = 0.25
_LEAST_HEDGED: Final = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpell:
    """A stretch in which one key was worse than usual.

    Attributes:
        channel: ``lost`` calls, ``hurt`` (lost, or with failed attempts), ``slow``, ``hedged``; joined by ``+``.
        bad: Calls beyond the usual number.
        share: Of the calls in the spell, those that were bad.
        usual: The share in good times.
    """

    key: str
    channel: str
    start_us: int
    end_us: int
    calls: int
    bad: float
    share: float
    usual: float
    lost: int = 0

    @property
    def is_failing(self) -> bool:
        """Whether calls or attempts failed; otherwise they only took longer, or were hedged."""
        return bool({"lost", "hurt", "stopped"} & set(self.channel.split("+")))


def key_spells(bins: Sequence[Bin], bin_us: int) -> list[KeySpell]:
    """The spells of one key, from its bins in the order of time."""
    failing, waiting = (
        [spell for name in names for spell in _Channel(name, bins, bin_us).spells()]
        for names in (_FAILING, _WAITING)
    )
    merged = _merged(failing, _JOIN_US)
    for spell in _merged(waiting, _JOIN_US):
        # Slow calls that end before the failures begin are another matter.
        near = [one for one in merged if gap_us(one, spell) < TOUCH_US]
        merged = [one for one in merged if one not in near] + [reduce(joined, near, spell)]
    return sorted(merged, key=lambda s: (s.start_us, s.channel))


def gap_us(one: KeySpell, other: KeySpell) -> int:
    """The time between two spells; negative when they overlap."""
    return max(one.start_us, other.start_us) - min(one.end_us, other.end_us)


def joined(one: KeySpell, other: KeySpell) -> KeySpell:
    """Two spells of one key as one."""
    louder = max(one, other, key=lambda spell: spell.bad)
    channels = sorted(set(one.channel.split("+")) | set(other.channel.split("+")))
    return replace(
        louder,
        channel="+".join(channels),
        start_us=min(one.start_us, other.start_us),
        end_us=max(one.end_us, other.end_us),
        lost=max(one.lost, other.lost),
    )


def _merged(found: Sequence[KeySpell], within_us: int) -> list[KeySpell]:
    """Spells of one key with no more than a pause between them as one."""
    merged: list[KeySpell] = []
    for spell in sorted(found, key=lambda s: (s.start_us, s.channel)):
        if merged and spell.start_us - merged[-1].end_us < within_us:
            merged[-1] = joined(merged[-1], spell)
        else:
            merged.append(spell)
    return merged


@dataclass(frozen=True)
class _Channel:
    """One way in which the calls of a key may be bad.

    Attributes:
        name: The field of :class:`Bin` that counts those that were.
    """

    name: str
    bins: Sequence[Bin]
    bin_us: int

    @cached_property
    def counts(self) -> Sequence[tuple[int, int]]:
        """Calls and bad ones of each bin."""
        return [(one.calls, getattr(one, self.name)) for one in self.bins]

    @cached_property
    def usual(self) -> float:
        """The share of bad calls in good times."""
        return usual_share(self.counts, self.weight)

    @cached_property
    def weight(self) -> int:
        """How many calls one row stands for at most."""
        return max((one.heaviest for one in self.bins), default=1)

    def spells(self) -> list[KeySpell]:
        """Its spells, the earliest first."""
        # What guards stop is counted exactly and is rare: a small part of the calls is enough.
        worse = self.usual + _STOPPED if self.name == "stopped" else raised(self.usual)
        chains: list[list[Spell]] = []
        for spell in spells(self.counts, self.usual, worse, self.weight):
            if chains and self._pause_us(chains[-1][-1], spell) < _JOIN_US:
                chains[-1].append(spell)
            else:
                chains.append([spell])
        stretches = [_Stretch(self, self._without_blips_around(chain)) for chain in chains]
        return [one.as_spell() for one in stretches if one.is_spell]

    def core_us(self, spell: Spell) -> int:
        """How long a spell lasted without its tails: one stray failure does not make a blip long."""
        steps = range(spell.first, spell.last + 1)
        total = sum(self.counts[i][1] for i in steps)
        seen, low, high = 0, self.bins[spell.first].bin, self.bins[spell.last].bin
        for i in steps:
            before, seen = seen, seen + self.counts[i][1]
            if before < 0.03 * total <= seen:  # the tails, three in a hundred
                low = self.bins[i].bin
            if before < 0.97 * total <= seen:
                high = self.bins[i].bin
        return (high - low + 1) * self.bin_us

    def _pause_us(self, one: Spell, later: Spell) -> int:
        return (self.bins[later.first].bin - self.bins[one.last].bin) * self.bin_us

    def _without_blips_around(self, chain: Sequence[Spell]) -> Sequence[Spell]:
        """The chain from its first to its last spell that is no mere blip, if it has one."""
        strong = max(spell.score for spell in chain) * _FAINT
        kept = [
            i
            for i, spell in enumerate(chain)
            if spell.score >= strong or self.core_us(spell) >= _BLIP_US
        ]
        return chain[kept[0] : kept[-1] + 1]


@dataclass(frozen=True)
class _Stretch:
    """What a channel counted from the first to the last of a chain of neighbouring spells."""

    channel: _Channel
    chain: Sequence[Spell]

    @cached_property
    def inside(self) -> Sequence[Bin]:
        """The bins of the stretch."""
        return self.channel.bins[self.chain[0].first : self.chain[-1].last + 1]

    @cached_property
    def calls(self) -> int:
        """Calls in it."""
        return sum(one.calls for one in self.inside)

    @cached_property
    def bad(self) -> int:
        """Those of them that were bad."""
        return sum(getattr(one, self.channel.name) for one in self.inside)

    @cached_property
    def lost(self) -> int:
        """Those of them that were lost."""
        return sum(one.lost for one in self.inside)

    @property
    def excess(self) -> float:
        """Bad calls beyond the usual number."""
        return self.bad - self.channel.usual * self.calls

    @property
    def is_spell(self) -> bool:
        """Whether it harmed anybody, and is neither chance nor how the key always is."""
        return not (self._is_slight or self._is_blip or self._is_all_there_is or self._is_faint)

    @property
    def _is_slight(self) -> bool:
        name, usual = self.channel.name, self.channel.usual
        enough = _LEAST_WAITING if name in _WAITING else _LEAST_BAD
        least = _least_rise(name, usual, harmed=self.lost >= _LEAST_BAD)
        return self.excess < enough or self.bad / self.calls - usual < least

    @property
    def _is_blip(self) -> bool:
        longest_us = max(self.channel.core_us(spell) for spell in self.chain)
        stopped = sum(one.stopped for one in self.inside)
        # After a blip a breaker rests for a while.
        brief_us = _REST_US if 2 * stopped >= self.bad else _BLIP_US
        return longest_us < brief_us and len(self.chain) < _MANY

    @property
    def _is_all_there_is(self) -> bool:
        """From the first moment to the last there is nothing to compare with.

        And whoever is slow from the first moment on is starting.
        """
        bins, first, last = self.channel.bins, self.chain[0].first, self.chain[-1].last
        starting = (bins[first].bin - bins[0].bin) * self.channel.bin_us < _START_US
        whole = first == 0 and last == len(bins) - 1
        return whole or (starting and self.channel.name in _WAITING)

    @property
    def _is_faint(self) -> bool:
        """Failures that nobody noticed may be chance: they need more evidence than lost calls do."""
        evidence = sum(spell.score for spell in self.chain)
        return self.channel.name == "hurt" and self.lost < _LEAST_BAD and evidence < _SURE

    def as_spell(self) -> KeySpell:
        """The spell that it is."""
        bin_us = self.channel.bin_us
        return KeySpell(
            key=self.inside[0].key,
            channel=self.channel.name,
            start_us=self.inside[0].bin * bin_us,
            end_us=(self.inside[-1].bin + 1) * bin_us,
            calls=self.calls,
            bad=self.excess,
            share=self.bad / self.calls,
            usual=self.channel.usual,
            lost=self.lost,
        )


def _least_rise(channel: str, usual: float, *, harmed: bool) -> float:
    """How much worse than usual a share must be; callers who lost nothing need more of it."""
    match channel:
        case "slow":
            return _LEAST_SLOW
        case "hedged":
            return _LEAST_HEDGED
        case "hurt" if not harmed:
            return max(_LEAST_UNHARMED, usual)
        case _:
            return max(_LEAST_RISE, usual)
