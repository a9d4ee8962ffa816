"""What is usual for a key: robust, and frozen for the whole archive.

Quantiles of blocks, not averages of calls: an incident may be half of an archive. Only the lower
blocks count, because trouble makes calls slower and failures more frequent, never the reverse.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

__all__ = ["Usual", "slow_limit_us", "usual_latency", "usual_share"]

Number = TypeVar("Number", int, float)

_LEVEL: Final = 0.35
_LEAST: Final = 20  # calls that make a share worth looking at
_FLOOR: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """A key's usual success latency."""

    p50_us: int
    p95_us: int


def usual_latency(blocks: Sequence[tuple[int, int]]) -> Usual | None:
    """The usual latency from the medians and 95th percentiles of blocks of time.

    >>> usual_latency([(20, 40), (21, 44), (300, 900)])
    Usual(p50_us=21, p95_us=44)
    """
    if not blocks:
        return None
    return Usual(
        p50_us=_quantile(sorted(p50 for p50, _ in blocks), _LEVEL),
        p95_us=_quantile(sorted(p95 for _, p95 in blocks), _LEVEL),
    )


def slow_limit_us(usual: Usual | None) -> int:
    """An attempt that takes longer than this is slow for its key; without a baseline none is."""
    if usual is None:
        return 2**62
    return max(2 * usual.p50_us, round(1.3 * usual.p95_us), usual.p50_us + 2_000)


def usual_share(counts: Iterable[tuple[int, int]]) -> float:
    """The usual share of bad calls.

    Args:
        counts: Calls and bad ones, step by step in time.

    >>> usual_share([(100, 1)] * 10 + [(100, 90)] * 10)
    0.0125
    """
    steps = list(counts)
    blocks = _blocks(steps, max(_LEAST, sum(count for count, _ in steps) // 60))
    if not blocks:
        return _FLOOR
    shares = sorted(bad / count for count, bad in blocks)
    level = _quantile(shares, _LEVEL)
    size = sum(count for count, _ in blocks) / len(blocks)
    spread = math.sqrt(max(level, 1 / size) * (1 - level) / size)
    good = [(count, bad) for count, bad in blocks if bad / count <= level + 3 * spread]
    count, bad = sum(c for c, _ in good), sum(b for _, b in good)
    return max(_FLOOR, min(0.9, (bad + 0.25) / (count + 1) if count < 10 * _LEAST else bad / count))


def _blocks(counts: Iterable[tuple[int, int]], least: int) -> list[tuple[int, int]]:
    """Neighbours joined until each block has enough calls."""
    blocks: list[tuple[int, int]] = []
    count = bad = 0
    for more, worse in counts:
        count, bad = count + more, bad + worse
        if count >= least:
            blocks.append((count, bad))
            count = bad = 0
    if count and not blocks:
        blocks.append((count, bad))
    return blocks


def _quantile(ordered: Sequence[Number], level: float) -> Number:
    return ordered[max(0, math.ceil(level * len(ordered)) - 1)]
