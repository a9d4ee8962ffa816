"""A small simulated fleet: processes with policies call dependencies that queue, and rows come out.

Open-loop arrivals, FIFO queues with a bound, log-normal service, abandoned work that the server
still does. Faults are functions of time. Everything is drawn from one seed.
"""

import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from recourse_observe.archive import build
from recourse_observe.archive.opened import LocalStore
from recourse_observe.archive.schema import TABLES
from recourse_observe.duck import Store, View
from recourse_observe.queries.archive import Archive
from recourse_observe.story.findings import StoryDocument
from recourse_observe.story.tell import tell

T0 = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
S = 1_000_000
MS = 1_000


@dataclass(frozen=True)
class Policy:
    max_attempts: int = 3
    backoff_us: int = 50 * MS
    max_backoff_us: int = 2 * S
    jitter: str = "full"
    timeout_us: int | None = 1 * S
    budget: tuple[float, float] | None = None  # tokens per second, burst; of each process
    budget_name: str | None = None
    breaker: tuple[int, int] | None = None  # failures in a row, cooldown
    hedge_us: int | None = None
    version: str = "v1"
    source: str = "static"
    retry_4xx: bool = False

    def row(self, key: str, at: int, instance: str, event: str = "applied") -> dict[str, Any]:
        return {
            "applied_at": at,
            "key": key,
            "instance": instance,
            "policy_id": key,
            "policy_version": self.version,
            "policy_source": self.source,
            "event": event,
            "max_attempts": self.max_attempts,
            "initial_backoff_us": self.backoff_us,
            "max_backoff_us": self.max_backoff_us,
            "jitter": self.jitter,
            "timeout_per_attempt_us": self.timeout_us,
            "budget_name": self.budget_name or ("retries" if self.budget else None),
            "hedge_enabled": self.hedge_us is not None,
            "hedge_delay_us": self.hedge_us,
            "max_hedges": 1 if self.hedge_us is not None else 0,
            "circuit_enabled": self.breaker is not None,
            "circuit_threshold": self.breaker[0] if self.breaker else None,
            "circuit_cooldown_us": self.breaker[1] if self.breaker else None,
        }


Answer = tuple[str, int | None, int, int | None]  # reason, status, after how long, Retry-After


@dataclass
class Dependency:
    """A service: instances with workers and a queue each."""

    name: str
    instances: int = 4
    workers: int = 4
    service_us: float = 20_000.0
    sigma: float = 0.4
    queue: int = 200
    slow: Callable[[int, int], float] = lambda _t, _i: 1.0
    fault: Callable[[int, int, "Run"], Answer | None] = lambda _t, _i, _r: None
    busy: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    waiting: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class Run:
    """One attempt under way."""

    call: "Call"
    attempt: int
    hedge: int
    started: int
    waited: int
    timeout: int | None
    peer: int = 0
    over: bool = False


@dataclass
class Call:
    """One call under way."""

    id: str
    key: str
    proc: int
    policy: Policy
    started: int
    poison: bool
    parent: str | None = None
    done: Callable[[bool, int], None] | None = None
    live: list[Run] = field(default_factory=list)
    runs: int = 0
    retries: int = 0
    hedges: int = 0
    over: bool = False


class Fleet:
    """Processes that call; ``run`` gives the tables."""

    def __init__(self, *, seed: int = 7, procs: int = 4, seconds: int = 240) -> None:
        self.rng = random.Random(seed)  # noqa: S311  # a world, not a secret
        self.procs = procs
        self.end = seconds * S
        self.now = 0
        self.heap: list[Any] = []
        self.seq = itertools.count()
        self.ids = itertools.count()
        self.tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.routes: dict[str, Dependency] = {}
        self.policies: dict[tuple[str, int], Policy] = {}
        self.tokens: dict[Any, tuple[float, int]] = {}
        self.breakers: dict[tuple[str, int], dict[str, Any]] = {}
        self.poisoned: dict[str, Callable[[int], float]] = {}
        self.nested: dict[str, str] = {}
        self.cancel_after: Callable[[int, str], int | None] = lambda _t, _k: None
        self.proc_fault: Callable[[int, int], Answer | None] = lambda _t, _p: None
        self.no_policy: Callable[[int, str, int], bool] = lambda _t, _k, _p: False
        self.stuck: Callable[[str, int], bool] = lambda _k, _p: False
        self.unregistered: Callable[[int, int], bool] = lambda _t, _p: False
        self.tells_parents = True
        self.service_of: Callable[[str], str] = lambda _k: "shop"
        self.renamed: Callable[[int, str], str] = lambda _t, key: key
        self.drained: Callable[[int, str], bool] = lambda _t, _k: False

    def at(self, when: int, action: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self.heap, (when, next(self.seq), action, args))

    def route(
        self,
        key: str,
        dependency: Dependency,
        policy: Policy,
        rate: Callable[[int], float] | float,
    ) -> None:
        self.routes[key] = dependency
        for proc in range(self.procs):
            self.apply(key, proc, policy, 0)
        self.at(0, self.arrive, key, rate if callable(rate) else steadily(rate))

    def apply(self, key: str, proc: int, policy: Policy, when: int) -> None:
        def change() -> None:
            self.policies[key, proc] = policy
            row = policy.row(key, T0 + self.now, f"pod-{proc}")
            self.tables["policies"].append(row)

        self.at(when, change)

    def arrive(self, key: str, rate: Callable[[int], float]) -> None:
        speed = rate(self.now)
        if speed > 0:
            self.at(self.now + 1, self.begin, key, self.rng.randrange(self.procs), None, None)
        gap = self.rng.expovariate(speed) if speed > 0 else 1.0
        self.at(self.now + max(1, int(gap * S)), self.arrive, key, rate)

    def begin(
        self, key: str, proc: int, parent: str | None, done: Callable[[bool, int], None] | None
    ) -> None:
        policy = self.policies[key, proc]
        if (renamed := self.renamed(self.now, key)) != key:
            self.routes[renamed] = self.routes[key]
            key, policy = renamed, Policy(max_attempts=1, source="default", version="default")
        share = self.poisoned.get(key, steadily(0.0))(self.now)
        call_id = f"{self.now:010d}-{next(self.ids):06d}"
        call = Call(call_id, key, proc, policy, self.now, self.rng.random() < share, parent, done)
        if self.no_policy(self.now, key, proc):
            self.finish(call, "policy_denied", "abort", "no_policy")
            return
        if not self.admitted(call):
            self.finish(call, "circuit_open", "abort", self.breakers[key, proc]["why"])
            return
        wait = self.cancel_after(self.now, key)
        if wait is not None:
            self.at(self.now + wait, self.cancelled, call)
        self.launch(call, 0, 0, 0)

    def launch(self, call: Call, attempt: int, hedge: int, waited: int) -> None:
        if call.over:
            return
        run = Run(call, attempt, hedge, self.now, waited, call.policy.timeout_us)
        call.live.append(run)
        call.runs += 1
        dependency = self.routes[call.key]
        run.peer = self.rng.randrange(dependency.instances)
        if run.timeout:
            self.at(self.now + run.timeout, self.ended, run, "attempt_timeout", None, None)
        if call.policy.hedge_us is not None and hedge == 0:
            self.at(self.now + call.policy.hedge_us, self.hedge, run)
        answer = self.proc_fault(self.now, call.proc) or dependency.fault(self.now, run.peer, run)
        if call.poison and answer is None:
            answer = ("http_500", 500, int(0.6 * dependency.service_us), None)
        if call.key in self.nested and answer is None:
            self.begin(self.nested[call.key], call.proc, call.id, self.answered(run))
        elif answer is not None:
            reason, status, after, hint = answer
            self.at(self.now + after, self.ended, run, reason, status, hint)
        else:
            self.submit(dependency, run)

    def answered(self, run: Run) -> Callable[[bool, int], None]:
        def done(success: bool, _: int) -> None:  # noqa: FBT001  # a callback with one answer
            reason = "success" if success else "http_502"
            self.at(self.now + 5 * MS, self.ended, run, reason, None if success else 502, None)

        return done

    def submit(self, dependency: Dependency, run: Run) -> None:
        if dependency.busy[run.peer] < dependency.workers:
            self.serve(dependency, run)
        elif len(dependency.waiting[run.peer]) < dependency.queue:
            dependency.waiting[run.peer].append(run)
        else:
            self.at(self.now + 2 * MS, self.ended, run, "http_503", 503, None)

    def serve(self, dependency: Dependency, run: Run) -> None:
        dependency.busy[run.peer] += 1
        spread = self.rng.lognormvariate(0, dependency.sigma)
        takes = dependency.service_us * spread * dependency.slow(self.now, run.peer)
        self.at(self.now + int(takes), self.served, dependency, run)

    def served(self, dependency: Dependency, run: Run) -> None:
        dependency.busy[run.peer] -= 1
        if dependency.waiting[run.peer]:
            self.serve(dependency, dependency.waiting[run.peer].pop(0))
        self.ended(run, "success", 200, None)

    def hedge(self, primary: Run) -> None:
        call = primary.call
        if primary.over or call.over:
            return
        call.hedges += 1
        self.launch(call, primary.attempt, 1, 0)

    def ended(self, run: Run, reason: str, status: int | None, hint: int | None) -> None:
        call = run.call
        if run.over:
            return
        run.over = True
        call.live.remove(run)
        outcome = "success" if reason == "success" else "retryable"
        if status and 400 <= status < 500 and status != 429 and not call.policy.retry_4xx:
            outcome = "non_retryable"
        self.count(call, outcome)
        last = run.attempt + 1 >= call.policy.max_attempts
        backoff = 0
        if outcome == "retryable" and not call.live and not last:
            backoff = self.backoff(call.policy, run.attempt)
            if hint:
                backoff = max(backoff, hint)
        self.record(run, outcome, reason, status, backoff=backoff, hint=hint)
        if run.hedge:
            self.hedged(run, "won" if outcome == "success" else "failed")
        if outcome == "success":
            self.drop_losers(call)
            self.finish(call, "success", "success", "success")
        elif call.live:
            return
        elif outcome == "non_retryable":
            self.finish(call, "terminal", outcome, reason)
        elif last:
            self.finish(call, "exhausted", outcome, reason)
        else:
            self.at(self.now + backoff, self.again, call, run.attempt + 1, backoff, reason)

    def again(self, call: Call, attempt: int, waited: int, reason: str) -> None:
        if call.over:
            return
        if not self.admitted(call):
            self.finish(call, "circuit_open", "retryable", reason)
            return
        allowed, why = self.budget(call)
        if why != "no_budget":
            row = self.base(call) | {
                "decided_at": T0 + self.now,
                "attempt": attempt,
                "budget_name": call.policy.budget_name or "retries",
                "allowed": allowed,
                "reason": why,
            }
            self.tables["budget_decisions"].append(row)
        if not allowed:
            run = Run(call, attempt, 0, self.now, waited, None)
            self.record(run, "abandoned", "budget_denied", None, ran=False, why=why)
            self.finish(call, "budget_denied", "retryable", reason)
            return
        call.retries += 1
        self.launch(call, attempt, 0, waited)

    def backoff(self, policy: Policy, attempt: int) -> int:
        cap = min(policy.max_backoff_us, policy.backoff_us * 2**attempt)
        return int(self.rng.uniform(0.1, 1) * cap) if policy.jitter == "full" else cap

    def budget(self, call: Call) -> tuple[bool, str]:
        policy = call.policy
        if policy.budget is None:
            return True, "no_budget"
        if self.unregistered(self.now, call.proc):
            return False, "budget_not_found"
        if self.drained(self.now, call.key):
            self.tokens[call.key, call.proc] = (0.1, self.now)
        rate, burst = policy.budget
        level, then = self.tokens.get((call.key, call.proc), (burst, self.now))
        level = min(burst, level + rate * (self.now - then) / S)
        ok = level >= 1
        self.tokens[call.key, call.proc] = (level - 1 if ok else level, self.now)
        return ok, "allowed" if ok else "budget_denied"

    def admitted(self, call: Call) -> bool:
        if call.policy.breaker is None:
            return True
        breaker = self.breakers.setdefault(
            (call.key, call.proc), {"state": "closed", "bad": 0, "until": 0, "gen": 0, "why": ""}
        )
        if breaker["state"] == "open" and self.now >= breaker["until"]:
            self.turn(call, breaker, "half_open", "cooldown_elapsed")
            breaker["probe"] = self.now
            return True
        breaker["why"] = "circuit_open"
        if breaker["state"] == "half_open":
            breaker["why"] = "circuit_half_open_probe_limit"
        return bool(breaker["state"] == "closed")

    def count(self, call: Call, outcome: str) -> None:
        breaker = self.breakers.get((call.key, call.proc))
        if breaker is None or call.policy.breaker is None:
            return
        threshold, cooldown = call.policy.breaker
        if outcome == "success":
            breaker["bad"] = 0
            if breaker["state"] == "half_open" and not self.stuck(call.key, call.proc):
                self.turn(call, breaker, "closed", "probe_succeeded")
            return
        breaker["bad"] += 1
        if self.stuck(call.key, call.proc) and breaker["state"] == "half_open":
            return
        if breaker["state"] == "half_open" or (
            breaker["state"] == "closed" and breaker["bad"] >= threshold
        ):
            cause = "probe_failed" if breaker["state"] == "half_open" else "failure_threshold"
            self.turn(call, breaker, "open", cause)
            breaker["until"] = self.now + cooldown

    def turn(self, call: Call, breaker: dict[str, Any], state: str, cause: str) -> None:
        breaker["gen"] += 1
        self.tables["circuit_transitions"].append(
            {
                "instance": f"pod-{call.proc}",
                "changed_at": T0 + self.now,
                "key": call.key,
                "from_state": breaker["state"],
                "to_state": state,
                "cause": cause,
                "generation": breaker["gen"],
                "call_id": call.id,
            }
        )
        breaker["state"], breaker["bad"] = state, 0

    def drop_losers(self, call: Call) -> None:
        for run in list(call.live):
            run.over = True
            call.live.remove(run)
            self.record(run, "cancelled", "hedge_lost", None, cancel="winner_success")
            if run.hedge:
                self.hedged(run, "lost")

    def cancelled(self, call: Call) -> None:
        if call.over:
            return
        for run in list(call.live):
            run.over = True
            call.live.remove(run)
            self.record(run, "cancelled", "cancelled", None, cancel="caller_cancelled")
        self.finish(call, "cancelled", "cancelled", "cancelled")

    def base(self, call: Call) -> dict[str, Any]:
        return {
            "call_id": call.id,
            "key": call.key,
            "instance": f"pod-{call.proc}",
            "service": self.service_of(call.key),
        }

    def hedged(self, run: Run, result: str) -> None:
        row = self.base(run.call) | {
            "attempt": run.attempt,
            "hedge_index": run.hedge,
            "spawned_at": T0 + run.started,
            "ended_at": T0 + self.now,
            "delay_us": run.call.policy.hedge_us or 0,
            "result": result,
        }
        self.tables["hedges"].append(row)

    def record(  # noqa: PLR0913  # the columns that differ from attempt to attempt
        self,
        run: Run,
        outcome: str,
        reason: str,
        status: int | None,
        *,
        backoff: int = 0,
        hint: int | None = None,
        ran: bool = True,
        why: str = "",
        cancel: str | None = None,
    ) -> None:
        self.tables["attempts"].append(
            self.base(run.call)
            | {
                "attempt": run.attempt,
                "hedge_index": run.hedge,
                "is_hedge": run.hedge > 0,
                "ran": ran,
                "started_at": T0 + run.started,
                "ended_at": T0 + self.now,
                "outcome": outcome,
                "reason": reason,
                "status": status,
                "backoff_us": backoff,
                "waited_before_us": run.waited,
                "retry_after_us": hint,
                "timeout_us": run.timeout,
                "budget_allowed": ran,
                "budget_reason": why or ("first_attempt" if run.attempt == 0 else "allowed"),
                "cancel_reason": cancel,
                "peer": f"{self.routes[run.call.key].name}-{run.peer}" if ran else None,
                "policy_version": run.call.policy.version,
            }
        )

    def finish(self, call: Call, disposition: str, outcome: str, reason: str) -> None:
        call.over = True
        self.tables["calls"].append(
            self.base(call)
            | {
                "parent_call_id": call.parent if self.tells_parents else None,
                "policy_version": call.policy.version,
                "policy_source": "none" if disposition == "policy_denied" else call.policy.source,
                "policy_mode": "deny" if disposition == "policy_denied" else "standard",
                "started_at": T0 + call.started,
                "ended_at": T0 + self.now,
                "success": disposition == "success",
                "disposition": disposition,
                "final_outcome": outcome,
                "final_reason": reason,
                "attempts_run": call.runs,
                "retries": call.retries,
                "hedges": call.hedges,
            }
        )
        if call.done is not None:
            call.done(disposition == "success", self.now)

    def run(self) -> dict[str, list[dict[str, Any]]]:
        while self.heap:
            when, _, action, args = heapq.heappop(self.heap)
            if when > self.end and action in {self.arrive, self.begin}:
                continue
            self.now = when
            action(*args)
        return self.tables


def steadily(rate: float) -> Callable[[int], float]:
    return lambda _t: rate


def between(start_s: float, end_s: float) -> Callable[[int], bool]:
    return lambda t: start_s * S <= t < end_s * S


ON, OFF = 100, 180
during = between(ON, OFF)


def healthy(**fleet: Any) -> Fleet:
    """Three dependencies, four keys, nothing wrong, and one transient failure in two hundred."""
    made = Fleet(**fleet)
    rare = made.rng.random

    def transient(_t: int, _i: int, _r: Run) -> Answer | None:
        return ("http_503", 503, 15 * MS, None) if rare() < 0.005 else None

    for key, rate in (("search.Query", 8.0), ("auth.Verify", 5.0), ("auth.Refresh", 2.0)):
        name = key.partition(".")[0]
        dependency = next((d for d in made.routes.values() if d.name == name), None)
        made.route(key, dependency or Dependency(name, fault=transient), Policy(), rate)
    return made


def with_payments(
    policy: Policy, *, rate: Callable[[int], float] | float = 20.0, **dependency: Any
) -> Fleet:
    made = healthy()
    made.route("payments.Charge", Dependency("payments", **dependency), policy, rate)
    return made


def refused(t: int, _i: int, _r: Run) -> Answer | None:
    return ("connection_error", None, 2 * MS, None) if during(t) else None


def outage() -> Fleet:
    return with_payments(Policy(), fault=refused)


def brownout() -> Fleet:
    return with_payments(
        Policy(breaker=(8, 10 * S)), slow=lambda t, _i: 60.0 if during(t) else 1.0, workers=60
    )


def partial() -> Fleet:
    def one_bad(t: int, i: int, _r: Run) -> Answer | None:
        return ("http_503", 503, 5 * MS, None) if during(t) and i == 1 else None

    return with_payments(Policy(), fault=one_bad)


def rate_limited() -> Fleet:
    window = [0, 0]

    def quota(t: int, _i: int, _r: Run) -> Answer | None:
        if not during(t):
            return None
        if t // S != window[0]:
            window[:] = [t // S, 0]
        window[1] += 1
        return ("http_429", 429, 3 * MS, 1 * S) if window[1] > 9 else None

    return with_payments(Policy(), fault=quota)


def load_surge() -> Fleet:
    return with_payments(
        Policy(max_attempts=2, timeout_us=500 * MS),
        rate=lambda t: 90.0 if during(t) else 20.0,
        service_us=100_000.0,
        instances=2,
        workers=3,
        queue=60,
    )


def retry_storm() -> Fleet:
    """Twenty slow seconds tip it over; five impatient attempts keep it down until they are cut."""
    made = with_payments(
        Policy(max_attempts=5, backoff_us=30 * MS, max_backoff_us=200 * MS, timeout_us=400 * MS),
        service_us=100_000.0,
        instances=2,
        workers=3,
        queue=250,
        slow=lambda t, _i: 6.0 if between(ON, ON + 20)(t) else 1.0,
    )
    for proc in range(made.procs):
        fewer = Policy(max_attempts=1, timeout_us=400 * MS, version="v2")
        made.apply("payments.Charge", proc, fewer, OFF * S)
    return made


def synchronized() -> Fleet:
    """No jitter: what failed together comes back together and overruns the queue again."""
    return with_payments(
        Policy(max_attempts=5, backoff_us=2 * S, max_backoff_us=2 * S, jitter="none"),
        rate=lambda t: 400.0 if t % (6 * S) < 250 * MS else 8.0,
        service_us=40_000.0,
        instances=2,
        workers=2,
        queue=30,
        slow=lambda t, _i: 2.2 if during(t) else 0.5,
    )


def flapping() -> Fleet:
    def some(t: int, _i: int, run: Run) -> Answer | None:
        bad = during(t) and run.call.key == "payments.Charge" and made.rng.random() < 0.12
        return ("http_503", 503, 15 * MS, None) if bad else None

    made = with_payments(Policy(max_attempts=2, breaker=(1, 2 * S)))
    made.routes["payments.Charge"].fault = some
    return made


def stuck_open() -> Fleet:
    """An outage of 20 s; the breaker of one process never leaves half-open."""

    def brief(t: int, _i: int, _r: Run) -> Answer | None:
        return ("connection_error", None, 2 * MS, None) if between(ON, ON + 20)(t) else None

    made = with_payments(Policy(breaker=(5, 5 * S)), fault=brief)
    made.stuck = lambda key, proc: key == "payments.Charge" and proc in {1, 2} and made.now > ON * S
    return made


def transient_of(made: Fleet, share: float) -> Callable[[int, int, Run], Answer | None]:
    def transient(_t: int, _i: int, _r: Run) -> Answer | None:
        return ("http_503", 503, 15 * MS, None) if made.rng.random() < share else None

    return transient


def budget_starvation() -> Fleet:
    """Another user of the same budget leaves nothing for ordinary transient failures."""
    made = with_payments(Policy(budget=(2.0, 10.0)))
    made.routes["payments.Charge"].fault = transient_of(made, 0.1)
    made.drained = lambda t, key: during(t) and key == "payments.Charge"
    return made


def budget_missing() -> Fleet:
    """The registry loses the entry, process by process; the policy stays as it is."""
    made = with_payments(Policy(budget=(2.0, 10.0)))
    made.routes["payments.Charge"].fault = transient_of(made, 0.12)
    made.unregistered = lambda t, proc: during(t) and t > (ON + 2 * proc) * S
    return made


def bad_rollout() -> Fleet:
    """One process after the other takes a timeout that the dependency cannot meet."""
    made = with_payments(Policy(), service_us=60_000.0)
    for proc in range(made.procs):
        bad = Policy(timeout_us=25 * MS, version="v2")
        made.apply("payments.Charge", proc, bad, (ON + 15 * proc) * S)
        made.apply("payments.Charge", proc, Policy(version="v3"), OFF * S)
    return made


def control_plane() -> Fleet:
    made = healthy()
    for name in ("payments.Charge", "orders.Create"):
        policy = Policy(source="remote")
        made.route(name, Dependency(name.partition(".")[0]), policy, 12.0)
    made.no_policy = lambda t, key, proc: (
        during(t) and key in {"payments.Charge", "orders.Create"} and t > (ON + 8 * proc) * S
    )
    for proc in range(made.procs):
        row = Policy(source="remote").row(
            "payments.Charge", T0 + (ON + 8 * proc) * S, f"pod-{proc}", "resolve_failed"
        )
        made.tables["policies"].append(row)
    return made


def misclassified() -> Fleet:
    def bad_request(t: int, _i: int, run: Run) -> Answer | None:
        bad = during(t) and int(run.call.id[-2:]) % 3 == 0
        return ("http_400", 400, 8 * MS, None) if bad else None

    return with_payments(Policy(max_attempts=4, retry_4xx=True), fault=bad_request)


def timeout_too_tight() -> Fleet:
    return with_payments(
        Policy(timeout_us=150 * MS),
        service_us=75_000.0,
        workers=20,
        slow=lambda t, _i: 1.9 if during(t) else 1.0,
    )


def hedge_runaway() -> Fleet:
    """Ten slow seconds start the hedges, and the hedges keep the queue long."""
    made = with_payments(
        Policy(max_attempts=1, hedge_us=260 * MS, timeout_us=4 * S),
        service_us=85_000.0,
        instances=2,
        workers=3,
        rate=34.0,
        queue=400,
        slow=lambda t, _i: 2.5 if between(ON, ON + 10)(t) else 1.0,
    )
    for proc in range(made.procs):
        calm = Policy(max_attempts=1, timeout_us=4 * S, version="v2")
        made.apply("payments.Charge", proc, calm, OFF * S)
    return made


def duplicates() -> Fleet:
    """A slow spell makes writes time out though they were done: the retry meets a conflict."""
    made = with_payments(Policy(timeout_us=300 * MS), workers=40)

    def conflict(t: int, _i: int, run: Run) -> Answer | None:
        if run.attempt == 0:
            lost = during(t) and made.rng.random() < 0.3
            return ("success", 200, 900 * MS, None) if lost else None
        return ("http_409", 409, 8 * MS, None) if during(t) else None

    made.routes["payments.Charge"].fault = conflict
    return made


def poison() -> Fleet:
    made = with_payments(Policy())
    made.poisoned["payments.Charge"] = lambda t: 0.15 if during(t) else 0.0
    return made


def caller_cancellation() -> Fleet:
    made = with_payments(Policy())
    made.cancel_after = lambda t, key: (
        8 * MS if during(t) and key in {"payments.Charge", "search.Query"} else None
    )
    return made


def single_process() -> Fleet:
    made = with_payments(Policy())
    made.proc_fault = lambda t, proc: (
        ("connection_error", None, 4 * MS, None) if during(t) and proc == 2 else None
    )
    return made


def key_cardinality() -> Fleet:
    """A build puts the customer into the key: no policy knows these keys, so nothing is retried."""
    made = with_payments(Policy())
    made.routes["payments.Charge"].fault = transient_of(made, 0.1)

    def renamed(t: int, key: str) -> str:
        asked = during(t) and key == "payments.Charge"
        return f"payments.Charge-{made.rng.randrange(300)}" if asked else key

    made.renamed = renamed
    return made


def cascade() -> Fleet:
    """The ledger is down; payments, which ask it and are louder, only suffer."""
    made = with_payments(Policy(), rate=25.0)
    made.route("ledger.Append", Dependency("ledger", fault=refused), Policy(max_attempts=2), 2.0)
    made.nested["payments.Charge"] = "ledger.Append"
    return made


def cascade_of_services() -> Fleet:
    """The same across services, whose calls do not know their parents."""
    made = cascade()
    made.tells_parents = False
    made.service_of = lambda key: "payments" if key.startswith("ledger") else "web"
    return made


def cascade_untold() -> Fleet:
    """The same in one service: only the complaints differ."""
    made = cascade()
    made.tells_parents = False
    return made


def innocent_rollout() -> Fleet:
    made = with_payments(Policy(), fault=refused)
    for proc in range(made.procs):
        slower = Policy(max_backoff_us=3 * S, version="v2")
        made.apply("payments.Charge", proc, slower, (ON - 40 + 10 * proc) * S)
    return made


def steady() -> Fleet:
    return with_payments(Policy())


def blip() -> Fleet:
    def brief(t: int, _i: int, _r: Run) -> Answer | None:
        return ("http_503", 503, 15 * MS, None) if between(ON, ON + 11)(t) else None

    return with_payments(Policy(), fault=brief)


def chronic() -> Fleet:
    made = with_payments(Policy())

    def always(_t: int, _i: int, _r: Run) -> Answer | None:
        return ("http_404", 404, 15 * MS, None) if made.rng.random() < 0.3 else None

    made.routes["payments.Charge"].fault = always
    return made


def diurnal() -> Fleet:
    return with_payments(Policy(), rate=lambda t: 10 + 30 * (t / S / 420), workers=20)


def starved_victim() -> Fleet:
    """Whoever cannot pay gets no mail: a key that is called less, and fails in nothing."""
    made = outage()
    made.route("email.Send", Dependency("email"), Policy(), lambda t: 1.0 if during(t) else 10.0)
    return made


SCENARIOS = {
    "dependency_outage": outage,
    "dependency_brownout": brownout,
    "partial_instance_failure": partial,
    "rate_limited": rate_limited,
    "load_surge": load_surge,
    "retry_storm": retry_storm,
    "synchronized_retries": synchronized,
    "circuit_flapping": flapping,
    "circuit_stuck_open": stuck_open,
    "budget_starvation": budget_starvation,
    "budget_missing": budget_missing,
    "bad_policy_rollout": bad_rollout,
    "control_plane_outage": control_plane,
    "classifier_misclassification": misclassified,
    "timeout_too_tight": timeout_too_tight,
    "hedge_runaway": hedge_runaway,
    "duplicate_side_effects": duplicates,
    "poison_requests": poison,
    "caller_cancellation": caller_cancellation,
    "single_process_fault": single_process,
    "key_cardinality": key_cardinality,
    "cascade": cascade,
    "cascade_of_services": cascade_of_services,
    "cascade_untold": cascade_untold,
    "innocent_rollout": innocent_rollout,
    "steady": steady,
    "blip": blip,
    "chronic": chronic,
    "diurnal": diurnal,
    "sampled": outage,
    "starved_victim": starved_victim,
}
ONE_IN = 5


def sampled(tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """One clean call in five is kept, and stands for five."""
    clean = [c for c in tables["calls"] if c["success"] and not c["retries"]]
    weights = {c["call_id"]: ONE_IN if i % ONE_IN == 0 else 0 for i, c in enumerate(clean)}
    return {
        name: [
            row | {"sample_weight": weights.get(row["call_id"], 1)}
            for row in rows
            if weights.get(row.get("call_id", ""), 1)
        ]
        if name in {"calls", "attempts"}
        else rows
        for name, rows in tables.items()
    }


def in_memory(tables: dict[str, list[dict[str, Any]]], name: str) -> Archive:
    """An archive of these rows that was never on a disk."""
    views = {}
    for spec in TABLES.values():
        rows = tables.get(spec.name, [])
        columns = [pa.array(_values(spec.name, c.name, rows), c.kind.arrow) for c in spec.columns]
        table = pa.Table.from_arrays(columns, names=list(spec.names))
        kinds = {column.name: column.kind.sql for column in spec.columns}
        views[spec.name] = View(columns=kinds, parts=(table,) if rows else ())
    return Archive(MemoryStore(views), name=name)


class MemoryStore(LocalStore):
    """Tables that were never on a disk."""

    def __init__(self, views: Mapping[str, View]) -> None:
        Store.__init__(self, views)

    @property
    def warnings(self) -> tuple[str, ...]:
        return ()


def _values(table: str, column: str, rows: list[dict[str, Any]]) -> list[Any]:
    if column == "duration_us":
        return [row["ended_at"] - row["started_at"] for row in rows]
    nullable = {c.name for c in TABLES[table].columns if c.nullable}
    default = None if column in nullable else PLAIN.get(column, build._DEFAULTS.get(column))
    return [row.get(column, default) for row in rows]


PLAIN = {"service": "shop", "instance": "pod-0", "policy_id": "policy"}


@pytest.fixture(scope="session")
def tables_of() -> Callable[[str], dict[str, list[dict[str, Any]]]]:
    """The rows of simulated scenarios by name."""
    return lambda name: SCENARIOS[name]().run()


@pytest.fixture(scope="session")
def archive_of() -> Iterator[Callable[[str], Archive]]:
    """Archives of simulated scenarios by name, each made once."""
    made: dict[str, Archive] = {}

    def get(name: str) -> Archive:
        if name not in made:
            tables = SCENARIOS[name]().run()
            made[name] = in_memory(sampled(tables) if name == "sampled" else tables, name)
        return made[name]

    yield get
    for archive in made.values():
        archive.close()


@pytest.fixture(scope="session")
def story_of(archive_of: Callable[[str], Archive]) -> Callable[[str], StoryDocument]:
    """Stories of simulated scenarios by name, each told once."""
    told: dict[str, StoryDocument] = {}

    def get(name: str) -> StoryDocument:
        if name not in told:
            told[name] = tell(archive_of(name))
        return told[name]

    return get
