"""What is usual for a key: robust, and frozen for the whole archive.

Quantiles of blocks, not averages of calls: an incident may be half of an archive. Only the lower
blocks count, because trouble makes calls slower and failures more frequent, never the reverse.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

__all__ = ["Usual", "slow_limit_us", "usual_latency", "usual_share"]

_LATENCY_LEVEL: Final = 0.25
_SHARE_LEVEL: Final = 0.15
_PARTS: Final = 60
_LEAST: Final = 20  # calls that make a share worth looking at
_ROWS: Final = 4  # of a sample, that make a share worth looking at
_FLOOR: Final = 0.001
_ROUNDS: Final = 4  # a low quantile of small blocks is too low: what belongs to it raises it
_CHRONIC: Final = 0.05  # below it a little more is not more of the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """A key's usual success latency."""

    p50_us: int
    p95_us: int


def usual_latency(blocks: Sequence[tuple[int, int, int]]) -> Usual | None:
    """The usual latency from blocks of time: how many successes, their median and 95th percentile.

    A block counts as much as it has successes: what little succeeded while callers gave up early
    was fast, and is not usual.

    >>> usual_latency([(9, 20, 40), (9, 21, 44), (1, 3, 4), (9, 300, 900)])
    Usual(p50_us=20, p95_us=40)
    """
    if not blocks:
        return None
    return Usual(
        p50_us=_weighted([(p50, count) for count, p50, _ in blocks], _LATENCY_LEVEL),
        p95_us=_weighted([(p95, count) for count, _, p95 in blocks], _LATENCY_LEVEL),
    )


def slow_limit_us(usual: Usual | None) -> int:
    """An attempt that takes longer than this is slow for its key; without a baseline none is."""
    if usual is None:
        return 2**62
    return max(3 * usual.p50_us, round(1.5 * usual.p95_us), usual.p50_us + 20_000)


def usual_share(counts: Iterable[tuple[int, int]], weight: int = 1) -> float:
    """The usual share of bad calls.

    Args:
        counts: Calls and bad ones, step by step in time.
        weight: How many good calls one row stands for, where they are a sample.

    >>> usual_share([(100, 1)] * 10 + [(100, 90)] * 10)
    0.01
    """
    steps = list(counts)
    blocks = _blocks(steps, max(_LEAST, _ROWS * weight if weight > 1 else 0))
    if not blocks:
        return _FLOOR
    shares = sorted(bad / count for count, bad in blocks)
    level = _quantile(shares, _SHARE_LEVEL)
    size = sum(count for count, _ in blocks) / len(blocks)
    count = bad = 0
    for _ in range(_ROUNDS if level >= _CHRONIC else 1):
        lumps = (weight - 1) * (level * (1 - level)) ** 2  # good calls that come many at once
        spread = math.sqrt((max(level, 1 / size) * (1 - level) + lumps) / size)
        good = [(n, worse) for n, worse in blocks if worse / n <= level + 3 * spread]
        count, bad = sum(n for n, _ in good), sum(worse for _, worse in good)
        level = bad / count
    return max(_FLOOR, min(0.9, (bad + 0.25) / (count + 1) if count < 10 * _LEAST else bad / count))


def _blocks(steps: Sequence[tuple[int, int]], least: int) -> list[tuple[int, int]]:
    """Neighbours joined until each block has enough calls and is a good part of the time.

    Blocks of time, not of calls: a surge must not outvote the quiet hours around it.
    """
    blocks: list[tuple[int, int]] = []
    count = bad = joined = 0
    for more, worse in steps:
        count, bad, joined = count + more, bad + worse, joined + 1
        if count >= least and joined >= len(steps) // _PARTS:
            blocks.append((count, bad))
            count = bad = joined = 0
    if count and not blocks:
        blocks.append((count, bad))
    return blocks


def _weighted(values: Sequence[tuple[int, int]], level: float) -> int:
    """The value below which this part of the weight lies."""
    ordered = sorted(values)
    sums = accumulate(weight for _, weight in ordered)
    enough = level * sum(weight for _, weight in ordered)
    return next(value for (value, _), seen in zip(ordered, sums, strict=True) if seen >= enough)


def _quantile(ordered: Sequence[float], level: float) -> float:
    return ordered[max(0, math.ceil(level * len(ordered)) - 1)]
