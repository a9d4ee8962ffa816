"""Incidents of a simulator that shares no code with laboratory, fit or executor: a shared processor.

All requests that were let in are worked on at the same time, each at its part of the speed, so that
everything gets slower when more comes (the fitted dependency serves one after the other instead). What
is beyond the limit is refused. Clients retry as their policy says, after a backoff with full jitter;
their rules are written down here once more. Every draw belongs to call and attempt: the same luck again.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from recourse_observe.archive.build import write_archive

__all__ = ["KEY", "T0_US", "Client", "Incident", "Told", "incident", "simulated", "written"]

KEY = "pool.Ask"
T0_US = 1_795_255_200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What calls follow."""

    max_attempts: int
    timeout_s: float
    initial_backoff_s: float
    max_backoff_s: float = 5.0


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
        stays: Whether work goes on for a client that has left.
    """

    family: str
    seed: int
    client: Client
    edits: tuple[str, ...]
    other: Client
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
    stays: bool = True


class Tried(NamedTuple):
    """One attempt."""

    started_s: float
    took_s: float
    reason: str


@dataclass(slots=True)
class Told:
    """How one call went; no reason is a success."""

    started_s: float
    ended_s: float = 0.0
    reason: str = ""
    attempts: list[Tried] = field(default_factory=list)


class Request:
    """One attempt at the processor."""

    __slots__ = ("attempt", "call", "gone", "started_s")

    def __init__(self, call: int, attempt: int, started_s: float) -> None:
        self.call = call
        self.attempt = attempt
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
        trouble = spec.slow if spec.from_s <= at_s < spec.to_s else 1.0
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
        self.calls = [Told(at_s) for at_s in _arrivals(spec)]

    def go(self) -> list[Told]:
        """How the calls went."""
        for place, call in enumerate(self.calls):
            self._later(call.started_s, self._ask, (place, 0))
        while self._events:
            ready_s = self._processor.next_s()
            self._now_s = min(ready_s, self._events[0][0])
            self._processor.advance(self._now_s)
            for request in self._processor.finished():
                if not request.gone:
                    request.gone = True
                    self._ended(request, "")
            if self._events and self._events[0][0] <= self._now_s:
                _, _, action, given = heapq.heappop(self._events)
                action(given)
        return self.calls

    def _later(self, at_s: float, action: Callable[[Any], None], given: Any) -> None:
        self._order += 1
        heapq.heappush(self._events, (at_s, self._order, action, given))

    def _ask(self, which: tuple[int, int]) -> None:
        spec, request = self._spec, Request(*which, self._now_s)
        rng = random.Random(f"{spec.seed}/{which}")  # noqa: S311  # a world, no secret
        work_s = spec.median_s * math.exp(spec.sigma * rng.gauss(0.0, 1.0))
        if spec.from_s <= self._now_s < spec.to_s and rng.random() < spec.errors:
            self._later(self._now_s + 0.003, self._failed, (request, "http_500"))
        elif self._processor.admits(request, work_s):
            self._later(self._now_s + self._client.timeout_s, self._expired, request)
        else:
            self._later(self._now_s + 0.001, self._failed, (request, "http_503"))

    def _failed(self, given: tuple[Request, str]) -> None:
        self._ended(*given)

    def _expired(self, request: Request) -> None:
        if not request.gone:
            self._processor.leave(request)
            self._ended(request, "attempt_timeout")

    def _ended(self, request: Request, reason: str) -> None:
        call, client, now_s = self.calls[request.call], self._client, self._now_s
        call.attempts.append(Tried(request.started_s, now_s - request.started_s, reason))
        call.ended_s, call.reason = now_s, reason
        if reason and len(call.attempts) < client.max_attempts:
            most_s = min(client.max_backoff_s, client.initial_backoff_s * 2**request.attempt)
            rng = random.Random(f"{self._spec.seed}/{request.call}/{request.attempt}/wait")  # noqa: S311  # a world, no secret
            again = (request.call, request.attempt + 1)
            self._later(now_s + rng.uniform(0.0, most_s), self._ask, again)


def _arrivals(spec: Incident) -> Iterator[float]:
    rng, at_s = random.Random(spec.seed), 0.0  # noqa: S311  # a world, no secret
    most = max(1.0, spec.surge)
    while at_s < spec.length_s:
        at_s += rng.expovariate(spec.per_s * most)
        now = spec.surge if spec.from_s <= at_s < spec.to_s else 1.0
        if rng.random() * most < now:
            yield at_s


def simulated(spec: Incident, client: Client) -> list[Told]:
    """How the calls of an incident go under a client's rules."""
    return Run(spec, client).go()


def written(spec: Incident, calls: list[Told], folder: Path) -> None:
    """An archive of calls, as their clients saw them."""
    rows: dict[str, list[Any]] = {"calls": [], "attempts": [], "policies": []}
    client = spec.client
    for number, call in enumerate(calls):
        call_id = f"{number:06d}"
        for place, one in enumerate(call.attempts):
            bad = {"outcome": "retryable", "reason": one.reason} if one.reason else {}
            rows["attempts"].append(
                {
                    "call_id": call_id,
                    "key": KEY,
                    "attempt": place,
                    "started_at": T0_US + round(one.started_s * 1e6),
                    "duration_us": round(one.took_s * 1e6),
                    "timeout_us": round(client.timeout_s * 1e6),
                    **bad,
                }
            )
        rows["calls"].append(
            {
                "call_id": call_id,
                "key": KEY,
                "started_at": T0_US + round(call.started_s * 1e6),
                "duration_us": round((call.ended_s - call.started_s) * 1e6),
                "policy_version": "v1",
                "success": not call.reason,
                "disposition": "exhausted" if call.reason else "success",
                "attempts_run": len(call.attempts),
                "retries": len(call.attempts) - 1,
            }
        )
    rows["policies"].append(
        {
            "applied_at": T0_US,
            "key": KEY,
            "policy_version": "v1",
            "max_attempts": client.max_attempts,
            "timeout_per_attempt_us": round(client.timeout_s * 1e6),
            "initial_backoff_us": round(client.initial_backoff_s * 1e6),
            "max_backoff_us": round(client.max_backoff_s * 1e6),
            "backoff_multiplier": 2.0,
            "jitter": "full",
        }
    )
    write_archive(folder, rows)


def incident(seed: int) -> Incident:
    """The incident of a seed, and what its candidate changes."""
    rng = random.Random(f"pool/{seed}")  # noqa: S311  # a search, no secret
    family = ("storm", "surge", "outage", "brownout", "tight", "healthy")[seed % 6]
    median_s, per_s = rng.uniform(0.1, 0.35), rng.uniform(6.0, 14.0)
    busy = rng.uniform(0.45, 0.7) if family in {"storm", "surge"} else rng.uniform(0.15, 0.4)
    speed = per_s * median_s * 1.1 / busy
    tightness = rng.uniform(2.0, 3.5) if family == "tight" else rng.uniform(6.0, 14.0)
    client = Client(
        max_attempts=rng.choice((2, 3, 4, 5)),
        timeout_s=tightness * median_s,
        initial_backoff_s=rng.uniform(0.02, 0.3),
    )
    from_s = rng.uniform(45.0, 55.0)
    lasts_s = rng.uniform(8.0, 25.0) if family in {"storm", "surge"} else rng.uniform(20.0, 40.0)
    trouble = {
        "storm": {"slow": rng.uniform(2.5, 6.0)},
        "surge": {"surge": rng.uniform(2.0, 4.0)},
        "outage": {"errors": rng.choice((1.0, 0.8, 0.5, 0.3))},
        "brownout": {"slow": rng.uniform(2.0, 5.0)},
        "tight": {"slow": rng.uniform(1.3, 2.2)},
        "healthy": {},
    }[family]
    edits, other = _changed(rng, client)
    return Incident(
        family=family,
        seed=seed,
        client=client,
        edits=edits,
        other=other,
        per_s=per_s,
        length_s=from_s + lasts_s + rng.uniform(35.0, 55.0),
        from_s=from_s,
        to_s=from_s + lasts_s,
        speed=speed,
        limit=rng.choice((30, 60, 120)),
        median_s=median_s,
        sigma=rng.uniform(0.2, 0.6),
        stays=rng.random() < 0.8,
        **trouble,
    )


def _changed(rng: random.Random, client: Client) -> tuple[tuple[str, ...], Client]:
    kind = rng.randrange(3)
    if kind == 0:
        most = rng.choice([n for n in (1, 2, 3, 5) if n != client.max_attempts])
        return (f"retry.max_attempts={most}",), replace(client, max_attempts=most)
    if kind == 1:
        timeout_s = round(client.timeout_s * rng.choice((0.6, 1.5, 2.5)), 4)
        edit = f"retry.timeout_per_attempt_s={timeout_s}"
        return (edit,), replace(client, timeout_s=timeout_s)
    first_s = round(client.initial_backoff_s * 8, 4)
    edits = (f"retry.initial_backoff_s={first_s}", "retry.max_backoff_s=8")
    return edits, replace(client, initial_backoff_s=first_s, max_backoff_s=8.0)
