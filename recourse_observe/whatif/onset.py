"""How much slower requests became at first, before there was a queue to wait in.

Later on, a dependency that is slow and one that is full cut off the same attempts. In the first
seconds they differ: what comes from outside is there at once, and a queue has to fill. So attempts
are divided in time into stretches, each as slow as makes it likeliest, where those that were cut off
say no more than that they would have taken longer.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import erfc, log, sqrt
from operator import add
from statistics import mean, pvariance
from typing import Final, NamedTuple

from recourse_observe.whatif.record import Record, Tried
from recourse_observe.whatif.series import ending_of
from recourse_observe.whatif.trace import Ending

__all__ = ["STEEPEST", "Step", "first_step"]

# Beyond this, nothing more can be told from what was cut off.
STEEPEST: Final = 40.0
# How many times as slow a stretch may be: from about half on, in steps of a sixth.
_TIMES: Final = tuple(STEEPEST ** (step / 24) for step in range(-4, 25))
_BEFORE_S: Final = 12.0
_AFTER_S: Final = 16.0
_EARLIEST_S: Final = 30.0
_EARLIER_S: Final = 6.0
_LATER_S: Final = 4.0
_EVERY_S: Final = 0.5
_LASTS_S: Final = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
_WHILE_S: Final = 2.0
_FEW: Final = 5
_MOST: Final = 4_000
# How much likelier, as a logarithm, two steps must be than one when attempts are independent.
_GAIN: Final = 4.0
# What no distribution explains counts no more than this.
_UNLIKELY: Final = -8.0
_LEAST_SPREAD: Final = 0.08


class Step(NamedTuple):
    """When requests became slower, and how many times as slow they were then."""

    at_s: float
    slowdown: float


def first_step(record: Record, service: Sequence[float], edges: tuple[float, float]) -> Step | None:
    """When requests became slower, and how much; ``None`` when too few tell.

    Args:
        record: What was recorded.
        service: Quantiles of the service time in quiet.
        edges: From when to when attempts were hurt: about, and where trouble was slight at first, late.
    """
    early_s = max(min(edges[0], record.onset_s), edges[0] - _EARLIEST_S) - _EARLIER_S
    worked = _worked(record, early_s - _BEFORE_S, min(edges[0] + _AFTER_S, edges[1]))
    likely = _Likely(worked, service)
    turns = int((edges[0] + _LATER_S - early_s) / _EVERY_S) + 1
    begins = [early_s + _EVERY_S * turn for turn in range(turns)]
    one = max((one for at_s in begins for one in likely.one_step(at_s)), default=None)
    two = max((two for at_s in begins for two in likely.two_steps(at_s)), default=None)
    if one is None:
        return None
    gain = _GAIN * _alike(_worked(record, 0.0, early_s))
    return two[1] if two is not None and two[0] > one[0] + gain else one[1]


def _worked(record: Record, from_s: float, to_s: float) -> list[Tried]:
    """Attempts that tell how slow it is, of very many every so-manieth."""
    worked = [
        tried
        for tried in record.attempts
        if tried.ran
        and from_s <= tried.at_s < to_s
        and ending_of(tried) is not Ending.ERROR
        and tried.reason != "hedge_lost"
    ]
    worked.sort(key=lambda tried: tried.at_s)
    return worked[:: 1 + len(worked) // _MOST]


def _alike(attempts: Sequence[Tried]) -> float:
    """How much more short whiles of quiet differ than if attempts were independent; 1 when no more.

    Attempts of the same moment meet the same others, so what many of them tell is not told often.
    """
    whiles: dict[int, list[float]] = {}
    for one in attempts:
        if one.outcome == "success":
            whiles.setdefault(int(one.at_s // _WHILE_S), []).append(log(max(one.duration_s, 1e-4)))
    logarithms = [one for found in whiles.values() for one in found]
    if len(whiles) < _FEW:
        return 1.0
    middle = mean(logarithms)
    between = sum(len(found) * (mean(found) - middle) ** 2 for found in whiles.values())
    spread = pvariance(logarithms, middle)
    return max(1.0, between / (len(whiles) - 1) / spread) if spread else 1.0


class _Likely:
    """How likely stretches of attempts are, each as slow as makes it likeliest."""

    def __init__(self, attempts: Sequence[Tried], service: Sequence[float]) -> None:
        share = len(service) / 100
        spread = log(service[int(84 * share)] / service[int(16 * share)]) / 2
        middles = [log(times * service[len(service) // 2]) for times in _TIMES]
        each = (_logarithms(one, middles, max(_LEAST_SPREAD, spread)) for one in attempts)
        nothing = [0.0] * len(_TIMES)
        self._sums = list(
            accumulate(each, lambda sums, more: list(map(add, sums, more)), initial=nothing)
        )
        self._starts = [one.at_s for one in attempts]

    def one_step(self, at_s: float) -> Iterator[tuple[float, Step]]:
        """How likely it is that all became slower at this moment, when enough is known of it."""
        place, last = bisect_left(self._starts, at_s), len(self._starts)
        if last - place >= _FEW:
            before, usual = self._best(0, place)
            after, slower = self._best(place, last)
            yield before + after, Step(at_s, slower / usual)

    def two_steps(self, at_s: float) -> Iterator[tuple[float, Step]]:
        """The same when it became worse once more, a few seconds later."""
        place, last = bisect_left(self._starts, at_s), len(self._starts)
        before, usual = self._best(0, place)
        for lasts_s in _LASTS_S:
            later = bisect_left(self._starts, at_s + lasts_s)
            if later - place >= _FEW:
                (first, slower), (after, slowest) = (
                    self._best(place, later),
                    self._best(later, last),
                )
                if usual <= slower <= slowest:
                    yield before + first + after, Step(at_s, slower / usual)

    def _best(self, first: int, last: int) -> tuple[float, float]:
        """How likely the attempts of a stretch are, and how slow it is then; 1 of none."""
        if first == last:
            return 0.0, 1.0
        sums = zip(self._sums[first], self._sums[last], _TIMES, strict=True)
        return max((after - before, times) for before, after, times in sums)


def _logarithms(tried: Tried, middles: Sequence[float], spread: float) -> list[float]:
    """How likely an attempt is, for each middle of a log-normal distribution."""
    seconds = log(max(tried.duration_s, 1e-4))
    found = []
    for middle in middles:
        apart = (seconds - middle) / spread
        if tried.outcome == "success":
            likely = -apart * apart / 2 - log(spread)
        else:
            likely = log(max(1e-9, erfc(apart / sqrt(2)) / 2))
        found.append(max(_UNLIKELY, likely))
    return found
