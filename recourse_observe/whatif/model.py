"""What the model says: the check on the recorded policy first, then the candidate with an interval."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import exp
from statistics import median
from typing import Final, NamedTuple

from recourse_observe.whatif.answer import Check, CheckRow, Kind, LoadPoint, Row, Unit
from recourse_observe.whatif.dependency import Dependency
from recourse_observe.whatif.direction import direction_of
from recourse_observe.whatif.fit import Fitted
from recourse_observe.whatif.process import Rules
from recourse_observe.whatif.record import Measured, Record
from recourse_observe.whatif.runs import LOAD_BINS, Outcome, Runner, Task
from recourse_observe.whatif.search import SEED
from recourse_observe.whatif.series import distance

__all__ = ["MEASURES", "Grounds", "Measure", "checked", "ground", "load_points", "model_rows"]

_OTHER_SEEDS: Final = (2, 3)
# How far a run may be from the record, beside the nearest.
_FAR: Final = (1.6, 0.03)
# By how much more a world counts e times less: for the middle, and when worlds vote.
_NEARER: Final = (0.06, 0.0025)
_NEAR: Final = (0.25, 0.01)


class Measure(NamedTuple):
    """One measure by name.

    Attributes:
        of: Reads it from what was measured.
        relative: The part by which the model may miss it.
        absolute: Or by so much, in its own unit; of calls, a share of them.
        decides: Whether the check fails when it is missed.
    """

    name: str
    unit: Unit
    of: Callable[[Measured], float]
    relative: float
    absolute: float
    decides: bool = False

    def met(self, was: float, made: float, recorded: Measured) -> bool:
        """Whether what a model makes of it is near enough to what was recorded."""
        allowed = max(self.relative * abs(was), self.absolute)
        if self.unit is Unit.CALLS:
            chance = 2.0 * max(was, made) ** 0.5
            allowed = max(allowed, chance, 0.015 * recorded.calls)
        return abs(made - was) <= allowed

    def most(self, calls: int, attempts: int) -> float:
        """What it cannot exceed when every call makes as many attempts as it may."""
        retries = calls * (attempts - 1)
        limits = {
            "attempts": calls * attempts,
            "attempts_per_call": attempts,
            "wasted_retries": retries,
            "rescued_calls": min(calls, retries),
        }
        return limits.get(self.name, calls if self.unit is Unit.CALLS else float("inf"))


MEASURES: Final = (
    Measure("failed_calls", Unit.CALLS, lambda m: m.failed, 0.25, 10.0, decides=True),
    Measure("attempts", Unit.ATTEMPTS, lambda m: m.attempts, 0.2, 20.0, decides=True),
    Measure("attempts_per_call", Unit.PER_CALL, lambda m: m.per_call, 0.2, 0.05),
    Measure("wasted_retries", Unit.ATTEMPTS, lambda m: m.wasted, 0.3, 20.0),
    Measure("rescued_calls", Unit.CALLS, lambda m: m.rescued, 0.4, 20.0),
    Measure("latency_p50", Unit.SECONDS, lambda m: m.latency_p50_s, 0.4, 0.02),
    Measure("latency_p99", Unit.SECONDS, lambda m: m.latency_p99_s, 0.4, 0.05),
    Measure("lost_latency_p50", Unit.SECONDS, lambda m: m.lost_p50_s, 0.4, 0.05),
    Measure("peak_load", Unit.PER_SECOND, lambda m: m.peak_per_s, 0.3, 2.0),
    Measure("time_to_recovery", Unit.SECONDS, lambda m: m.recovery_s, 0.35, 25.0, decides=True),
)


class World(NamedTuple):
    """A dependency that may be the real one, and the luck that calls may have had."""

    dependency: Dependency
    seed: int


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """What answers rest on: worlds in which the recorded policy gives what was recorded.

    Attributes:
        recorded: The measures of the record.
        before: Runs of the recorded policy, one in each world.
        apart: How far each is from the record.
        tried: How many worlds were tried.
    """

    record: Record
    fitted: Fitted
    recorded: Measured
    worlds: tuple[World, ...]
    before: tuple[Outcome, ...]
    apart: tuple[float, ...]
    tried: int

    @cached_property
    def well(self) -> tuple[bool, ...]:
        """Of each world, whether all measures that decide are there what was recorded."""
        return tuple(
            all(
                measure.met(measure.of(self.recorded), measure.of(one.measured), self.recorded)
                for measure in MEASURES
                if measure.decides
            )
            for one in self.before
        )

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """How much each world counts: the nearer to the record the more, and only if it gives the record.

        When none does, all count.
        """
        counts = self.well if any(self.well) else (True,) * len(self.well)
        return tuple(
            weight * count for weight, count in zip(self._nearness(_NEARER), counts, strict=True)
        )

    @cached_property
    def votes(self) -> tuple[float, ...]:
        """How much each world counts when it is asked whether there are fewer or more.

        Those that miss the record are heard as well: the luck that gives it may be rare.
        """
        return self._nearness(_NEAR)

    def middle(self, values: Sequence[float]) -> float:
        """The weighted median of values, one for each world."""
        weighed = sorted(zip(values, self.weights, strict=True))
        sums = list(accumulate(weight for _, weight in weighed))
        return weighed[bisect_left(sums, sums[-1] / 2)][0]

    def _nearness(self, scale: tuple[float, float]) -> tuple[float, ...]:
        near = min(self.apart)
        return tuple(exp((near - far) / (scale[0] * near + scale[1])) for far in self.apart)

    def tasks(self, rules: Rules) -> list[Task]:
        """The runs of one set of rules, in the order of ``before``."""
        return [Task(one.dependency, rules, one.seed, self.fitted.thin) for one in self.worlds]


def ground(
    record: Record, recorded: Measured, fitted: Fitted, rules: Rules, run: Runner
) -> Grounds:
    """Run the recorded policy against everything that was fitted, by other chances too.

    Where it takes luck to tip a dependency over, most runs of the right one may miss the record: what
    counts is what another policy makes of the same luck. So runs that miss it by far are left out.
    """
    worlds = [World(one.dependency, seed) for one in fitted.fittings for seed in _OTHER_SEEDS]
    outcomes = run([Task(one.dependency, rules, one.seed, fitted.thin) for one in worlds])
    worlds += [World(one.dependency, SEED) for one in fitted.fittings]
    outcomes += [one.outcome for one in fitted.fittings]
    apart = [distance(fitted.series, outcome.series, fitted.thin) for outcome in outcomes]
    limit = _FAR[0] * min(apart) + _FAR[1]
    kept = [place for place, far in enumerate(apart) if far <= limit]
    return Grounds(
        record=record,
        fitted=fitted,
        recorded=recorded,
        worlds=tuple(worlds[place] for place in kept),
        before=tuple(outcomes[place] for place in kept),
        apart=tuple(apart[place] for place in kept),
        tried=len(worlds),
    )


def checked(grounds: Grounds) -> Check:
    """Whether the model makes of the recorded policy what was recorded."""
    rows = []
    for measure in MEASURES:
        was = measure.of(grounds.recorded)
        made = [measure.of(outcome.measured) for outcome in grounds.before]
        middle = grounds.middle(made)
        rows.append(
            CheckRow(
                name=measure.name,
                recorded=was,
                low=min(made),
                modelled=middle,
                high=max(made),
                unit=measure.unit,
                passed=measure.met(was, middle, grounds.recorded),
            )
        )
    told = (
        f"{sum(grounds.well)} of {grounds.tried} runs of the recorded policy give what was recorded"
    )
    mechanisms = (*grounds.fitted.mechanisms, told)
    return Check(passed=any(grounds.well), rows=tuple(rows), mechanisms=mechanisms)


def model_rows(grounds: Grounds, after: Sequence[Outcome], rules: Rules) -> tuple[Row, ...]:
    """The candidate's measures, each with an interval of 90 %.

    Args:
        grounds: What they rest on.
        after: The candidate's runs, one in each world.
        rules: What its calls follow: nobody makes more attempts than that.
    """
    return tuple(_row(grounds, measure, after, rules.most_attempts) for measure in MEASURES)


def _row(grounds: Grounds, measure: Measure, after: Sequence[Outcome], attempts: int) -> Row:
    was = measure.of(grounds.recorded)
    most = measure.most(grounds.recorded.calls, attempts)
    made = [
        min(most, carried_over(was, measure.of(one.measured), measure.of(two.measured)))
        for one, two in zip(grounds.before, after, strict=True)
    ]
    middle = grounds.middle(made)
    slack = _slack(grounds, measure, middle)
    is_told = measure.name == "failed_calls"
    votes = grounds.votes
    told = direction_of(was, grounds.recorded.calls, middle, made, votes) if is_told else None
    return Row(
        name=measure.name,
        recorded=was,
        candidate=middle,
        low=max(0.0, min(made) - slack),
        high=min(most, max(made) + slack),
        kind=Kind.MODEL,
        unit=measure.unit,
        direction=told,
    )


def carried_over(recorded: float, before: float, after: float) -> float:
    """The change that the model shows, applied to what was recorded.

    What gets less does so in proportion, what gets more by as much.
    """
    if after <= before:
        return recorded * after / before if before > 0 else recorded
    return recorded + after - before


def _slack(grounds: Grounds, measure: Measure, middle: float) -> float:
    """What the fits and seeds that were run do not show: chance, and what every fit gets wrong."""
    was = measure.of(grounds.recorded)
    before = [measure.of(one.measured) for one in grounds.before]
    bias = abs(grounds.middle(before) - was)
    moved = abs(middle - was)
    share = moved / (moved + was) if moved + was else 0.0
    counts = measure.unit in {Unit.CALLS, Unit.ATTEMPTS}
    chance = 1.6 * middle**0.5 if counts else 0.0
    least = 1.0 + 0.3 * chance if counts else 0.0
    return share * (bias + 0.3 * max(middle, was) + chance) + 0.05 * middle + least


def load_points(
    record: Record, recorded: Sequence[float], after: Sequence[Outcome]
) -> tuple[LoadPoint, ...]:
    """Load on the dependency over time, recorded and as the candidate makes it."""
    bin_us = record.length_s / LOAD_BINS * 1e6
    made = [[outcome.load[index] for outcome in after] for index in range(LOAD_BINS)]
    return tuple(
        LoadPoint(
            at_unix_us=record.start_us + round(index * bin_us),
            recorded=was,
            candidate=median(values) if values else None,
        )
        for index, (was, values) in enumerate(zip(recorded, made, strict=False))
    )
