"""Incidents of the laboratory, each with a change of policy that a person would try.

A pair belongs to a seed, and the seed's remainder says of which family it is.
"""

import dataclasses
import random
from collections.abc import Callable
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
)

__all__ = ["FAMILIES", "KEY", "Pair", "pair", "under"]

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
