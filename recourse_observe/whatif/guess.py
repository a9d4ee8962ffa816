"""What a client cannot see of a dependency, as a guess, and the dependency that a guess stands for."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from recourse_observe.whatif.dependency import Dependency, Fault
from recourse_observe.whatif.record import Record
from recourse_observe.whatif.seen import Seen

__all__ = ["Guess", "dependency_of", "told"]

_NOTICED: Final = 1.05
_PACE: Final = (0.7, 1.1)


class Guess(NamedTuple):
    """What cannot be seen.

    Attributes:
        capacity_per_s: Requests per second, of all instances; 0: without limit.
        queue_s: Seconds of work that may wait; infinite: without limit.
        slowdown: Of service times, between ``from_s`` and ``to_s``.
        quota: What the quota that was read off is multiplied with.
        spare_s: For how long the quota keeps what was not asked for.
        instances: Among how many the requests are divided at random.
        working: The part of the workers that is there between ``from_s`` and ``to_s``.
        abandons: Whether work is dropped that nobody waits for.
        shares: Whether all requests are worked on at once, each at its part of the workers.
    """

    capacity_per_s: float = 0.0
    queue_s: float = math.inf
    slowdown: float = 1.0
    from_s: float = 0.0
    to_s: float = 0.0
    quota: float = 1.0
    instances: int = 1
    working: float = 1.0
    abandons: bool = False
    shares: bool = False
    spare_s: float = 1.0


def dependency_of(record: Record, seen: Seen, guess: Guess) -> Dependency:
    """The dependency of a guess."""
    workers, instances, pace = 0, 1, 1.0
    if guess.capacity_per_s:
        wanted = guess.capacity_per_s * seen.mean_s
        instances = max(1, min(guess.instances, round(wanted)))
        workers = max(1, round(wanted / instances))
        # Workers are whole; what that adds or takes, their pace takes or adds as far as it may be
        # misjudged: waiting is among what was taken for work.
        pace = min(_PACE[1], max(_PACE[0], instances * workers / wanted))
    rate = seen.base.quota_per_s
    endless = math.isinf(guess.queue_s) or not workers
    waiting = 0.0 if endless else guess.queue_s * guess.capacity_per_s / instances
    return replace(
        seen.base,
        service_s=tuple(pace * seconds for seconds in seen.base.service_s),
        workers=workers,
        instances=instances,
        queue=None if endless else max(1, round(waiting)),
        abandons=guess.abandons,
        shares=guess.shares,
        quota_per_s=None if rate is None else rate * guess.quota,
        quota_spare_s=guess.spare_s,
        faults=_troubled(seen.base.faults, guess, record.length_s),
    )


def _troubled(faults: Sequence[Fault], guess: Guess, length_s: float) -> tuple[Fault, ...]:
    """The schedule with the slowdown and the loss of workers laid over it."""
    harmless = guess.slowdown <= 1.0 and guess.working >= 1.0
    if harmless or guess.to_s <= guess.from_s:
        return tuple(faults)
    edges = sorted(
        {0.0, guess.from_s, guess.to_s, length_s}
        | {f.start_s for f in faults}
        | {f.end_s for f in faults}
    )
    made = []
    for start_s, end_s in zip(edges, [*edges[1:], math.inf], strict=True):
        own = next((f for f in faults if f.start_s <= start_s < f.end_s), None)
        troubled = guess.from_s <= start_s < guess.to_s
        if math.isinf(start_s) or (own is None and not troubled):
            continue
        made.append(
            Fault(
                start_s=start_s,
                end_s=end_s,
                slowdown=guess.slowdown if troubled else 1.0,
                working=guess.working if troubled else 1.0,
                errors=own.errors if own else (),
                poison=own.poison if own else None,
            )
        )
    return tuple(made)


def told(onset_s: float, guess: Guess) -> list[str]:
    """What a guess says, one sentence each."""
    found = []
    lasted_s, after_s = guess.to_s - guess.from_s, guess.from_s - onset_s
    when = f"for {lasted_s:.3g} s, from {after_s:+.2g} s of the onset"
    if guess.slowdown > _NOTICED:
        found.append(f"it is about {guess.slowdown:.2g} times as slow {when}")
    if guess.working * _NOTICED < 1.0:
        found.append(f"it has about {guess.working:.0%} of its workers {when}")
    if guess.capacity_per_s:
        among = f", divided among {guess.instances} instances" if guess.instances > 1 else ""
        found.append(f"it can take about {guess.capacity_per_s:.3g} requests per second{among}")
        if not math.isinf(guess.queue_s):
            holds = "it takes in" if guess.shares else "its queue holds"
            found.append(f"{holds} about {guess.queue_s:.2g} s of work")
        if guess.shares:
            found.append("all requests are worked on at once, and slow each other down")
        if guess.abandons:
            found.append("it drops what nobody waits for any more")
    return found
