"""A run or a record as counts over time, so that the two can be laid side by side."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from recourse_observe.whatif.process import Arrival
from recourse_observe.whatif.record import Ended, Record, Tried
from recourse_observe.whatif.trace import Ending, Trace

__all__ = ["Series", "distance", "ending_of", "ends_of", "recorded_series", "trace_series"]

_MOST_BINS: Final = 80
_LEAST_BIN_S: Final = 2.0
_FEW: Final = 5
# Bins that are taken together when counts are compared; the last is all of them.
_SCALES: Final = (1, 6, _MOST_BINS + 1)


class Tally(NamedTuple):
    """One attempt for counting."""

    at_s: float
    took_s: float
    ending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Counts per bin of time: calls by when they were made, attempts by when they started.

    Attributes:
        latency_s: Mean time of successful attempts; NaN where there are too few.
    """

    bin_s: float
    calls: tuple[int, ...]
    failed: tuple[int, ...]
    attempts: tuple[int, ...]
    succeeded: tuple[int, ...]
    cut_off: tuple[int, ...]
    errors: tuple[int, ...]
    latency_s: tuple[float, ...]


def ending_of(tried: Tried) -> Ending:
    """How a recorded attempt ended, in the simulation's words."""
    if tried.outcome == "success":
        return Ending.SUCCESS
    cut = tried.outcome in {"cancelled", "abandoned"} or tried.reason == "attempt_timeout"
    return Ending.CUT_OFF if cut else Ending.ERROR


def recorded_series(record: Record) -> Series:
    """What was recorded."""
    ends = (Ended(c.at_s, c.duration_s, c.lost, c.attempts, c.retries) for c in record.calls)
    tallies = (Tally(t.at_s, t.duration_s, ending_of(t)) for t in record.attempts if t.ran)
    return _series(record.length_s, ends, tallies)


def trace_series(record: Record, arrivals: Sequence[Arrival], trace: Trace) -> Series:
    """What a simulated run came to."""
    tallies = map(Tally, trace.starts, trace.took_s, trace.endings)
    return _series(record.length_s, ends_of(arrivals, trace), tallies)


def ends_of(arrivals: Sequence[Arrival], trace: Trace) -> list[Ended]:
    """How simulated calls ended; one that had not ended yet counts as failed."""
    return [
        Ended(arrival.at_s, 0.0, failed=True, attempts=attempts, retries=retries)
        if math.isnan(ended_s)
        else Ended(arrival.at_s, ended_s - arrival.at_s, bool(failed), attempts, retries)
        for arrival, ended_s, failed, attempts, retries in zip(
            arrivals, trace.ended_s, trace.failed, trace.attempts, trace.retries, strict=True
        )
    ]


def distance(recorded: Series, modelled: Series, scale: float = 1.0) -> float:
    """How far a modelled run is from the record; 0 is the same, 1 is a poor fit.

    Args:
        recorded: The record.
        modelled: A run over as many bins.
        scale: What its counts are multiplied with, when it ran a part of the calls.
    """
    calls = sum(recorded.calls)
    parts = (
        _apart(recorded.failed, modelled.failed, scale, 0.02 * calls),
        _apart(recorded.attempts, modelled.attempts, scale, 0.02 * calls),
        _apart(recorded.cut_off, modelled.cut_off, scale, 0.05 * calls),
        _apart(recorded.errors, modelled.errors, scale, 0.05 * calls),
        _slower(recorded, modelled),
    )
    weights = (2.0, 1.0, 0.5, 0.5, 0.5)
    return sum(w * p for w, p in zip(weights, parts, strict=True)) / sum(weights)


def _apart(one: Sequence[int], two: Sequence[int], scale: float, floor: float) -> float:
    """How far counts are apart: in every short while, in longer ones, and on the whole.

    In short whiles alone, two runs of the same chances are further apart than either is from nothing.
    """
    total = sum(one) + scale * sum(two) + floor
    apart = sum(_summed_apart(one, two, scale, bins) for bins in _SCALES)
    return apart / (len(_SCALES) * total) if total else 0.0


def _summed_apart(one: Sequence[int], two: Sequence[int], scale: float, bins: int) -> float:
    return sum(
        abs(sum(one[place : place + bins]) - scale * sum(two[place : place + bins]))
        for place in range(0, len(one), bins)
    )


def _slower(recorded: Series, modelled: Series) -> float:
    """How far latencies are apart, as a mean of clipped logarithms, weighted by successes."""
    total = weight = 0.0
    rows = zip(recorded.latency_s, modelled.latency_s, recorded.succeeded, strict=True)
    for was, made, count in rows:
        if not math.isnan(was) and count:
            apart = 1.0 if math.isnan(made) else min(1.0, abs(math.log(made / was)))
            total += count * apart
            weight += count
    return total / weight if weight else 0.0


def _series(length_s: float, ends: Iterable[Ended], tallies: Iterable[Tally]) -> Series:
    bin_s = max(_LEAST_BIN_S, length_s / _MOST_BINS)
    count = max(1, math.ceil(length_s / bin_s))
    calls, failed, attempts = [0] * count, [0] * count, [0] * count
    by_ending = {ending: [0] * count for ending in Ending}
    waited = [0.0] * count
    for end in ends:
        place = min(count - 1, max(0, int(end.at_s / bin_s)))
        calls[place] += 1
        failed[place] += end.failed
    for one in tallies:
        place = min(count - 1, max(0, int(one.at_s / bin_s)))
        attempts[place] += 1
        by_ending[Ending(one.ending)][place] += 1
        if one.ending == Ending.SUCCESS:
            waited[place] += one.took_s
    succeeded = by_ending[Ending.SUCCESS]
    return Series(
        bin_s=bin_s,
        calls=tuple(calls),
        failed=tuple(failed),
        attempts=tuple(attempts),
        succeeded=tuple(succeeded),
        cut_off=tuple(by_ending[Ending.CUT_OFF]),
        errors=tuple(by_ending[Ending.ERROR]),
        latency_s=tuple(
            total / wins if wins >= _FEW else math.nan
            for total, wins in zip(waited, succeeded, strict=True)
        ),
    )
