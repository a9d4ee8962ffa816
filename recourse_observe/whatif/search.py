"""Searches for what a client cannot see: guesses are run under the recorded policy and compared."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from recourse_observe.whatif.guess import Guess, dependency_of
from recourse_observe.whatif.kinds import Fitting, kind_of, leaders
from recourse_observe.whatif.process import Rules
from recourse_observe.whatif.queue_guesses import filled
from recourse_observe.whatif.record import Record
from recourse_observe.whatif.runs import Runner, Task
from recourse_observe.whatif.seen import Seen
from recourse_observe.whatif.series import Series, distance
from recourse_observe.whatif.starts import drawn, near, plain_slowdown, turned

__all__ = ["HEAVY", "SEED", "Bench"]

# The luck of every run of the search: guesses differ in nothing else.
SEED: Final = 1
# Runs of more attempts are too dear for a thorough search.
HEAVY: Final = 20_000
# Attempts that may be simulated for draws, and for each step of the search after them.
_DRAWS: Final = 40_000
_STEPS: Final = 25_000
_NEARBY: Final = (0.88, 1.12)
_WIDTHS: Final = (0.4, 0.3, 0.2, 0.1)
_PARENTS: Final = 2
_HALVINGS: Final = 4


class Room(NamedTuple):
    """How much more than the least it must the dependency can take, and how that is made up.

    Attributes:
        much: 0: as much as you like.
        loses: Its trouble is that workers are lost, not that they are slow.
        lasts: The part of the time of trouble for which that is so; retries do the rest.
        shares: Whether all requests are worked on at once.
    """

    much: float
    instances: int = 1
    loses: bool = False
    lasts: float = 1.0
    shares: bool = False


_ROOMS: Final = (
    Room(1.1),
    Room(1.5),
    Room(2.5),
    Room(0.0),
    Room(1.3, instances=3),
    Room(2.2, instances=3),
    Room(1.5, loses=True),
    Room(2.2, instances=3, loses=True),
    Room(1.1, lasts=0.4),
    Room(1.4, instances=3, lasts=0.4),
    Room(1.2, shares=True),
    Room(2.0, shares=True),
    Room(1.2, lasts=0.4, shares=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where guesses are tried against the record.

    Attributes:
        thin: How many calls stand for one in a run.
    """

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
        record, seen = self.record, self.seen
        rng = random.Random(7)  # noqa: S311  # a search, no secret
        draws = max(3, min(10, _DRAWS // (1 + self.per_run)))
        steps = max(2, min(9, _STEPS // (1 + self.per_run)))
        found = self._levelled() if seen.full is None else self.scored(filled(seen))
        found += self.scored([drawn(record, seen, rng) for _ in range(draws)])
        found += self.scored(turned(self._parents(found)[0].guess))
        for width in _WIDTHS:
            parents = self._parents(found)
            turns = [parents[turn % len(parents)].guess for turn in range(steps)]
            steps_taken = [near(record, guess, rng, width) for guess in turns]
            found += self.scored(list(map(self._likely, steps_taken)))
        best = min(found, key=lambda one: one.distance).guess
        nearby = [best._replace(slowdown=max(1.0, best.slowdown * much)) for much in _NEARBY]
        return sorted(
            [*found, *self.scored(list(map(self._likely, nearby)))], key=lambda one: one.distance
        )

    def _likely(self, guess: Guess) -> Guess:
        """A guess that is no slower than requests were before there was a queue."""
        return guess._replace(slowdown=min(guess.slowdown, self.seen.most_slowdown))

    def _parents(self, found: Sequence[Fitting]) -> list[Fitting]:
        """The best that blame the whole of the trouble on the outside, and that blame retries."""
        first = leaders(found, self.seen.edges)
        short = [one for one in first if kind_of(one.guess, self.seen.edges).short]
        whole = [one for one in first if not kind_of(one.guess, self.seen.edges).short]
        return [*whole[:_PARENTS], *short[:_PARENTS]]

    @property
    def per_run(self) -> int:
        """Attempts that one run makes."""
        return sum(self.series.attempts) // self.thin

    def _levelled(self) -> list[Fitting]:
        """For each room the trouble that cuts off as many attempts as were cut off.

        A slower dependency with room and a less slow one without look much alike: both are kept,
        because another policy tells them apart.
        """
        wanted = sum(self.series.cut_off)
        heavy = self.per_run > HEAVY
        rooms, halvings = (_ROOMS[::2], 2) if heavy else (_ROOMS, _HALVINGS)
        most = min(self.seen.most_slowdown, 1.6 * plain_slowdown(self.record, self.seen))
        bounds = [(0.0, math.log(max(3.0, most) if room.loses else most)) for room in rooms]
        found: list[Fitting] = []
        for _ in range(halvings):
            middles = [(low + high) / 2 for low, high in bounds]
            fittings, cut = self._tried(list(map(self._in_room, rooms, middles)))
            found += fittings
            bounds = [
                (low, middle) if made > wanted else (middle, high)
                for made, middle, (low, high) in zip(cut, middles, bounds, strict=True)
            ]
        return found

    def _in_room(self, room: Room, trouble: float) -> Guess:
        from_s, to_s = self.seen.edges
        return Guess(
            room.much * self.seen.least_per_s,
            math.inf,
            1.0 if room.loses else math.exp(trouble),
            from_s,
            from_s + room.lasts * (to_s - from_s),
            instances=room.instances,
            working=math.exp(-trouble) if room.loses else 1.0,
            shares=room.shares,
        )

    def _tried(self, guesses: Sequence[Guess]) -> tuple[list[Fitting], list[float]]:
        """Guesses with their distance, and how many attempts each run cut off."""
        specs = [dependency_of(self.record, self.seen, guess) for guess in guesses]
        most = 2 * sum(self.series.attempts) + 1_000
        outcomes = self.run([Task(spec, self.rules, SEED, self.thin, most) for spec in specs])
        fittings = [
            Fitting(spec, distance(self.series, outcome.series, self.thin), guess, outcome)
            for spec, outcome, guess in zip(specs, outcomes, guesses, strict=True)
        ]
        return fittings, [self.thin * sum(outcome.series.cut_off) for outcome in outcomes]
