"""Fits a dependency to what was recorded: read off where the record shows it, searched where it does not.

Service times, failing answers, quotas are read off. How much the dependency can take, how long its
queue is, how much and for how long it was slowed from outside cannot be seen by a client: they are
searched by running the recorded policy until it gives the recorded counts over time. All dependencies
that do so about as well as the best are kept: the interval comes from their differences.
"""

from dataclasses import dataclass
from typing import Final

from recourse_observe.whatif.guess import Guess, told
from recourse_observe.whatif.kinds import Fitting, chosen
from recourse_observe.whatif.process import Rules
from recourse_observe.whatif.record import Record
from recourse_observe.whatif.runs import Runner
from recourse_observe.whatif.search import HEAVY, Bench
from recourse_observe.whatif.seen import Seen, look
from recourse_observe.whatif.series import Series, recorded_series

__all__ = ["Fitted", "fit"]

_PER_RUN: Final = 8_000
_LEAST_WORKERS: Final = 6
_FEWEST_WORKERS: Final = 3
_MANY: Final = 100_000
_KEPT: Final = 9
_FEWER: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a fit found.

    Attributes:
        fittings: The best first.
        series: The record, as fittings are compared with it.
        mechanisms: What the dependency does, one sentence each.
        thin: How much runs may be thinned.
    """

    fittings: tuple[Fitting, ...]
    series: Series
    mechanisms: tuple[str, ...]
    thin: int


def fit(record: Record, rules: Rules, run: Runner) -> Fitted:
    """The dependencies that may stand behind a record.

    Args:
        record: What was recorded.
        rules: What was in force.
        run: Carries out runs.
    """
    seen = look(record)
    series = recorded_series(record)
    thin = _thin(rules, seen, sum(series.attempts))
    bench = Bench(record=record, seen=seen, series=series, rules=rules, run=run, thin=thin)
    mechanisms = seen.mechanisms
    if seen.suffered:
        found = bench.search()
        kept = chosen(found, seen.edges, _FEWER if bench.per_run > HEAVY else _KEPT)
        mechanisms = (*mechanisms, *told(record.onset_s, kept[0].guess))
    else:
        kept = bench.scored([*_quotas(seen), *_unseen_limits(seen)])
    return Fitted(fittings=tuple(kept), series=series, mechanisms=mechanisms, thin=thin)


def _quotas(seen: Seen) -> list[Guess]:
    """A quota is read off the stretches in which it held, and not all of those were full.

    Whether it keeps what was not asked for shows only when less is asked: both are kept.
    """
    if seen.base.quota_per_s is None:
        return [Guess()]
    scales = (1.0, 0.8, 0.88, 0.94, 1.08)
    return [Guess(quota=scale, spare_s=spare_s) for scale in scales for spare_s in (1.0, 0.2)]


def _unseen_limits(seen: Seen) -> list[Guess]:
    """Limits that the record does not contradict: nobody has seen what lies beyond the peak."""
    return [Guess(capacity_per_s=factor * seen.peak_per_s) for factor in (1.3, 2.0, 4.0)]


def _thin(rules: Rules, seen: Seen, attempts: int) -> int:
    """How many calls may stand for one: budgets and breakers count calls, so with them every one is run."""
    counts = any(p.circuit.enabled or p.retry.budget or p.hedge.enabled for p in rules.policies)
    if counts:
        return 1
    least = _LEAST_WORKERS if attempts < _MANY else _FEWEST_WORKERS
    most = max(1, int(seen.peak_per_s * seen.mean_s / least))
    return max(1, min(most, attempts // _PER_RUN))
