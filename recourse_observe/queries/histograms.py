"""Quantiles of merged latency histograms, to 2 %."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

__all__ = ["quantiles_us"]


def quantiles_us(latencies: Iterable[str], shares: Sequence[float]) -> tuple[int | None, ...]:
    """The durations below which shares of all calls stay; ``None`` without a call.

    >>> quantiles_us(['{"kind": "log", "base": 2, "unit": "us", "counts": {"3": 1, "10": 1}}'], [0.5, 1])
    (8, 1024)

    Args:
        latencies: Histograms as ``rollups`` holds them; one that cannot be read counts nothing.
        shares: Each from 0 to 1.
    """
    counts: Counter[float] = Counter()
    for text in latencies:
        counts.update(_counts(text))
    total = sum(counts.values())
    ordered = sorted(counts.items())
    return tuple(_quantile(ordered, share * total) for share in shares)


def _counts(text: str) -> dict[float, int]:
    try:
        said = json.loads(text)
        base = float(said["base"])
        return {base ** int(step): int(count) for step, count in said["counts"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
        return {}


def _quantile(ordered: Sequence[tuple[float, int]], wanted: float) -> int | None:
    seen = 0
    for value, count in ordered:
        seen += count
        if seen >= wanted:
            return round(value)
    return None
