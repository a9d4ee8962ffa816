"""What-if answers against the truth: laboratory scenarios, run again under the other policy.

    python tests/benchmarks/whatif_truth.py --pairs 300 --first-seed 10000 --jobs 2 --out truth.json

A pair is one scenario and one candidate policy. The scenario is recorded as an archive, the archive is
asked, and the same scenario (same seed) is run under the candidate: that is the truth. Static replay
of recorded outcomes answers beside it. Seeds below 1000 are for development; report others.
"""

import argparse
import dataclasses
import json
import multiprocessing
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from recourse import BudgetRef, HedgePolicy, Policy, RetryPolicy
from recourse_observe.lab import (
    BudgetSpec,
    CapacityChange,
    DependencySpec,
    Fault,
    How,
    KeySpec,
    Outage,
    Poisson,
    QuotaChange,
    Scenario,
    Slowdown,
    Surge,
    run,
)
from recourse_observe.lab.recording import record

KEY = "shipping.Resolve"
NAME = "shipping"


class Pair(NamedTuple):
    """A scenario, and what the candidate changes in it."""

    family: str
    scenario: Scenario
    edits: tuple[str, ...]


class World(NamedTuple):
    """What families draw from."""

    rng: random.Random
    per_s: float
    onset_s: float
    lasts_s: float


def pair(seed: int) -> Pair:
    """The pair of a seed."""
    rng = random.Random(seed)  # noqa: S311  # a search, no secret
    family = list(FAMILIES)[seed % len(FAMILIES)]
    world = World(rng, rng.uniform(5, 12), rng.uniform(45, 55), rng.uniform(20, 40))
    dependency, retry, faults, parts = FAMILIES[family](world)
    budget = rng.random() < 0.2
    if budget:
        retry = dataclasses.replace(retry, budget=BudgetRef("retries"))
    policy = Policy(KEY, retry=retry, idempotent=True, **parts)
    scenario = Scenario(
        name=f"{family}-{seed}",
        seed=seed,
        duration_s=world.onset_s + world.lasts_s + rng.uniform(35, 55),
        dependencies=(dependency,),
        keys=(
            KeySpec(key=KEY, dependency=NAME, policy=policy, traffic=Poisson(per_s=world.per_s)),
        ),
        budgets=(BudgetSpec(name="retries", capacity=50.0, refill_per_s=rng.uniform(1, 5)),)
        if budget
        else (),
        faults=faults,
        drain_s=90.0,
    )
    return Pair(family, scenario, edits(rng, policy, family))


def sized(world: World, *, busy: float, **more: Any) -> DependencySpec:
    """A dependency that is as busy as this in quiet."""
    rng = world.rng
    median_s = rng.uniform(0.08, 0.35)
    instances = rng.choice((1, 2, 3, 4))
    workers = max(1, round(world.per_s * median_s * 1.15 / busy / instances))
    queue = rng.choice((20, 50, 100, 200))
    given = {"instances": instances, "workers": workers, "queue": queue, "median_s": median_s}
    return DependencySpec(name=NAME, sigma=rng.uniform(0.2, 0.6), **{**given, **more})


def storm(world: World) -> tuple[DependencySpec, RetryPolicy, tuple[Fault, ...], dict[str, Any]]:
    """A slowdown tips a busy dependency; retries keep it down, or nearly."""
    rng = world.rng
    dependency = sized(world, busy=rng.uniform(0.4, 0.7), serves_abandoned=rng.random() < 0.9)
    retry = RetryPolicy(
        max_attempts=rng.choice((3, 4, 5, 6)),
        timeout_per_attempt_s=dependency.median_s * rng.uniform(6, 14),
        initial_backoff_s=rng.uniform(0.02, 0.2),
    )
    end_s = world.onset_s + rng.uniform(10, 30)
    if rng.random() < 0.5:
        fault: Fault = Slowdown(
            start_s=world.onset_s, end_s=end_s, dependency=NAME, factor=rng.uniform(3, 10)
        )
    else:
        fault = Surge(start_s=world.onset_s, end_s=end_s, key=KEY, factor=rng.uniform(2, 4))
    return dependency, retry, (fault,), {}


def outage(world: World) -> tuple[DependencySpec, RetryPolicy, tuple[Fault, ...], dict[str, Any]]:
    """Some or all requests fail at once, from outside."""
    rng = world.rng
    dependency = sized(world, busy=rng.uniform(0.2, 0.5))
    fault = Outage(
        start_s=world.onset_s,
        end_s=world.onset_s + world.lasts_s,
        dependency=NAME,
        how=rng.choice((How.STATUS, How.REFUSED, How.RESET)),
        share=rng.choice((1.0, 0.9, 0.6, 0.4, 0.25)),
    )
    retry = RetryPolicy(
        max_attempts=rng.choice((1, 2, 3, 4, 5)),
        timeout_per_attempt_s=rng.uniform(2, 5),
        initial_backoff_s=rng.uniform(0.02, 0.2),
    )
    return dependency, retry, (fault,), {}


def brownout(world: World) -> tuple[DependencySpec, RetryPolicy, tuple[Fault, ...], dict[str, Any]]:
    """Everything is slow for a while; retries hardly matter to the dependency."""
    rng = world.rng
    dependency = sized(world, busy=rng.uniform(0.05, 0.25))
    factor = rng.uniform(4, 15)
    retry = RetryPolicy(
        max_attempts=rng.choice((2, 3, 4)),
        timeout_per_attempt_s=dependency.median_s * rng.uniform(5, 15),
        initial_backoff_s=rng.uniform(0.02, 0.2),
    )
    end_s = world.onset_s + world.lasts_s
    fault = Slowdown(start_s=world.onset_s, end_s=end_s, dependency=NAME, factor=factor)
    return dependency, retry, (fault,), {}


def rate_limit(
    world: World,
) -> tuple[DependencySpec, RetryPolicy, tuple[Fault, ...], dict[str, Any]]:
    """A quota falls below what is asked."""
    rng = world.rng
    dependency = sized(
        world,
        busy=rng.uniform(0.2, 0.4),
        quota_per_s=world.per_s * 3,
        retry_after_s=rng.choice((None, 0.5, 2.0)),
    )
    fault = QuotaChange(
        start_s=world.onset_s,
        end_s=world.onset_s + world.lasts_s,
        dependency=NAME,
        per_s=world.per_s * rng.uniform(0.4, 0.95),
    )
    retry = RetryPolicy(
        max_attempts=rng.choice((2, 3, 4, 5)),
        timeout_per_attempt_s=rng.uniform(2, 5),
        initial_backoff_s=rng.uniform(0.05, 0.4),
    )
    return dependency, retry, (fault,), {}


def tight(world: World) -> tuple[DependencySpec, RetryPolicy, tuple[Fault, ...], dict[str, Any]]:
    """The timeout is near what requests take; for a while they take a little longer."""
    rng = world.rng
    dependency = sized(world, busy=rng.uniform(0.1, 0.35))
    retry = RetryPolicy(
        max_attempts=rng.choice((2, 3)),
        timeout_per_attempt_s=dependency.median_s * rng.uniform(1.8, 3.0),
        initial_backoff_s=rng.uniform(0.02, 0.1),
    )
    end_s = world.onset_s + world.lasts_s
    fault = Slowdown(
        start_s=world.onset_s, end_s=end_s, dependency=NAME, factor=rng.uniform(1.5, 2.5)
    )
    return dependency, retry, (fault,), {}


def hedge_runaway(
    world: World,
) -> tuple[DependencySpec, RetryPolicy, tuple[Fault, ...], dict[str, Any]]:
    """Hedges double the load when everything gets slower."""
    rng = world.rng
    dependency = sized(world, busy=rng.uniform(0.45, 0.7))
    hedge = HedgePolicy(
        hedge_delay_s=max(0.01, dependency.median_s * rng.uniform(1.8, 3.0)),
        max_hedges=rng.choice((1, 2)),
    )
    retry = RetryPolicy(
        max_attempts=rng.choice((1, 2)),
        timeout_per_attempt_s=dependency.median_s * rng.uniform(10, 20),
    )
    end_s = world.onset_s + rng.uniform(20, 60)
    fault = Slowdown(
        start_s=world.onset_s, end_s=end_s, dependency=NAME, factor=rng.uniform(1.5, 3.0)
    )
    return dependency, retry, (fault,), {"hedge": hedge}


def capacity(world: World) -> tuple[DependencySpec, RetryPolicy, tuple[Fault, ...], dict[str, Any]]:
    """Workers are lost for a while."""
    rng = world.rng
    dependency = sized(world, busy=rng.uniform(0.3, 0.6))
    retry = RetryPolicy(
        max_attempts=rng.choice((2, 3, 4)),
        timeout_per_attempt_s=dependency.median_s * rng.uniform(6, 14),
        initial_backoff_s=rng.uniform(0.02, 0.2),
    )
    fault = CapacityChange(
        start_s=world.onset_s,
        end_s=world.onset_s + world.lasts_s,
        dependency=NAME,
        workers=max(1, dependency.workers // rng.choice((2, 3, 4))),
    )
    return dependency, retry, (fault,), {}


def healthy(world: World) -> tuple[DependencySpec, RetryPolicy, tuple[Fault, ...], dict[str, Any]]:
    """Nothing happens, but for a few errors."""
    rng = world.rng
    dependency = sized(world, busy=rng.uniform(0.1, 0.4), error_share=rng.choice((0.0, 0.01, 0.05)))
    retry = RetryPolicy(
        max_attempts=rng.choice((2, 3)), timeout_per_attempt_s=dependency.median_s * 12
    )
    return dependency, retry, (), {}


FAMILIES: dict[str, Callable[[World], Any]] = {
    "storm": storm,
    "outage": outage,
    "brownout": brownout,
    "rate_limit": rate_limit,
    "tight": tight,
    "hedge_runaway": hedge_runaway,
    "capacity": capacity,
    "healthy": healthy,
}


def edits(rng: random.Random, policy: Policy, family: str) -> tuple[str, ...]:
    """What the candidate changes: something that a person would try."""
    retry = policy.retry
    assert retry is not None
    timeout = retry.timeout_per_attempt_s or 1.0
    attempts = retry.max_attempts
    choices: list[tuple[str, ...]] = [
        (f"retry.max_attempts={rng.choice([n for n in (1, 2, 3, 5) if n != attempts])}",),
        (f"retry.max_attempts={max(1, attempts - 1)}",)
        if attempts > 1
        else ("retry.max_attempts=3",),
        (f"retry.timeout_per_attempt_s={timeout * rng.choice((0.6, 1.5, 2.5)):.4f}",),
        (f"retry.initial_backoff_s={retry.initial_backoff_s * 8:.4f}", "retry.max_backoff_s=8"),
        (
            "retry.budget=cap",
            "budgets.cap.kind=retry_ratio",
            "budgets.cap.ratio=0.1",
            "budgets.cap.min_retries_per_s=0.2",
        ),
        ("circuit.kind=failure_rate", "circuit.cooldown_s=5"),
    ]
    if family == "hedge_runaway":
        choices = [("hedge.enabled=false",), ("hedge.hedge_delay_s=2.0",), *choices[:2]]
    return rng.choice(choices)


def under(scenario: Scenario, policy: Policy, budgets: tuple[BudgetSpec, ...]) -> Scenario:
    """The scenario under another policy."""
    keys = tuple(dataclasses.replace(key, policy=policy) for key in scenario.keys)
    return dataclasses.replace(scenario, keys=keys, budgets=scenario.budgets + budgets)


# ---------------------------------------------------------------- one pair


class Verdict(NamedTuple):
    """How an answer compares with the truth."""

    seed: int
    family: str
    edits: tuple[str, ...]
    calls: int
    recorded: int
    truth: int
    predicted: float | None
    low: float | None
    high: float | None
    replayed: float
    bound: float | None
    refusal: str | None
    seconds: float
    attempts_recorded: int = 0
    attempts_truth: int = 0
    attempts_predicted: float | None = None
    attempts_bound: float | None = None

    @property
    def floor(self) -> float:
        """A difference that matters: a fiftieth of the calls, and more than chance."""
        return max(20.0, 0.02 * self.calls)

    @property
    def matters(self) -> bool:
        """Whether the policy changed how many calls failed."""
        return abs(self.truth - self.recorded) >= self.floor

    def sign_right(self, said: float) -> bool:
        """Whether an answer moves in the direction of the truth, and far enough to be noticed."""
        moved, really = said - self.recorded, self.truth - self.recorded
        return moved * really > 0 and abs(moved) >= min(self.floor, 0.25 * abs(really))

    def error(self, said: float) -> float:
        """How far an answer is from the truth, in parts of it; few failed calls count as the floor."""
        return abs(said - self.truth) / max(self.truth, self.floor)


def judge(seed: int, *, processes: int = 1) -> Verdict:
    """Ask about one pair, and find out."""
    from recourse_observe.queries.archive import open_archive
    from recourse_observe.whatif import ask
    from recourse_observe.whatif.answer import Kind
    from recourse_observe.whatif.candidate import edited

    found = pair(seed)
    spec = found.scenario.keys[0]
    assert spec.policy is not None
    with tempfile.TemporaryDirectory() as folder:
        record(found.scenario, Path(folder))
        with open_archive(folder) as archive:
            began = time.perf_counter()
            answer = ask(archive, KEY, edits=found.edits, processes=processes)
            took = time.perf_counter() - began
            onset_us = _onset_us(archive, answer)
    candidate = edited([spec.policy.normalize()], found.edits)
    effective = candidate.policies[0]
    policy = Policy(
        KEY,
        retry=effective.retry,
        hedge=effective.hedge,
        circuit=effective.circuit,
        idempotent=effective.idempotent,
    )
    budgets = tuple(
        BudgetSpec(name=name, refill_per_s=table["min_retries_per_s"], ratio=table["ratio"])
        for name, table in candidate.budgets.items()
    )
    truth = run(under(found.scenario, policy, budgets))
    start_us = found.scenario.start_unix_ns // 1000
    from_s, to_s = (onset_us - start_us) / 1e6, (answer.end_unix_us - start_us) / 1e6
    calls = [one for one in truth.calls if from_s <= one.started_s < to_s]
    numbers = {one.number for one in calls}
    model = answer.row("failed_calls", Kind.MODEL)
    bound = answer.row("failed_calls", Kind.BOUND)
    attempts = answer.row("attempts", Kind.MODEL)
    attempts_bound = answer.row("attempts", Kind.BOUND)
    replay = answer.row("failed_calls", Kind.REPLAY)
    assert model is not None
    assert attempts is not None
    assert replay is not None
    return Verdict(
        seed=seed,
        family=found.family,
        edits=found.edits,
        calls=len(calls),
        recorded=int(model.recorded or 0),
        truth=sum(not one.succeeded for one in calls),
        predicted=model.candidate,
        low=model.low,
        high=model.high,
        replayed=replay.candidate or 0.0,
        bound=None if bound is None else bound.high,
        refusal=answer.refusal,
        seconds=took,
        attempts_recorded=int(attempts.recorded or 0),
        attempts_truth=sum(one.number in numbers for one in truth.attempts),
        attempts_predicted=attempts.candidate,
        attempts_bound=None if attempts_bound is None else attempts_bound.high,
    )


def _onset_us(archive: Any, answer: Any) -> int:
    """Where the measures of an answer begin."""
    from recourse_observe.whatif.scene import stretch

    return stretch(archive, KEY, answer.incident).onset_us


# ---------------------------------------------------------------- many pairs


def summary(verdicts: list[Verdict]) -> dict[str, Any]:
    """The numbers that count, of all pairs and by family."""
    said = [one for one in verdicts if one.predicted is not None]
    matter = [one for one in said if one.matters]
    inside = [(one.low or 0.0) <= one.truth <= (one.high or 0.0) for one in said]
    bounds = [one for one in verdicts if one.bound is not None]
    reasons: dict[str, int] = {}
    for one in verdicts:
        if one.refusal is not None:
            reason = one.refusal.partition(":")[0]
            reasons[reason] = reasons.get(reason, 0) + 1
    return {
        "pairs": len(verdicts),
        "answered": len(said),
        "refused_share": round(1 - len(said) / max(1, len(verdicts)), 3),
        "refusals": reasons,
        "matter": len(matter),
        "sign_right": _share([one.sign_right(one.predicted or 0.0) for one in matter]),
        "sign_right_replay": _share([one.sign_right(one.replayed) for one in matter]),
        "inside_interval": _share(inside),
        "median_error": _middle([one.error(one.predicted or 0.0) for one in said]),
        "median_error_replay": _middle([one.error(one.replayed) for one in said]),
        "median_error_where_it_matters": _middle(
            [one.error(one.predicted or 0.0) for one in matter]
        ),
        "median_error_where_it_matters_replay": _middle(
            [one.error(one.replayed) for one in matter]
        ),
        "bounds": len(bounds),
        "bounds_crossed": sum(one.truth > (one.bound or 0.0) for one in bounds),
        "attempt_bounds_crossed": sum(
            one.attempts_truth > (one.attempts_bound or 0) for one in bounds
        ),
        "seconds_median": _middle([one.seconds for one in verdicts]),
    }


def _share(hits: list[bool]) -> float | None:
    return round(sum(hits) / len(hits), 3) if hits else None


def _middle(values: list[float]) -> float | None:
    return round(median(values), 3) if values else None


def _judged(seed: int) -> Verdict | str:
    try:
        return judge(seed)
    except Exception:  # noqa: BLE001  # one broken pair must not lose the others
        return f"{seed}: {traceback.format_exc()}"


def main() -> None:
    """Run many pairs and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    verdicts: list[Verdict] = []
    seeds = range(given.first_seed, given.first_seed + given.pairs)
    with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
        for one in pool.imap_unordered(_judged, seeds):
            if isinstance(one, str):
                sys.stderr.write(one + "\n")
                continue
            verdicts.append(one)
            sys.stderr.write(_line(one) + "\n")
            if given.out:
                given.out.write_text(json.dumps([each._asdict() for each in verdicts], indent=1))
    report = {"all": summary(verdicts)}
    for family in FAMILIES:
        report[family] = summary([one for one in verdicts if one.family == family])
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


def _line(one: Verdict) -> str:
    said = (
        "refused " + (one.refusal or "")
        if one.predicted is None
        else (f"{one.predicted:.0f} [{one.low:.0f}, {one.high:.0f}]")
    )
    inside = one.predicted is not None and (one.low or 0) <= one.truth <= (one.high or 0)
    mark = " " if one.predicted is None else ("+" if inside else "!")
    return (
        f"{mark} {one.seed} {one.family} {' '.join(one.edits)}: recorded {one.recorded} of {one.calls}, "
        f"truth {one.truth}, model {said}, replay {one.replayed:.0f}, {one.seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
