"""How the calls of keys fared, bin by bin of time: what their spells are looked for in. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["Bin", "gathered"]

_RARE: Final = 50  # calls in the whole archive
_CROWD: Final = 30  # keys


class Bin(NamedTuple):
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
