"""When requests arrive: random but repeatable, in batches, or as recorded."""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple, assert_never

from recourse_observe.lab.chance import Chance, Stream
from recourse_observe.lab.faults import Surge
from recourse_observe.lab.spec import KeySpec, Poisson, Recorded, Scenario, Waves

__all__ = ["Arrival", "arrivals"]

# Requests of a surge have numbers of their own, so that the usual ones stay as they are.
_EXTRA: Final = 1 << 31
_BITS: Final = 32


class Arrival(NamedTuple):
    """A request that begins.

    Attributes:
        at_s: When, in seconds since the run began.
        number: Its number, the same in every run of the seed.
        process: The index of its process, -1 for any.
    """

    at_s: float
    number: int
    process: int = -1


def arrivals(scenario: Scenario, index: int, chance: Chance) -> Iterator[Arrival]:
    """The requests that begin with a key, in no particular order.

    Args:
        scenario: The world.
        index: The place of the key among the scenario's.
        chance: Draws.
    """
    spec = scenario.keys[index]
    base = (index + 1) << _BITS
    match spec.traffic:
        case None:
            return
        case Poisson():
            yield from _poisson(scenario, spec.traffic, base, chance)
            for number, surge in enumerate(s for s in scenario.of(Surge) if s.key == spec.key):
                extra = base + _EXTRA + (number << 24)
                yield from _surge(spec, spec.traffic, surge, extra, chance)
        case Recorded():
            given = spec.traffic.processes
            for number, at_s in enumerate(spec.traffic.arrivals_s):
                yield Arrival(at_s, base + number, given[number % len(given)] if given else -1)
        case Waves():
            yield from _waves(scenario, spec.traffic, base, chance)
        case _:
            assert_never(spec.traffic)


def _poisson(scenario: Scenario, traffic: Poisson, base: int, chance: Chance) -> Iterator[Arrival]:
    """Drawn at the highest rate, and thinned to the rate of the moment."""
    highest = traffic.per_s * (1.0 + traffic.swing)
    at_s, number = 0.0, base
    while highest > 0:
        at_s += chance.gap_s(Stream.ARRIVAL, number, 0, highest)
        if at_s >= scenario.duration_s:
            return
        if chance.unit(Stream.THINNING, number) * highest < _rate(traffic, at_s):
            yield Arrival(at_s, number)
        number += 1


def _surge(
    spec: KeySpec, traffic: Poisson, surge: Surge, base: int, chance: Chance
) -> Iterator[Arrival]:
    """The requests that come on top of the usual ones."""
    del spec
    highest = traffic.per_s * (1.0 + traffic.swing) * (surge.factor - 1.0)
    at_s, number = surge.start_s, base
    while highest > 0:
        at_s += chance.gap_s(Stream.ARRIVAL, number, 0, highest)
        if at_s >= surge.end_s:
            return
        reached = 1.0 if surge.ramp_s <= 0 else min(1.0, (at_s - surge.start_s) / surge.ramp_s)
        wanted = _rate(traffic, at_s) * (surge.factor - 1.0) * reached
        if chance.unit(Stream.THINNING, number) * highest < wanted:
            yield Arrival(at_s, number)
        number += 1


def _rate(traffic: Poisson, at_s: float) -> float:
    day = at_s / traffic.period_s + traffic.phase
    return traffic.per_s * (1.0 + traffic.swing * math.sin(2.0 * math.pi * day))


def _waves(scenario: Scenario, traffic: Waves, base: int, chance: Chance) -> Iterator[Arrival]:
    number, wave_s = base, traffic.first_s
    while wave_s < scenario.duration_s:
        for _ in range(traffic.count):
            late_s = chance.unit(Stream.SPREAD, number) * traffic.spread_s
            yield Arrival(wave_s + late_s, number)
            number += 1
        wave_s += traffic.every_s
