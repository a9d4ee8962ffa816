"""From the signals of a key to its spells: stretches in which it was worse than usual. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

from recourse_observe.story.baseline import usual_share
from recourse_observe.story.cusum import Spell, raised, spells

__all__ = ["TOUCH_US", "Bin", "KeySpell", "gap_us", "gathered", "joined", "key_spells"]

S_US: Final = 1_000_000
_JOIN_US: Final = 60 * S_US
TOUCH_US: Final = 5 * S_US
_BLIP_US: Final = 13 * S_US  # a blip lasts up to 12 s
_RARE: Final = 50  # calls in the whole archive
_CROWD: Final = 30  # keys
_LEAST_BAD: Final = 8.0
_SURE: Final = 25.0  # nats
_LEAST_WAITING: Final = 15.0
_WAITING: Final = ("slow", "hedged")
_STOPPED: Final = 0.02
_REST_US: Final = 25 * S_US
_START_US: Final = 20 * S_US
_LEAST_RISE: Final = 0.02
_LEAST_UNHARMED: Final = 0.06
_LEAST_SLOW: Final = 0.25
_LEAST_HEDGED: Final = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """How the calls of one key fared in one bin of time.

    Attributes:
        lost_calls: Those that were lost, where ``lost`` counts what was recorded of them.
        rescued: Those that a retry saved.
        given_up: Those that ended for want of a budget or a policy, or by their caller.
        heaviest: How many calls the row of one stands for at most, where they are a sample.
    """

    key: str
    bin: int
    calls: int
    lost: int
    hurt: int
    slow: int
    hedged: int
    stopped: int = 0
    lost_calls: int = 0
    rescued: int = 0
    given_up: int = 0
    heaviest: int = 1


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


def gathered(
    by_key: Sequence[Sequence[Bin]],
) -> tuple[list[list[Bin]], dict[str, tuple[str, ...]]]:
    """The series of keys, with one more for each crowded dependency, and whose it is.

    A key that carries request data is many keys with a few calls each: alone none of them can be
    judged, and none of them was there before. So the whole dependency is judged as one, and what
    is found is laid on its rare keys; the others are judged by themselves as well.
    """
    families: dict[str, list[Sequence[Bin]]] = {}
    for bins in by_key:
        families.setdefault(bins[0].key.partition(".")[0], []).append(bins)
    rare = {
        name: sorted((bins for bins in family if sum(b.calls for b in bins) < _RARE), key=_loudness)
        for name, family in families.items()
    }
    crowded = {name: few for name, few in rare.items() if len(few) >= _CROWD}
    alone = {bins[0].key for few in crowded.values() for bins in few}
    series = [list(bins) for bins in by_key if bins[0].key not in alone]
    series += [_summed(f"{name}.*", families[name]) for name in crowded]
    return series, {
        f"{name}.*": tuple(bins[0].key for bins in few) for name, few in crowded.items()
    }


def _loudness(bins: Sequence[Bin]) -> tuple[int, str]:
    return -sum(b.hurt for b in bins), bins[0].key


def _summed(key: str, rare: Sequence[Sequence[Bin]]) -> list[Bin]:
    """The bins of several keys as those of one."""
    by_bin: dict[int, list[Bin]] = {}
    for bins in rare:
        for one in bins:
            by_bin.setdefault(one.bin, []).append(one)
    return [
        Bin(
            key=key,
            bin=number,
            calls=sum(b.calls for b in same),
            lost=sum(b.lost for b in same),
            hurt=sum(b.hurt for b in same),
            slow=sum(b.slow for b in same),
            hedged=sum(b.hedged for b in same),
            stopped=sum(b.stopped for b in same),
            heaviest=max(b.heaviest for b in same),
        )
        for number, same in sorted(by_bin.items())
    ]


def key_spells(bins: Sequence[Bin], bin_us: int) -> list[KeySpell]:
    """The spells of one key, from its bins in the order of time."""
    failing = [
        *_channel(bins, bin_us, "lost", [(b.calls, b.lost) for b in bins]),
        *_channel(bins, bin_us, "hurt", [(b.calls, b.hurt) for b in bins]),
        *_channel(bins, bin_us, "stopped", [(b.calls, b.stopped) for b in bins]),
    ]
    waiting = [
        *_channel(bins, bin_us, "slow", [(b.calls, b.slow) for b in bins]),
        *_channel(bins, bin_us, "hedged", [(b.calls, b.hedged) for b in bins]),
    ]
    merged = _merged(failing, _JOIN_US)
    for spell in _merged(waiting, _JOIN_US):
        # Slow calls that end before the failures begin are another matter.
        near = [one for one in merged if gap_us(one, spell) < TOUCH_US]
        merged = [one for one in merged if one not in near] + [reduce(joined, near, spell)]
    return sorted(merged, key=lambda s: (s.start_us, s.channel))


def gap_us(one: KeySpell, other: KeySpell) -> int:
    """The time between two spells; negative when they overlap."""
    return max(one.start_us, other.start_us) - min(one.end_us, other.end_us)


def _merged(found: Sequence[KeySpell], within_us: int) -> list[KeySpell]:
    """Spells of one key with no more than a pause between them as one."""
    merged: list[KeySpell] = []
    for spell in sorted(found, key=lambda s: (s.start_us, s.channel)):
        if merged and spell.start_us - merged[-1].end_us < within_us:
            merged[-1] = joined(merged[-1], spell)
        else:
            merged.append(spell)
    return merged


def _channel(
    bins: Sequence[Bin], bin_us: int, channel: str, counts: Sequence[tuple[int, int]]
) -> list[KeySpell]:
    weight = max((b.heaviest for b in bins), default=1)
    usual = usual_share(counts, weight)
    # What guards stop is counted exactly and is rare: a small part of the calls is enough.
    worse = usual + _STOPPED if channel == "stopped" else raised(usual)
    found = spells(counts, usual, worse, weight)
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
    stopped = sum(b.stopped for b in bins[first : last + 1])
    # After a blip a breaker rests for a while.
    brief = _REST_US if 2 * stopped >= bad else _BLIP_US
    blip = longest < brief and len(chain) < _MANY
    # From the first moment to the last there is nothing to compare with; and whoever is slow from
    # the first moment on is starting.
    starting = (bins[first].bin - bins[0].bin) * bin_us < _START_US
    always = (first == 0 and last == len(bins) - 1) or (starting and channel in _WAITING)
    enough = _LEAST_WAITING if channel in _WAITING else _LEAST_BAD
    # Failures that nobody noticed may be chance: they need more evidence than lost calls do.
    faint = channel == "hurt" and lost < _LEAST_BAD and sum(s.score for s in chain) < _SURE
    if excess < enough or rise < least or blip or always or faint:
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
