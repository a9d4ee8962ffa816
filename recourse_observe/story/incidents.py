"""From spells of keys to incidents: which belong together, and who is to blame. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from recourse_observe.story.spells import TOUCH_US, KeySpell, gap_us, joined

__all__ = ["Complaint", "Group", "blamed", "group", "namespace"]

_JOIN_US: Final = 60_000_000
_SAME_START_US: Final = 10_000_000
_SAME_END_US: Final = 45_000_000
_TIE_US: Final = 2_000_000
_ONE_PROCESS: Final = 0.8
_LEAST_ALIKE: Final = 0.75
_BRIEF: Final = 0.2  # of the longest spell
_BRIEF_US: Final = 30_000_000
_PART: Final = 0.3  # of its losses that a key may lay on another
# How near a complaint is to the root: who cannot connect is nearer than who waited in vain.
_NEARNESS: Final = ("connect", "transport", "refused", "reset", "503", "500", "429", "timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What most lost calls of a key said, and how many there were; see ``complaints.sql``.

    Attributes:
        call_us: How long a lost call took, in the median.
        attempt_us: How long an attempt of it took, waits included.
    """

    key: str
    complaint: str
    instance: str
    instance_share: float
    service: str = ""
    calls: int = 0
    attempts: int = 0
    call_us: int = 0
    attempt_us: int = 0


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
    gap = gap_us(one, other)
    if gap >= (_JOIN_US if one.is_failing and other.is_failing else TOUCH_US):
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
        by_key[spell.key] = spell if known is None else joined(known, spell)
    victims = {
        spell.key
        for spell in by_key.values()
        if any(
            links.get((spell.key, other), 0) >= _PART * max(spell.lost, 1)
            for other in by_key
            if other != spell.key
        )
    }
    return _split(list(by_key.values()), victims | _brief(by_key))


def _brief(by_key: Mapping[str, KeySpell]) -> set[str]:
    """Keys that were in trouble for a moment only, while others of their dependency stayed in it."""
    longest = {
        name: max(_length_us(s) for s in by_key.values() if namespace(s.key) == name)
        for name in map(namespace, by_key)
    }
    return {
        spell.key
        for spell in by_key.values()
        if _length_us(spell) < min(_BRIEF_US, _BRIEF * longest[namespace(spell.key)])
    }


def _length_us(spell: KeySpell) -> int:
    return spell.end_us - spell.start_us


def _split(whole: Sequence[KeySpell], victims: set[str]) -> Group:
    """Culprits and victims, the louder first; if all were victims, none is."""
    ordered = sorted(whole, key=lambda spell: (-spell.bad, spell.key))
    if len(victims) == len(ordered):
        return Group(culprits=tuple(ordered))
    return Group(
        culprits=tuple(spell for spell in ordered if spell.key not in victims),
        victims=tuple(spell for spell in ordered if spell.key in victims),
    )


def blamed(one: Group, complaints: Mapping[str, Complaint]) -> Group:
    """The group with its culprits chosen by what their callers were told.

    Where several dependencies broke together and nothing says who called whom: one complaint on
    all keys, or one process with most of the losses, is a common cause and all are culprits.
    Otherwise those are, that broke first, or are nearer to the root, with their complaint.
    """
    known = [spell for spell in one.culprits if spell.key in complaints]
    several = len({namespace(spell.key) for spell in known}) > 1
    if one.victims or not several:
        return one
    above = {
        upper.key
        for upper in known
        if any(
            _asks(_together(upper.key, known, complaints), complaints[lower.key]) for lower in known
        )
    }
    if above:
        return _split(one.culprits, above)
    if _common(known, complaints):
        return one
    earliest = min(spell.start_us for spell in known)
    first = min(
        (spell for spell in known if spell.start_us - earliest <= _TIE_US),
        key=lambda spell: (_distance(complaints[spell.key].complaint), -spell.share, spell.key),
    )
    said = complaints[first.key].complaint
    victims = {
        spell.key
        for spell in known
        if namespace(spell.key) != namespace(first.key) and complaints[spell.key].complaint != said
    }
    return _split(one.culprits, victims)


def _together(
    key: str, known: Sequence[KeySpell], complaints: Mapping[str, Complaint]
) -> Complaint:
    """What a key and others of its dependency told, with all of their attempts."""
    alike = [complaints[s.key] for s in known if namespace(s.key) == namespace(key)]
    return replace(complaints[key], attempts=sum(one.attempts for one in alike))


def _asks(upper: Complaint, lower: Complaint) -> bool:
    """Whether what one key asks of its dependency is what another service then asks with the other.

    Each attempt of the upper one is a call of the lower one, and takes at least as long.
    """
    if upper.service == lower.service or not upper.attempts:
        return False
    as_many = _LEAST_ALIKE <= lower.calls / upper.attempts <= 1 / _LEAST_ALIKE
    return as_many and upper.attempt_us >= lower.call_us


def _common(known: Sequence[KeySpell], complaints: Mapping[str, Complaint]) -> bool:
    told = [complaints[spell.key] for spell in known]
    one_process = len({c.instance for c in told}) == 1 and all(
        c.instance_share >= _ONE_PROCESS for c in told
    )
    return one_process or len({c.complaint for c in told}) == 1


def _distance(complaint: str) -> int:
    text = complaint.lower()
    return next((i for i, word in enumerate(_NEARNESS) if word in text), len(_NEARNESS))
