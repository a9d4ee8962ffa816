"""Where the search for a dependency begins, and how it goes on from a guess to others near it."""

import math
import random
from typing import Final

from recourse_observe.whatif.guess import Guess
from recourse_observe.whatif.record import Record
from recourse_observe.whatif.seen import Full, Seen
from recourse_observe.whatif.series import ending_of
from recourse_observe.whatif.trace import Ending

__all__ = ["drawn", "filled", "least_per_s", "near", "plain_slowdown", "turned"]

_AMONG: Final = (1, 1, 2, 3, 4)
_STEEPEST: Final = 10.0
# How often a draw is of this kind.
_OWN_EDGES: Final = 0.6
_WHOLE: Final = 0.4
_AT_ONCE: Final = 0.5
_NO_SLOWDOWN: Final = 0.15
_LOST_WORKERS: Final = 0.25
_NO_BOUND: Final = 0.3
_DROPS: Final = 0.15
_SHARES: Final = 0.3
_STILL_SLOW: Final = 0.5
# The part of the time of trouble that a trigger lasts.
_SHORT: Final = 0.4
# How often a step changes this, and nothing else.
_OTHER_INSTANCES: Final = 0.15
_OTHER_TROUBLE: Final = 0.25
_OTHER_CARE: Final = 0.32
_OTHER_SHARING: Final = 0.4
_OTHER_END: Final = 0.55


def least_per_s(seen: Seen) -> float:
    """Requests per second that it can take at least."""
    return max(0.95 * seen.peak_per_s, 1.02 * seen.usual_per_s)


def plain_slowdown(record: Record, seen: Seen) -> float:
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


def filled(seen: Seen) -> list[Guess]:
    """A queue was full: while everything was slow, or after a shorter trigger."""
    assert seen.full is not None  # noqa: S101  # asked only then
    full, (from_s, to_s) = seen.full, seen.edges
    most = min(_STEEPEST, seen.most_slowdown)

    def guess(
        capacity: float, trouble: float, over_s: float, share: float = 1.0, among: int = 1
    ) -> Guess:
        waiting = full.waiting(share * full.rate)
        # It took more when it was well: what it takes less is trouble.
        least = max(1.0, least_per_s(seen) / capacity) if trouble > 1.0 else 1.0
        room, trouble = least * capacity, least * trouble
        return Guess(room, waiting / room, trouble, from_s, over_s, instances=among)

    slow = [
        guess(share * full.rate * most**part, most**part, to_s, share, among)
        for part in (0.25, 0.5, 0.75, 1.0)
        for share, among in ((0.7, 3), (1.0, 1))
    ]
    # What kept it down after the last was turned away is about what it can take.
    lasted = [
        guess(part * full.held_per_s, part * full.held_per_s / full.rate, full.last_s + 0.5, 1.0, n)
        for part, n in ((0.8, 1), (0.9, 3), (1.0, 1), (1.1, 3))
        if full.held_per_s > full.rate
    ]
    full_s = from_s + full.filling_s
    # It was slow while the queue filled: what was worked off meanwhile is less by as much.
    short = [
        guess(full.rate, most**part, full_s, 1.0 / most**part, among)
        for part in (0.3, 0.55, 0.8)
        for among in (1, 3)
    ]
    lost = [
        guess(full.rate * much, much, to_s, 1.0, among) for much in (2.0, 3.5) for among in (1, 3)
    ]
    # More calls came than it can take: then nothing else need be wrong.
    none = [
        Guess(part * full.rate, queue_s, 1.0, from_s, from_s, instances=among)
        for part, queue_s, among in (
            (0.8, 0.7, 3),
            (0.8, 2.5, 1),
            (0.9, 1.5, 4),
            (1.0, 0.7, 1),
            (1.0, 2.5, 3),
        )
    ]
    found = [*none, *slow, *lasted, *short, *_seen_short(full, from_s)]
    if full.held:
        shared = _bounded(seen, full)
    else:
        shared = [one._replace(shares=True) for one in found if one.instances == 1]
    return [*found, *map(_of_workers, lost), *shared]


def _bounded(seen: Seen, full: Full) -> list[Guess]:
    """It works on so many at once and no more, and what is given up makes room for another.

    So it took more than it worked off, and only successes tell how much it can take.
    """
    (from_s, to_s), most = seen.edges, min(_STEEPEST, seen.most_slowdown)
    short_s = min(to_s, max(from_s + full.filling_s, from_s + _SHORT * (to_s - from_s)))
    return [
        Guess(
            much * least_per_s(seen),
            max(1.0, full.held - much * least_per_s(seen) * seen.mean_s)
            / (much * least_per_s(seen)),
            most**part,
            from_s,
            over_s,
            abandons=True,
            shares=True,
        )
        for much in (1.0, 1.3, 1.8)
        for part, over_s in ((0.0, from_s), (0.4, to_s), (0.8, to_s), (0.6, short_s))
    ]


def _seen_short(full: Full, from_s: float) -> list[Guess]:
    """That more was taken of the full queue later tells when it was well again, and how bad it was."""
    if not full.slow_rate:
        return []
    trouble, waiting_s = full.rate / full.slow_rate, full.waiting(full.slow_rate) / full.rate
    slow = [
        Guess(full.rate, waiting_s, trouble, from_s, full.slow_to_s - early_s, instances=among)
        for early_s in (0.0, 4.0)
        for among in (1, 3)
    ]
    return [*slow, *map(_of_workers, slow[:2])]


def _of_workers(guess: Guess) -> Guess:
    """The same trouble, because workers are lost and not because they are slow."""
    return guess._replace(slowdown=1.0, working=1.0 / guess.slowdown)


def drawn(record: Record, seen: Seen, rng: random.Random) -> Guess:
    """Anything that the record does not contradict."""
    by_story = record.end_s > record.onset_s and rng.random() > _OWN_EDGES
    began_s, over_s = (record.onset_s, record.end_s) if by_story else seen.edges
    whole = rng.random() < _WHOLE
    to_s = over_s if whole else began_s + (over_s - began_s) * math.exp(rng.uniform(-3.5, -0.1))
    # Trouble may show later than it begins.
    lead_s = 0.0 if rng.random() < _AT_ONCE else rng.uniform(0.0, 6.0)
    # A surge of calls needs no slowdown: its calls are among those that were recorded.
    slowdown, working = 1.0, 1.0
    kind = rng.random()
    if kind > 1.0 - _LOST_WORKERS:
        working = math.exp(-rng.uniform(0.2, 1.8))
    elif kind > _NO_SLOWDOWN:
        slowdown = seen.most_slowdown ** rng.uniform(0.1, 1.0)
    capacity_per_s, queue_s = _drawn_room(seen, rng, slowdown / working)
    return Guess(
        capacity_per_s,
        queue_s,
        slowdown,
        began_s - lead_s,
        to_s,
        instances=rng.choice(_AMONG),
        working=working,
        abandons=rng.random() < _DROPS,
        shares=rng.random() < _SHARES,
    )


def _drawn_room(seen: Seen, rng: random.Random, trouble: float) -> tuple[float, float]:
    """A capacity and a queue, in seconds of work, that the record does not contradict."""
    if seen.full is None:
        queue_s = math.inf if rng.random() < _NO_BOUND else math.exp(rng.uniform(-1.5, 3.5))
        return least_per_s(seen) * math.exp(rng.uniform(0.0, 1.6)), queue_s
    full = seen.full
    rate = full.rate * math.exp(rng.gauss(-0.1, 0.2))
    # The queue was full while it was slow, or because of what that had set off.
    capacity = rate * (trouble if rng.random() < _STILL_SLOW else 1.0)
    return capacity, full.waiting(rate) / capacity * math.exp(rng.gauss(0.0, 0.2))


def turned(guess: Guess) -> list[Guess]:
    """The same numbers at a dependency that works in another way."""
    return [
        guess._replace(shares=not guess.shares),
        guess._replace(shares=not guess.shares, abandons=not guess.abandons),
        guess._replace(abandons=not guess.abandons),
        guess._replace(shares=True, slowdown=1.0 / guess.working, working=1.0 / guess.slowdown),
    ]


def near(record: Record, guess: Guess, rng: random.Random, width: float) -> Guess:
    """A guess like another one: a little different in size, or in one thing of kind."""
    kind = rng.random()
    if kind < _OTHER_INSTANCES:
        others = [n for n in set(_AMONG) if n != guess.instances]
        room = guess.capacity_per_s * math.exp(rng.gauss(0.05, 0.5 * width))
        return guess._replace(instances=rng.choice(others), capacity_per_s=room)
    if kind < _OTHER_TROUBLE:
        return guess._replace(slowdown=1.0 / guess.working, working=1.0 / guess.slowdown)
    if kind < _OTHER_CARE:
        return guess._replace(abandons=not guess.abandons)
    if kind < _OTHER_SHARING:
        return guess._replace(shares=not guess.shares)
    if kind < _OTHER_END:
        return guess._replace(to_s=_other_end(record, guess, rng, width))
    return guess._replace(
        capacity_per_s=guess.capacity_per_s * math.exp(rng.gauss(0.0, width)),
        queue_s=guess.queue_s * math.exp(rng.gauss(0.0, 2.0 * width)),
        slowdown=_grown(guess.slowdown, rng.gauss(0.0, 1.5 * width)),
        working=1.0 / _grown(1.0 / guess.working, rng.gauss(0.0, 1.5 * width)),
        from_s=guess.from_s + rng.gauss(0.0, 5.0 * width),
    )


def _grown(much: float, by: float) -> float:
    """A trouble that is greater by so much, on a logarithmic scale; none stays none."""
    return much if much <= 1.0 else max(1.0, much * math.exp(by))


def _other_end(record: Record, guess: Guess, rng: random.Random, width: float) -> float:
    moved_s = rng.gauss(0.0, width * (guess.to_s - guess.from_s + 10.0))
    return min(record.length_s, max(guess.from_s + 1.0, guess.to_s + moved_s))
