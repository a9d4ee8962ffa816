"""Fits a dependency to what was recorded: read off where the record shows it, searched where it does not.

Service times, failing answers, quotas are read off. How much the dependency can take, how long its
queue is, how much and for how long it was slowed from outside cannot be seen by a client: they are
searched by running the recorded policy until it gives the recorded counts over time. All dependencies
that do so about as well as the best are kept: the interval comes from their differences.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from recourse_observe.whatif.dependency import Dependency, Fault
from recourse_observe.whatif.process import Rules
from recourse_observe.whatif.record import Record
from recourse_observe.whatif.runs import Runner, Task
from recourse_observe.whatif.seen import Seen, look
from recourse_observe.whatif.series import Series, distance, ending_of, recorded_series
from recourse_observe.whatif.trace import Ending

__all__ = ["Fitted", "Fitting", "fit"]

_PER_RUN: Final = 8_000
_ALL_RUNS: Final = 120_000
_LEAST_WORKERS: Final = 6
_KEPT: Final = 7
_NEARBY: Final = (0.85, 0.93, 1.07, 1.15)


class Guess(NamedTuple):
    """What cannot be seen.

    Attributes:
        capacity_per_s: Requests per second; 0: without limit.
        queue_s: Seconds of work that may wait; infinite: without limit.
        slowdown: Of service times, between ``from_s`` and ``to_s``.
        quota: What the quota that was read off is multiplied with.
    """

    capacity_per_s: float = 0.0
    queue_s: float = math.inf
    slowdown: float = 1.0
    from_s: float = 0.0
    to_s: float = 0.0
    quota: float = 1.0


class Fitting(NamedTuple):
    """A dependency that may be the real one, and how far its run is from the record."""

    dependency: Dependency
    distance: float
    guess: Guess


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a fit found.

    Attributes:
        fittings: The best first.
        searched: Whether something had to be searched.
        mechanisms: What the dependency does, one sentence each.
        thin: How much runs may be thinned.
    """

    fittings: tuple[Fitting, ...]
    searched: bool
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
    attempts = max(1, sum(tried.ran for tried in record.attempts))
    thin = _thin(record, rules, seen, attempts)
    if not seen.suffered:
        guesses = [*_quotas(seen), *_unseen_limits(seen)]
        found = _scored(record, seen, guesses, series, rules, run, thin)
        return Fitted(fittings=tuple(found), searched=False, mechanisms=seen.mechanisms, thin=thin)
    rounds = max(12, min(32, _ALL_RUNS * thin // attempts))
    found = _search(record, seen, series, rules, run, thin=thin, rounds=rounds)
    best = found[0].distance
    close = [one for one in found if one.distance <= best + max(0.025, 0.35 * best)]
    kept = _unlike(close)[:_KEPT]
    if len(kept) == 1:
        kept = _unlike(found)[:2]
    return Fitted(
        fittings=tuple(kept),
        searched=True,
        mechanisms=(*seen.mechanisms, *_told(record.onset_s, kept[0].guess)),
        thin=thin,
    )


def _search(  # noqa: PLR0913  # what a search looks at
    record: Record,
    seen: Seen,
    series: Series,
    rules: Rules,
    run: Runner,
    *,
    thin: int,
    rounds: int,
) -> list[Fitting]:
    rng = random.Random(7)  # noqa: S311  # a search, no secret
    plain = _plain_slowdowns(record, seen)
    first = [*plain, *(_drawn(record, seen, rng) for _ in range(rounds // 2))]
    found = _scored(record, seen, first, series, rules, run, thin)
    for width in (0.35, 0.2, 0.1):
        parents = found[:4]
        further = [
            _near(record, rng.choice(parents).guess, rng, width) for _ in range(max(3, rounds // 6))
        ]
        found += _scored(record, seen, further, series, rules, run, thin)
        found.sort(key=lambda one: one.distance)
    best = found[0].guess
    nearby = [best._replace(slowdown=max(1.0, best.slowdown * much)) for much in _NEARBY]
    found += _scored(record, seen, nearby, series, rules, run, thin)
    return sorted(found, key=lambda one: one.distance)


def _plain_slowdowns(record: Record, seen: Seen) -> list[Guess]:
    """The simplest explanation: everything is slower by so much as cuts off what was cut off."""
    from_s, to_s = seen.edges
    worked = [t for t in record.attempts if t.ran and from_s <= t.at_s < to_s]
    worked = [t for t in worked if ending_of(t) is not Ending.ERROR]
    cut = sum(t.outcome != "success" for t in worked)
    limit_s = max((t.duration_s for t in worked), default=0.0)
    service = seen.base.service_s
    share = min(0.99, max(0.01, 1.0 - cut / max(1, len(worked))))
    factor = limit_s / service[min(len(service) - 1, int(share * len(service)))]
    if not cut:
        waited = sorted(t.duration_s for t in worked)
        factor = waited[len(waited) // 2] / service[len(service) // 2] if waited else 1.0
    return [
        Guess(slowdown=max(1.0, factor * much), from_s=from_s, to_s=to_s)
        for much in (0.8, 1.0, 1.25)
    ]


def _drawn(record: Record, seen: Seen, rng: random.Random) -> Guess:
    began_s, over_s = seen.edges if rng.random() < 0.6 else (record.onset_s, record.end_s)  # noqa: PLR2004  # whose edges
    whole = rng.random() < 0.4  # noqa: PLR2004  # the slowdown lasts as long as the incident
    to_s = over_s if whole else began_s + (over_s - began_s) * math.exp(rng.uniform(-3.5, -0.1))
    lead_s = 0.0 if rng.random() < 0.5 else rng.uniform(0.0, 6.0)  # noqa: PLR2004  # trouble shows later than it begins
    # A surge of calls needs no slowdown: its calls are among those that were recorded.
    slowdown = 1.0 if rng.random() < 0.15 else math.exp(rng.uniform(0.2, 4.0))  # noqa: PLR2004  # a part, as the docstring says
    capacity = 0.0
    if seen.refused_at_per_s is not None:
        capacity = seen.refused_at_per_s * math.exp(rng.gauss(0.0, 0.07))
    elif rng.random() < 0.75:  # noqa: PLR2004  # a limit that matters
        low = max(0.95 * seen.peak_per_s, 1.02 * seen.usual_per_s)
        capacity = low * math.exp(rng.uniform(0.0, 2.0))
    queue_s = math.exp(rng.uniform(-1.5, 3.5))
    if seen.refused_at_per_s is None and rng.random() < 0.3:  # noqa: PLR2004  # nobody was turned away
        queue_s = math.inf
    return Guess(capacity, queue_s, slowdown, began_s - lead_s, to_s)


def _near(record: Record, guess: Guess, rng: random.Random, width: float) -> Guess:
    length_s = record.end_s - record.onset_s
    to_s = guess.to_s + (
        rng.gauss(0.0, width * 0.3 * length_s) if rng.random() < 0.5 else 0.0  # noqa: PLR2004  # a part, as the docstring says
    )  # one thing or another
    return Guess(
        guess.capacity_per_s * math.exp(rng.gauss(0.0, width)),
        guess.queue_s * math.exp(rng.gauss(0.0, 2.0 * width)),
        max(1.0, guess.slowdown * math.exp(rng.gauss(0.0, 1.5 * width))),
        guess.from_s + rng.gauss(0.0, 5.0 * width),
        min(record.end_s + 5.0, max(guess.from_s + 1.0, to_s)),
    )


def _unlike(fittings: Sequence[Fitting]) -> list[Fitting]:
    """The best of each kind: dependencies that take as much and are slow as long are one kind."""
    kinds: dict[tuple[float, float, float], Fitting] = {}
    for one in fittings:
        guess = one.guess
        kinds.setdefault((guess.capacity_per_s, guess.queue_s, guess.to_s), one)
    return list(kinds.values())


def _quotas(seen: Seen) -> list[Guess]:
    """A quota is read off the stretches in which it held, and not all of those were full."""
    if seen.base.quota_per_s is None:
        return [Guess()]
    return [Guess(quota=scale) for scale in (1.0, 0.8, 0.86, 0.92, 0.96, 1.04, 1.1)]


def _unseen_limits(seen: Seen) -> list[Guess]:
    """Limits that the record does not contradict: nobody has seen what lies beyond the peak."""
    return [Guess(capacity_per_s=factor * seen.peak_per_s) for factor in (1.3, 2.0, 4.0)]


def _scored(  # noqa: PLR0913, PLR0917  # what a score needs
    record: Record,
    seen: Seen,
    guesses: Sequence[Guess],
    series: Series,
    rules: Rules,
    run: Runner,
    thin: int,
) -> list[Fitting]:
    specs = [dependency_of(record, seen, guess) for guess in guesses]
    most = 2 * sum(series.attempts) + 1_000
    outcomes = run([Task(spec, rules, 1, thin, most) for spec in specs])
    scored = [
        Fitting(spec, distance(series, outcome.series, thin), guess)
        for spec, outcome, guess in zip(specs, outcomes, guesses, strict=True)
    ]
    return sorted(scored, key=lambda one: one.distance)


def dependency_of(record: Record, seen: Seen, guess: Guess) -> Dependency:
    """The dependency of a guess."""
    workers = 0
    if guess.capacity_per_s:
        workers = max(1, round(guess.capacity_per_s * seen.mean_s))
    rate = seen.base.quota_per_s
    endless = math.isinf(guess.queue_s) or not workers
    return replace(
        seen.base,
        workers=workers,
        queue=None if endless else max(1, round(guess.queue_s * guess.capacity_per_s)),
        quota_per_s=None if rate is None else rate * guess.quota,
        faults=_slowed(seen.base.faults, guess, record.length_s),
    )


def _slowed(faults: Sequence[Fault], guess: Guess, length_s: float) -> tuple[Fault, ...]:
    """The schedule with the slowdown laid over it."""
    if guess.slowdown <= 1.0 or guess.to_s <= guess.from_s:
        return tuple(faults)
    edges = sorted(
        {0.0, guess.from_s, guess.to_s, length_s}
        | {f.start_s for f in faults}
        | {f.end_s for f in faults}
    )
    made = []
    for start_s, end_s in zip(edges, [*edges[1:], math.inf], strict=True):
        own = next((f for f in faults if f.start_s <= start_s < f.end_s), None)
        slow = guess.slowdown if guess.from_s <= start_s < guess.to_s else 1.0
        if math.isinf(start_s) or (own is None and slow == 1.0):
            continue
        errors = own.errors if own else ()
        poison = own.poison if own else None
        made.append(
            Fault(start_s=start_s, end_s=end_s, slowdown=slow, errors=errors, poison=poison)
        )
    return tuple(made)


def _thin(record: Record, rules: Rules, seen: Seen, attempts: int) -> int:  # noqa: ARG001  # likewise
    """How many calls may stand for one: budgets and breakers count calls, so with them every one is run."""
    counts = any(p.circuit.enabled or p.retry.budget or p.hedge.enabled for p in rules.policies)
    if counts:
        return 1
    most = max(1, int(seen.peak_per_s * seen.mean_s / _LEAST_WORKERS))
    return max(1, min(most, attempts // _PER_RUN))


def _told(onset_s: float, guess: Guess) -> list[str]:
    told = []
    if guess.slowdown > 1.05:  # noqa: PLR2004  # hardly slower
        lasted_s = guess.to_s - guess.from_s
        after = guess.from_s - onset_s
        told.append(
            f"it is about {guess.slowdown:.2g} times as slow for {lasted_s:.3g} s, from {after:+.2g} s of the onset"
        )
    if guess.capacity_per_s:
        told.append(f"it can take about {guess.capacity_per_s:.3g} requests per second")
        if not math.isinf(guess.queue_s):
            told.append(f"its queue holds about {guess.queue_s:.2g} s of work")
    return told
