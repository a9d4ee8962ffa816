"""The instances of a fitted dependency: workers behind a queue, or workers that everything shares.

In a queue, what is taken later waits, and takes no longer than usual once it is worked on. Where workers
are shared, everything that was taken gets slower when more comes, and what is short is done all the same.
"""

import heapq
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, Final, Protocol, TypeAlias

from recourse_observe.whatif.dependency import Dependency, Reply, Schedule

__all__ = ["Later", "Pool", "Queued", "Shared", "pool_of"]

_WELL: Final = Reply()
_ENDLESS: Final = 1 << 40
_NOTHING_S: Final = 1e-9

Later: TypeAlias = Callable[[float, Callable[..., None], Any], None]


class Pool(Protocol):
    """One instance at work."""

    def take(self, now_s: float, request: Any, needs_s: float) -> bool:
        """Take a request that needs so much work; false when it is full."""
        ...

    def change(self, now_s: float) -> None:
        """What comes from outside is another thing from now on."""
        ...

    def leave(self, now_s: float, request: Any) -> None:
        """Nobody waits for a request any more."""
        ...


class Queued:
    """Each worker works on one request; others wait, first come first served."""

    __slots__ = ("_abandons", "_busy", "_later", "_most", "_schedule", "_waiting", "_workers")

    def __init__(self, spec: Dependency, schedule: Schedule, later: Later) -> None:
        self._workers = spec.workers or _ENDLESS
        self._most = inf if spec.queue is None else spec.queue
        self._abandons = spec.abandons
        self._schedule = schedule
        self._later = later
        self._busy = 0
        self._waiting: deque[tuple[Any, float]] = deque()

    def take(self, now_s: float, request: Any, needs_s: float) -> bool:
        """Work on a request at once, or let it wait."""
        if self._busy < self._working(now_s):
            self._begin(now_s, request, needs_s)
        elif len(self._waiting) >= self._most:
            return False
        else:
            self._waiting.append((request, needs_s))
        return True

    def change(self, now_s: float) -> None:
        """Workers that were lost are there again."""
        working = self._working(now_s)
        while self._waiting and self._busy < working:
            request, needs_s = self._waiting.popleft()
            if not (self._abandons and request.left):
                self._begin(now_s, request, needs_s)

    def leave(self, now_s: float, request: Any) -> None:
        """Nothing happens before its turn comes."""

    def _working(self, now_s: float) -> int:
        """How many requests it works on at this moment."""
        share = self._schedule.at(now_s).working
        return self._workers if share >= 1.0 else max(1, round(share * self._workers))

    def _begin(self, now_s: float, request: Any, needs_s: float) -> None:
        self._busy += 1
        took_s = needs_s * self._schedule.at(now_s).slowdown
        self._later(now_s + took_s, self._finish, request)

    def _finish(self, request: Any, now_s: float) -> None:
        # The worker is free before the caller knows: what the answer sets off finds it so.
        self._busy -= 1
        self.change(now_s)
        request.answered(_WELL, now_s)


class Shared:
    """Works on all that it took at the same time, each at its part of the workers."""

    __slots__ = (
        "_abandons",
        "_at_s",
        "_each_s",
        "_later",
        "_most",
        "_open",
        "_order",
        "_pace",
        "_plan",
        "_schedule",
        "_workers",
    )

    def __init__(self, spec: Dependency, schedule: Schedule, later: Later) -> None:
        self._workers = spec.workers
        self._most = inf if spec.queue is None else spec.workers + spec.queue
        self._abandons = spec.abandons
        self._schedule = schedule
        self._later = later
        # By how much work has to be done, counted as one that was there from the beginning got it.
        self._open: list[tuple[float, int, Any]] = []
        self._each_s = self._at_s = self._pace = 0.0
        self._order = self._plan = 0

    def take(self, now_s: float, request: Any, needs_s: float) -> bool:
        """Work on one request more."""
        if len(self._open) >= self._most:
            return False
        self._go_on(now_s)
        self._order += 1
        heapq.heappush(self._open, (self._each_s + needs_s, self._order, request))
        self._look_ahead(now_s)
        return True

    def change(self, now_s: float) -> None:
        """It is slower or faster from now on."""
        self._go_on(now_s)
        self._look_ahead(now_s)

    def leave(self, now_s: float, request: Any) -> None:
        """Its part of the workers goes to others, where work is dropped that nobody waits for."""
        if self._abandons:
            self._go_on(now_s)
            self._open = [one for one in self._open if one[2] is not request]
            heapq.heapify(self._open)
            self._look_ahead(now_s)

    def _go_on(self, now_s: float) -> None:
        self._each_s += self._pace * (now_s - self._at_s)
        self._at_s = now_s

    def _look_ahead(self, now_s: float) -> None:
        """See how fast it goes now, and when the next is done if nothing comes between."""
        self._plan += 1
        if not self._open:
            self._pace = 0.0
            return
        trouble = self._schedule.at(now_s)
        workers = self._workers * trouble.working
        self._pace = min(1.0, workers / len(self._open)) / trouble.slowdown
        left_s = max(0.0, self._open[0][0] - self._each_s)
        self._later(now_s + left_s / self._pace, self._finish, self._plan)

    def _finish(self, plan: int, now_s: float) -> None:
        if plan != self._plan:
            return
        self._go_on(now_s)
        done: list[Any] = []
        while self._open and self._open[0][0] <= self._each_s + _NOTHING_S:
            done.append(heapq.heappop(self._open)[2])
        self._look_ahead(now_s)
        for request in done:
            request.answered(_WELL, now_s)


def pool_of(spec: Dependency, schedule: Schedule, later: Later) -> Pool:
    """One instance of a dependency."""
    made = Shared if spec.shares and spec.workers else Queued
    return made(spec, schedule, later)
