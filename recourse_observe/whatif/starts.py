"""Where the search for a dependency begins, and how it goes on from a guess to others near it."""

import math
import random
from typing import Final

from recourse_observe.whatif.guess import Guess
from recourse_observe.whatif.record import Record
from recourse_observe.whatif.seen import Seen
from recourse_observe.whatif.series import ending_of
from recourse_observe.whatif.trace import Ending

__all__ = ["drawn", "near", "plain_slowdown", "turned"]

_AMONG: Final = (1, 1, 2, 3, 4)
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
# How often a step changes this, and nothing else.
_OTHER_INSTANCES: Final = 0.15
_OTHER_TROUBLE: Final = 0.25
_OTHER_CARE: Final = 0.32
_OTHER_SHARING: Final = 0.4
_OTHER_END: Final = 0.55


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
        return seen.least_per_s * math.exp(rng.uniform(0.0, 1.6)), queue_s
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
