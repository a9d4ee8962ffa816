"""Quantiles of merged latency histograms, to 2 %."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

__all__ = ["quantiles_us"]


def quantiles_us(latencies: Iterable[str], shares: Sequence[float]) -> tuple[int | None, ...]:
    """The durations below which shares of all calls stay; ``None`` without a call.

    >>> quantiles_us(['{"kind": "log", "base": 2, "unit": "us", "counts": {"3": 1, "10": 1}}'], [0.5, 1])
    (8, 1024)

    Args:
        latencies: Histograms as ``rollups`` holds them; what cannot be read counts nothing.
        shares: Each from 0 to 1.
    """
    ordered = sorted(_durations(_merged(latencies)))
    total = sum(count for _, count in ordered)
    return tuple(_quantile(ordered, share * total) for share in shares)


def _merged(latencies: Iterable[str]) -> Mapping[float, Mapping[str, int]]:
    """The sum of all histograms of one base, by their steps as they are written: few of many."""
    merged: defaultdict[float, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for said in _parsed(list(latencies)):
        try:
            base, counts = float(said["base"]), said["counts"]
            sum(counts.values())  # of numbers only
            total = merged[base]
            for step, count in counts.items():
                total[step] += count
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return merged


def _parsed(texts: Sequence[str]) -> Iterator[Any]:
    """What JSON texts say: all at once, which takes half the time, or one by one, if one is none."""
    try:
        yield from json.loads(f"[{','.join(texts)}]")
    except ValueError:
        for text in texts:
            with suppress(ValueError):
                yield json.loads(text)


def _durations(merged: Mapping[float, Mapping[str, int]]) -> Iterator[tuple[float, int]]:
    for base, counts in merged.items():
        for step, count in counts.items():
            try:
                yield base ** int(step), count
            except (ValueError, ArithmeticError):  # no step, or beyond all numbers
                continue


def _quantile(ordered: Sequence[tuple[float, int]], wanted: float) -> int | None:
    seen = 0
    for value, count in ordered:
        seen += count
        if seen >= wanted:
            return round(value)
    return None
