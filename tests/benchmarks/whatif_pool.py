"""A simulator that shares no code with laboratory, fit or executor: a shared processor, and its clients.

All requests that were let in are worked on at the same time, each at its part of the speed, so that
everything gets slower when more comes (the fitted dependency serves one after the other instead). What
is beyond the limit is refused, as is what is beyond a quota. Clients retry as their policy says, after a
backoff with full jitter, and may hedge; their rules are written down here once more. Every draw belongs
to call, attempt and hedge: the same luck again.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Client", "Incident", "Told", "Tried", "simulated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What calls follow; without hedges when there is no delay of them."""

    max_attempts: int
    timeout_s: float
    initial_backoff_s: float
    max_backoff_s: float = 5.0
    hedge_delay_s: float = 0.0
    max_hedges: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A processor, its traffic, and what goes wrong between two moments.

    Attributes:
        speed: Seconds of work that are done per second: as many cores.
        limit: Requests that are let in.
        median_s: Of a request's work, with ``sigma`` of its logarithm.
        slow: What the speed is divided by in trouble.
        surge: What the rate of calls is multiplied with in trouble.
        errors: The part of the requests that fail at once in trouble.
        quota_per_s: Requests that are let in per second in trouble; 0: as many as come.
        retry_after_s: What those beyond it are told to wait; 0: nothing.
        stays: Whether work goes on for a client that has left.
    """

    seed: int
    per_s: float
    length_s: float
    from_s: float
    to_s: float
    speed: float
    limit: int
    median_s: float
    sigma: float
    slow: float = 1.0
    surge: float = 1.0
    errors: float = 0.0
    quota_per_s: float = 0.0
    retry_after_s: float = 0.0
    stays: bool = True

    def is_troubled(self, at_s: float) -> bool:
        """Whether something is wrong at this moment."""
        return self.from_s <= at_s < self.to_s


class Tried(NamedTuple):
    """One run of an attempt; a hedge counts from 1."""

    attempt: int
    hedge: int
    started_s: float
    took_s: float
    reason: str


@dataclass(slots=True)
class Told:
    """How one call went; no reason is a success."""

    started_s: float
    ended_s: float = 0.0
    reason: str = ""
    runs: list[Tried] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Group:
    """One attempt of a call: its first request, and the hedges beside it."""

    call: int
    attempt: int
    open: list["Request"] = field(default_factory=list)
    hedges: int = 0


class Request:
    """One request at the processor."""

    __slots__ = ("gone", "group", "hedge", "started_s")

    def __init__(self, group: Group, hedge: int, started_s: float) -> None:
        self.group = group
        self.hedge = hedge
        self.started_s = started_s
        self.gone = False


class Processor:
    """Works on everything at once; ``done`` is told of each request that was finished."""

    def __init__(self, spec: Incident) -> None:
        self._spec = spec
        self._share = 0.0  # work that a request has got that was there from the beginning
        self._at_s = 0.0
        self._open: list[tuple[float, int, Request]] = []
        self._left = 0
        self._order = 0

    def advance(self, now_s: float) -> None:
        """Do the work until a moment; no request is finished before it."""
        if self._count:
            self._share += (now_s - self._at_s) * self._rate(self._at_s)
        self._at_s = now_s

    def next_s(self) -> float:
        """When the next request is finished, or the speed changes."""
        while self._open and self._dropped(self._open[0][2]):
            heapq.heappop(self._open)
            self._left -= 1
        if not self._open:
            return math.inf
        needed_s = max(0.0, self._open[0][0] - self._share) / self._rate(self._at_s)
        ready_s = self._at_s + needed_s
        changes = (edge for edge in (self._spec.from_s, self._spec.to_s) if edge > self._at_s)
        return min(ready_s, min(changes, default=math.inf))

    def admits(self, request: Request, work_s: float) -> bool:
        """Whether there is room for one more."""
        if self._count >= self._spec.limit:
            return False
        self._order += 1
        heapq.heappush(self._open, (self._share + work_s, self._order, request))
        return True

    def finished(self) -> Iterator[Request]:
        """Requests whose work is done by now."""
        while self._open and self._open[0][0] <= self._share + 1e-9:
            request = heapq.heappop(self._open)[2]
            self._left -= self._dropped(request)
            yield request

    def leave(self, request: Request) -> None:
        """Its client does not wait for it any more."""
        request.gone = True
        self._left += self._dropped(request)

    def _dropped(self, request: Request) -> bool:
        return request.gone and not self._spec.stays

    @property
    def _count(self) -> int:
        return len(self._open) - self._left

    def _rate(self, at_s: float) -> float:
        """Seconds of work that one request gets in a second: no more than one core's."""
        spec = self._spec
        trouble = spec.slow if spec.is_troubled(at_s) else 1.0
        return min(1.0, spec.speed / self._count) / trouble


class Run:
    """One run of an incident under a client's rules."""

    def __init__(self, spec: Incident, client: Client) -> None:
        self._spec = spec
        self._client = client
        self._processor = Processor(spec)
        self._events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._order = 0
        self._now_s = 0.0
        self._accepted: list[float] = []
        self.calls = [Told(at_s) for at_s in _arrivals(spec)]

    def go(self) -> list[Told]:
        """How the calls went."""
        for place, call in enumerate(self.calls):
            self._later(call.started_s, self._begin, (place, 0))
        while self._events:
            ready_s = self._processor.next_s()
            self._now_s = min(ready_s, self._events[0][0])
            self._processor.advance(self._now_s)
            for request in self._processor.finished():
                if not request.gone:
                    self._ended(request, "")
            if self._events and self._events[0][0] <= self._now_s:
                _, _, action, given = heapq.heappop(self._events)
                action(given)
        return self.calls

    def _later(self, at_s: float, action: Callable[[Any], None], given: Any) -> None:
        self._order += 1
        heapq.heappush(self._events, (at_s, self._order, action, given))

    def _begin(self, which: tuple[int, int]) -> None:
        group = Group(*which)
        self._ask(group, 0)
        if self._client.hedge_delay_s:
            self._later(self._now_s + self._client.hedge_delay_s, self._hedge, group)

    def _hedge(self, group: Group) -> None:
        """Ask once more, as long as the first request is on its way."""
        if any(not one.hedge for one in group.open) and group.hedges < self._client.max_hedges:
            group.hedges += 1
            self._ask(group, group.hedges)
            self._later(self._now_s + self._client.hedge_delay_s, self._hedge, group)

    def _ask(self, group: Group, hedge: int) -> None:
        spec, request = self._spec, Request(group, hedge, self._now_s)
        group.open.append(request)
        rng = self._luck(group, f"ask {hedge}")
        work_s = spec.median_s * math.exp(spec.sigma * rng.gauss(0.0, 1.0))
        troubled = spec.is_troubled(self._now_s)
        if troubled and rng.random() < spec.errors:
            self._later(self._now_s + 0.003, self._failed, (request, "http_500"))
        elif troubled and spec.quota_per_s and not self._within_quota():
            self._later(self._now_s + 0.002, self._failed, (request, "http_429"))
        elif self._processor.admits(request, work_s):
            self._later(self._now_s + self._client.timeout_s, self._expired, request)
        else:
            self._later(self._now_s + 0.001, self._failed, (request, "http_503"))

    def _within_quota(self) -> bool:
        """Whether less than a second's worth was let in during the last second."""
        since_s = self._now_s - 1.0
        self._accepted = [at_s for at_s in self._accepted if at_s > since_s]
        if len(self._accepted) >= self._spec.quota_per_s:
            return False
        self._accepted.append(self._now_s)
        return True

    def _failed(self, given: tuple[Request, str]) -> None:
        request, reason = given
        if not request.gone:
            self._ended(request, reason)

    def _expired(self, request: Request) -> None:
        if not request.gone:
            self._processor.leave(request)
            self._ended(request, "attempt_timeout")

    def _ended(self, request: Request, reason: str) -> None:
        group = request.group
        self._note(request, reason)
        if not reason:
            for other in list(group.open):
                self._processor.leave(other)
                self._note(other, "hedge_lost")
        if group.open:
            return
        call = self.calls[group.call]
        call.ended_s, call.reason = self._now_s, reason
        if reason and group.attempt + 1 < self._client.max_attempts:
            again = (group.call, group.attempt + 1)
            self._later(self._now_s + self._wait_s(group, reason), self._begin, again)

    def _note(self, request: Request, reason: str) -> None:
        group, took_s = request.group, self._now_s - request.started_s
        request.gone = True
        group.open.remove(request)
        self.calls[group.call].runs.append(
            Tried(group.attempt, request.hedge, request.started_s, took_s, reason)
        )

    def _wait_s(self, group: Group, reason: str) -> float:
        rng, client = self._luck(group, "wait"), self._client
        if reason == "http_429" and self._spec.retry_after_s:
            return self._spec.retry_after_s * rng.uniform(1.0, 1.1)
        most_s = min(client.max_backoff_s, client.initial_backoff_s * 2**group.attempt)
        return rng.uniform(0.0, most_s)

    def _luck(self, group: Group, what: str) -> random.Random:
        return random.Random(f"{self._spec.seed}/{group.call}/{group.attempt}/{what}")  # noqa: S311  # a world, no secret


def _arrivals(spec: Incident) -> Iterator[float]:
    rng, at_s = random.Random(spec.seed), 0.0  # noqa: S311  # a world, no secret
    most = max(1.0, spec.surge)
    while at_s < spec.length_s:
        at_s += rng.expovariate(spec.per_s * most)
        now = spec.surge if spec.is_troubled(at_s) else 1.0
        if rng.random() * most < now:
            yield at_s


def simulated(spec: Incident, client: Client) -> list[Told]:
    """How the calls of an incident go under a client's rules."""
    return Run(spec, client).go()
