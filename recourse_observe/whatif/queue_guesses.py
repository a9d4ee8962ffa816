"""How a queue may have become full, as guesses that the search for a dependency begins with."""

from dataclasses import dataclass
from typing import Final

from recourse_observe.whatif.full_queue import Full
from recourse_observe.whatif.guess import Guess
from recourse_observe.whatif.seen import Seen

__all__ = ["filled"]

_STEEPEST: Final = 10.0
# The part of the time of trouble that a trigger lasts.
_SHORT: Final = 0.4
# Parts of what it can take, seconds of work that may wait, and among how many instances.
_SURGED: Final = ((0.8, 0.7, 3), (0.8, 2.5, 1), (0.9, 1.5, 4), (1.0, 0.7, 1), (1.0, 2.5, 3))
_LASTED: Final = ((0.8, 1), (0.9, 3), (1.0, 1), (1.1, 3))


def filled(seen: Seen) -> list[Guess]:
    """The guesses about a full queue, the plainest first."""
    assert seen.full is not None  # noqa: S101  # asked only then
    ways = _Ways(seen, seen.full)
    alone = [*ways.surged(), *ways.slow(), *ways.lasted(), *ways.slow_at_first()]
    alone += ways.seen_slow_at_first()
    shared = [one._replace(shares=True) for one in alone if one.instances == 1]
    return [*alone, *ways.lost_workers(), *(ways.bounded() if seen.full.held else shared)]


@dataclass(frozen=True, slots=True)
class _Ways:
    """The ways in which it may have become full, each as some guesses."""

    seen: Seen
    full: Full

    def surged(self) -> list[Guess]:
        """More calls came than it can take: then nothing else need be wrong."""
        rate, (from_s, _) = self.full.rate, self.seen.edges
        return [
            Guess(part * rate, queue_s, 1.0, from_s, from_s, instances=among)
            for part, queue_s, among in _SURGED
        ]

    def slow(self) -> list[Guess]:
        """It was slow while there was trouble."""
        rate, (_, to_s) = self.full.rate, self.seen.edges
        return [
            self._guess(share * rate * self._most**part, self._most**part, to_s, share, among)
            for part in (0.25, 0.5, 0.75, 1.0)
            for share, among in ((0.7, 3), (1.0, 1))
        ]

    def lasted(self) -> list[Guess]:
        """What kept it full after the last was turned away is about what it can take."""
        rate, held, over_s = self.full.rate, self.full.held_per_s, self.full.last_s + 0.5
        if held <= rate:
            return []
        return [
            self._guess(part * held, part * held / rate, over_s, among=among)
            for part, among in _LASTED
        ]

    def slow_at_first(self) -> list[Guess]:
        """It was slow while the queue filled: what was worked off meanwhile is less by as much."""
        full_s = self.seen.edges[0] + self.full.filling_s
        return [
            self._guess(self.full.rate, trouble, full_s, 1.0 / trouble, among)
            for trouble in (self._most**part for part in (0.3, 0.55, 0.8))
            for among in (1, 3)
        ]

    def seen_slow_at_first(self) -> list[Guess]:
        """That more was taken of it later tells when it was well again, and how bad it was."""
        full = self.full
        if not full.slow_rate:
            return []
        trouble, queue_s = full.rate / full.slow_rate, full.waiting(full.slow_rate) / full.rate
        slow = [
            Guess(full.rate, queue_s, trouble, self.seen.edges[0], over_s, instances=among)
            for over_s in (full.slow_to_s, full.slow_to_s - 4.0)
            for among in (1, 3)
        ]
        return [*slow, *map(_of_workers, slow[:2])]

    def lost_workers(self) -> list[Guess]:
        """Workers were gone while there was trouble."""
        rate, (_, to_s) = self.full.rate, self.seen.edges
        return [
            _of_workers(self._guess(rate * much, much, to_s, among=among))
            for much in (2.0, 3.5)
            for among in (1, 3)
        ]

    def bounded(self) -> list[Guess]:
        """It works on so many at once and no more, and what is given up makes room for another.

        So it took more than it worked off, and only successes tell how much it can take.
        """
        from_s, to_s = self.seen.edges
        filled_s = from_s + self.full.filling_s
        short_s = min(to_s, max(filled_s, from_s + _SHORT * (to_s - from_s)))
        rooms = [much * self.seen.least_per_s for much in (1.0, 1.3, 1.8)]
        waiting = [max(1.0, self.full.held - room * self.seen.mean_s) for room in rooms]
        return [
            Guess(room, queue / room, trouble, from_s, over_s, abandons=True, shares=True)
            for room, queue in zip(rooms, waiting, strict=True)
            for trouble, over_s in (
                (1.0, from_s),
                (self._most**0.4, to_s),
                (self._most**0.8, to_s),
                (self._most**0.6, short_s),
            )
        ]

    @property
    def _most(self) -> float:
        """The worst slowdown that is worth a guess."""
        return min(_STEEPEST, self.seen.most_slowdown)

    def _guess(
        self, capacity: float, trouble: float, over_s: float, share: float = 1.0, among: int = 1
    ) -> Guess:
        """A dependency that took so much when it was well, and a queue that was filled meanwhile."""
        waiting = self.full.waiting(share * self.full.rate)
        # It took more when it was well: what it takes less is trouble.
        least = max(1.0, self.seen.least_per_s / capacity) if trouble > 1.0 else 1.0
        room, trouble = least * capacity, least * trouble
        return Guess(room, waiting / room, trouble, self.seen.edges[0], over_s, instances=among)


def _of_workers(guess: Guess) -> Guess:
    """The same trouble, because workers are lost and not because they are slow."""
    return guess._replace(slowdown=1.0, working=1.0 / guess.slowdown)
