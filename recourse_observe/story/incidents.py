"""From the signals of keys to incidents: spells, merged where they are one thing. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from recourse_observe.story.baseline import usual_share
from recourse_observe.story.cusum import Spell, spells

__all__ = ["Bin", "Group", "KeySpell", "group", "key_spells"]

S_US: Final = 1_000_000
_JOIN_US: Final = 60 * S_US
_BLIP_US: Final = 13 * S_US  # a blip lasts up to 12 s
_LEAST_BAD: Final = 8.0
_LEAST_RISE: Final = 0.02
_LEAST_UNHARMED: Final = 0.06
_LEAST_SLOW: Final = 0.25
_LEAST_HEDGED: Final = 0.12
_SAME_START_US: Final = 10 * S_US
_SAME_END_US: Final = 45 * S_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """How the calls of one key fared in one bin of time."""

    key: str
    bin: int
    calls: int
    lost: int
    hurt: int
    slow: int
    hedged: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Spells of keys that are one incident, the culprits first.

    Attributes:
        culprits: Spells of the keys whose own trouble it is.
        victims: Spells of the keys that suffer from it.
    """

    culprits: tuple[KeySpell, ...]
    victims: tuple[KeySpell, ...] = ()

    @property
    def spells(self) -> tuple[KeySpell, ...]:
        """All of them."""
        return self.culprits + self.victims

    @property
    def start_us(self) -> int:
        """When the first culprit got worse."""
        return min(spell.start_us for spell in self.culprits)

    @property
    def end_us(self) -> int:
        """When the last culprit was as usual again."""
        return max(spell.end_us for spell in self.culprits)


def key_spells(bins: Sequence[Bin], bin_us: int) -> list[KeySpell]:
    """The spells of one key, from its bins in the order of time."""
    found = [
        *_channel(bins, bin_us, "lost", [(b.calls, b.lost) for b in bins]),
        *_channel(bins, bin_us, "hurt", [(b.calls, b.hurt) for b in bins]),
        *_channel(bins, bin_us, "slow", [(b.calls, b.slow) for b in bins]),
        *_channel(bins, bin_us, "hedged", [(b.calls, b.hedged) for b in bins]),
    ]
    merged: list[KeySpell] = []
    for spell in sorted(found, key=lambda s: (s.start_us, s.channel)):
        if merged and spell.start_us - merged[-1].end_us < _JOIN_US:
            merged[-1] = _joined(merged[-1], spell)
        else:
            merged.append(spell)
    return merged


def _channel(
    bins: Sequence[Bin], bin_us: int, channel: str, counts: Sequence[tuple[int, int]]
) -> list[KeySpell]:
    usual = usual_share(counts)
    found = spells(counts, usual)
    chains: list[list[Spell]] = []
    for spell in found:
        near = (
            chains and (bins[spell.first].bin - bins[chains[-1][-1].last].bin) * bin_us < _JOIN_US
        )
        if near:
            chains[-1].append(spell)
        else:
            chains.append([spell])
    made = [_spell(bins, bin_us, channel, counts, usual, chain) for chain in chains]
    return [spell for spell in made if spell is not None]


def _spell(  # one place puts a spell together from all that was counted
    bins: Sequence[Bin],
    bin_us: int,
    channel: str,
    counts: Sequence[tuple[int, int]],
    usual: float,
    chain: Sequence[Spell],
) -> KeySpell | None:
    """The spell that a chain of neighbours is; ``None`` when it is a blip or harms nobody."""
    chain = _without_blips_around(bins, bin_us, counts, chain)
    first, last = chain[0].first, chain[-1].last
    calls = sum(count for count, _ in counts[first : last + 1])
    bad = sum(worse for _, worse in counts[first : last + 1])
    excess = bad - usual * calls
    rise = bad / calls - usual
    lost = sum(b.lost for b in bins[first : last + 1])
    least = _least_rise(channel, usual, harmed=lost >= _LEAST_BAD)
    longest = max(_core_us(bins, bin_us, counts, spell) for spell in chain)
    blip = longest < _BLIP_US and len(chain) < _MANY
    # From the first moment to the last there is nothing to compare with.
    always = first == 0 and last == len(bins) - 1
    if excess < _LEAST_BAD or rise < least or blip or always:
        return None
    return KeySpell(
        key=bins[first].key,
        channel=channel,
        start_us=bins[first].bin * bin_us,
        end_us=(bins[last].bin + 1) * bin_us,
        calls=calls,
        bad=excess,
        share=bad / calls,
        usual=usual,
        lost=lost,
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


_MANY: Final = 4  # blips that come back so often are no blips
_FAINT: Final = 0.1  # of the strongest spell's evidence


def _without_blips_around(
    bins: Sequence[Bin], bin_us: int, counts: Sequence[tuple[int, int]], chain: Sequence[Spell]
) -> Sequence[Spell]:
    """The chain from its first to its last spell that is no mere blip, if it has one."""
    strong = max(spell.score for spell in chain) * _FAINT
    kept = [
        i
        for i, spell in enumerate(chain)
        if spell.score >= strong or _core_us(bins, bin_us, counts, spell) >= _BLIP_US
    ]
    return chain[kept[0] : kept[-1] + 1]


def _core_us(
    bins: Sequence[Bin], bin_us: int, counts: Sequence[tuple[int, int]], spell: Spell
) -> int:
    """How long the spell lasted without its tails: one stray failure does not make a blip long."""
    steps = range(spell.first, spell.last + 1)
    total = sum(counts[i][1] for i in steps)
    seen, low, high = 0, bins[spell.first].bin, bins[spell.last].bin
    for i in steps:
        before, seen = seen, seen + counts[i][1]
        if before < 0.03 * total <= seen:  # the tails, three in a hundred
            low = bins[i].bin
        if before < 0.97 * total <= seen:
            high = bins[i].bin
    return (high - low + 1) * bin_us


def _joined(one: KeySpell, other: KeySpell) -> KeySpell:
    louder = max(one, other, key=lambda spell: spell.bad)
    channels = sorted(set(one.channel.split("+")) | set(other.channel.split("+")))
    return replace(
        louder,
        channel="+".join(channels),
        start_us=min(one.start_us, other.start_us),
        end_us=max(one.end_us, other.end_us),
        lost=max(one.lost, other.lost),
    )


def group(
    found: Iterable[KeySpell], links: Mapping[tuple[str, str], int], last_us: int
) -> list[Group]:
    """Incidents, in the order of their onsets.

    Args:
        found: Spells of all keys.
        links: How many lost calls of a key (first) were lost with a call of another (second) that
            they had made.
        last_us: The end of the archive: spells that reach it end together.
    """
    ordered = sorted(found, key=lambda spell: (spell.start_us, spell.key))
    clusters: list[list[KeySpell]] = []
    for spell in ordered:
        near = [c for c in clusters if any(_one(other, spell, links, last_us) for other in c)]
        joined = [spell] if not near else [s for c in near for s in c] + [spell]
        clusters = [c for c in clusters if c not in near] + [joined]
    made = [_judged(cluster, links) for cluster in clusters]
    return sorted(made, key=lambda one: (one.start_us, one.culprits[0].key))


def namespace(key: str) -> str:
    """The dependency that a key names: its text before the first dot."""
    return key.partition(".")[0]


def _one(
    one: KeySpell, other: KeySpell, links: Mapping[tuple[str, str], int], last_us: int
) -> bool:
    """Whether two spells are one incident."""
    gap = max(one.start_us, other.start_us) - min(one.end_us, other.end_us)
    if gap >= _JOIN_US:
        return False
    if namespace(one.key) == namespace(other.key):
        return True
    if gap >= 0:
        return False
    if links.get((one.key, other.key)) or links.get((other.key, one.key)):
        return True
    start = abs(one.start_us - other.start_us)
    end = abs(min(one.end_us, last_us) - min(other.end_us, last_us))
    return start <= _SAME_START_US and end <= _SAME_END_US


def _judged(cluster: Sequence[KeySpell], links: Mapping[tuple[str, str], int]) -> Group:
    """Who is the culprit: whoever breaks without a broken call inside."""
    by_key: dict[str, KeySpell] = {}
    for spell in cluster:
        known = by_key.get(spell.key)
        by_key[spell.key] = spell if known is None else _joined(known, spell)
    whole = list(by_key.values())
    victims = {
        spell.key
        for spell in whole
        if any(
            links.get((spell.key, other.key), 0)
            >= 0.3 * max(spell.lost, 1)  # a third of its losses
            for other in whole
            if other.key != spell.key
        )
    }
    if len(victims) == len(whole):
        victims = set()
    rank: defaultdict[bool, list[KeySpell]] = defaultdict(list)
    for spell in sorted(whole, key=lambda s: (-s.bad, s.key)):
        rank[spell.key in victims].append(spell)
    return Group(culprits=tuple(rank[False]), victims=tuple(rank[True]))
