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
# Runs of more attempts are too dear for a thorough search.
_HEAVY: Final = 20_000
_ALL_RUNS: Final = 60_000
_LEAST_WORKERS: Final = 6
_FEWEST_WORKERS: Final = 3
_MANY: Final = 100_000
_KEPT: Final = 7
_FEWER: Final = 3
_NEARBY: Final = (0.88, 1.12)
# How much more than the least it must the dependency can take; 0: as much as you like.
_ROOM: Final = (1.1, 1.35, 1.8, 2.8, 0.0)
_HALVINGS: Final = 4


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
        mechanisms: What the dependency does, one sentence each.
        thin: How much runs may be thinned.
    """

    fittings: tuple[Fitting, ...]
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
    bench = _Bench(record=record, seen=seen, series=series, rules=rules, run=run, thin=thin)
    mechanisms = seen.mechanisms
    if seen.suffered:
        found = bench.search()
        close = [one for one in found if one.distance <= 1.35 * found[0].distance + 0.01]
        kept = _unlike(close)[: _FEWER if sum(series.attempts) > thin * _HEAVY else _KEPT]
        kept = kept if len(kept) > 1 else _unlike(found)[:2]
        mechanisms = (*mechanisms, *_told(record.onset_s, kept[0].guess))
    else:
        kept = bench.scored([*_quotas(seen), *_unseen_limits(seen)])
    return Fitted(fittings=tuple(kept), mechanisms=mechanisms, thin=thin)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """Where guesses are tried against the record."""

    record: Record
    seen: Seen
    series: Series
    rules: Rules
    run: Runner
    thin: int

    def scored(self, guesses: Sequence[Guess]) -> list[Fitting]:
        """Guesses with how far they are from the record, the best first."""
        return sorted(self._tried(guesses)[0], key=lambda one: one.distance)

    def search(self) -> list[Fitting]:
        """What was found that may stand behind the record, the best first."""
        rng = random.Random(7)  # noqa: S311  # a search, no secret
        runs = max(3, min(18, _ALL_RUNS // (1 + self._per_run)))
        found = self._levelled() if self.seen.full is None else self.scored(_filled(self.seen))
        found += self.scored([_drawn(self, rng) for _ in range(runs)])
        for width in (0.3, 0.15):
            found.sort(key=lambda one: one.distance)
            parents = _unlike(found)[:3]
            near = [
                _near(self.record, rng.choice(parents).guess, rng, width) for _ in range(runs // 3)
            ]
            found += self.scored(near)
        best = min(found, key=lambda one: one.distance).guess
        near = [best._replace(slowdown=max(1.0, best.slowdown * much)) for much in _NEARBY]
        return sorted([*found, *self.scored(near)], key=lambda one: one.distance)

    def _levelled(self) -> list[Fitting]:
        """For each capacity the slowdown that cuts off as many attempts as were cut off.

        A slower dependency with room and a less slow one without look much alike: both are kept,
        because another policy tells them apart.
        """
        from_s, to_s = self.seen.edges
        wanted = sum(self.series.cut_off)
        heavy = self._per_run > _HEAVY
        rooms, halvings = (_ROOM[::2], 2) if heavy else (_ROOM, _HALVINGS)
        bounds = [
            (
                0.0,
                math.log(
                    min(self.seen.most_slowdown, 1.6 * _plain_slowdown(self.record, self.seen))
                ),
            )
        ] * len(rooms)
        found: list[Fitting] = []
        for _ in range(halvings):
            guesses = [
                Guess(room * self._least(), math.inf, math.exp((low + high) / 2), from_s, to_s)
                for room, (low, high) in zip(rooms, bounds, strict=True)
            ]
            fittings, cut = self._tried(guesses)
            found += fittings
            bounds = [
                (low, (low + high) / 2) if made > wanted else ((low + high) / 2, high)
                for made, (low, high) in zip(cut, bounds, strict=True)
            ]
        return found

    @property
    def _per_run(self) -> int:
        """Attempts that one run makes."""
        return sum(self.series.attempts) // self.thin

    def _least(self) -> float:
        """Requests per second that it can take at least."""
        return max(0.95 * self.seen.peak_per_s, 1.02 * self.seen.usual_per_s)

    def drawn_room(self, rng: random.Random, slowdown: float) -> tuple[float, float]:
        """A capacity and a queue, in seconds of work, that the record does not contradict."""
        if self.seen.full is None:
            queue_s = math.inf if rng.random() < 0.3 else math.exp(rng.uniform(-1.5, 3.5))  # noqa: PLR2004  # a part, as the docstring says
            return self._least() * math.exp(rng.uniform(0.0, 1.6)), queue_s
        full = self.seen.full
        rate = full.rate * math.exp(rng.gauss(-0.1, 0.2))
        # The queue was full while it was slow, or because of what that had set off.
        capacity = rate * (slowdown if rng.random() < 0.5 else 1.0)  # noqa: PLR2004  # a part, as the docstring says
        return capacity, full.waiting(rate) / capacity * math.exp(rng.gauss(0.0, 0.2))

    def _tried(self, guesses: Sequence[Guess]) -> tuple[list[Fitting], list[float]]:
        """Guesses with their distance, and how many attempts each run cut off."""
        specs = [dependency_of(self.record, self.seen, guess) for guess in guesses]
        most = 2 * sum(self.series.attempts) + 1_000
        outcomes = self.run([Task(spec, self.rules, 1, self.thin, most) for spec in specs])
        fittings = [
            Fitting(spec, distance(self.series, outcome.series, self.thin), guess)
            for spec, outcome, guess in zip(specs, outcomes, guesses, strict=True)
        ]
        return fittings, [self.thin * sum(outcome.series.cut_off) for outcome in outcomes]


def _filled(seen: Seen) -> list[Guess]:
    """A queue was full: while everything was slow, or after a shorter trigger."""
    assert seen.full is not None  # noqa: S101  # asked only then
    full, (from_s, to_s) = seen.full, seen.edges
    most = min(10.0, seen.most_slowdown)

    def guess(capacity: float, slowdown: float, over_s: float, share: float = 1.0) -> Guess:
        waiting = full.waiting(share * full.rate)
        return Guess(capacity, waiting / capacity, slowdown, from_s, over_s)

    slow = [
        guess(share * full.rate * most**part, most**part, to_s, share)
        for part in (0.25, 0.5, 0.75, 1.0)
        for share in (0.7, 1.0)
    ]
    # What kept it down after the last was turned away is about what it can take.
    lasted = [
        guess(part * full.held_per_s, part * full.held_per_s / full.rate, full.last_s + 0.5)
        for part in (0.8, 0.9, 1.0, 1.1)
        if full.held_per_s > full.rate
    ]
    short = [
        guess(full.rate, much, from_s + part * (to_s - from_s))
        for much in (most, most**0.5)
        for part in (0.15, 0.4)
    ]
    return [guess(full.rate, 1.0, from_s), *slow, *lasted, *short]


def _plain_slowdown(record: Record, seen: Seen) -> float:
    """How much slower everything would be if what was cut off were slow, and not waiting."""
    from_s, to_s = seen.edges
    worked = [t for t in record.attempts if t.ran and from_s <= t.at_s < to_s]
    worked = [t for t in worked if ending_of(t) is not Ending.ERROR]
    if not worked:
        return 1.0
    cut = sum(t.outcome != "success" for t in worked) / len(worked)
    waited = sorted(t.duration_s for t in worked)
    share = min(0.99, max(0.01, 1.0 - cut)) if cut else 0.5
    usual_s = seen.base.service_s[int(share * len(seen.base.service_s))]
    return max(1.1, waited[-1 if cut else len(waited) // 2] / usual_s)


def _drawn(bench: _Bench, rng: random.Random) -> Guess:
    record, seen = bench.record, bench.seen
    began_s, over_s = seen.edges if rng.random() < 0.6 else (record.onset_s, record.end_s)  # noqa: PLR2004  # whose edges
    whole = rng.random() < 0.4  # noqa: PLR2004  # the slowdown lasts as long as the incident
    to_s = over_s if whole else began_s + (over_s - began_s) * math.exp(rng.uniform(-3.5, -0.1))
    lead_s = 0.0 if rng.random() < 0.5 else rng.uniform(0.0, 6.0)  # noqa: PLR2004  # trouble shows later than it begins
    # A surge of calls needs no slowdown: its calls are among those that were recorded.
    slowdown = 1.0 if rng.random() < 0.15 else seen.most_slowdown ** rng.uniform(0.1, 1.0)  # noqa: PLR2004  # a part, as the docstring says
    return Guess(*bench.drawn_room(rng, slowdown), slowdown, began_s - lead_s, to_s)


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


def _thin(rules: Rules, seen: Seen, attempts: int) -> int:
    """How many calls may stand for one: budgets and breakers count calls, so with them every one is run."""
    counts = any(p.circuit.enabled or p.retry.budget or p.hedge.enabled for p in rules.policies)
    if counts:
        return 1
    least = _LEAST_WORKERS if attempts < _MANY else _FEWEST_WORKERS
    most = max(1, int(seen.peak_per_s * seen.mean_s / least))
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
