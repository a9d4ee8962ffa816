"""Hedges: when they start, and what decides it."""

import contextvars
from typing import Any, Final

import pytest

from recourse import (
    BudgetRef,
    HedgePolicy,
    RetryPolicy,
)
from recourse.events import (
    AttemptStart,
    HedgeSpawn,
)
from recourse.policy.model import Jitter

KEY: Final = "svc.Op"
TWO: Final = RetryPolicy(max_attempts=2, jitter=Jitter.NONE)
FOUR_RUNS: Final = HedgePolicy(hedge_delay_s=0.5, max_hedges=3)


@pytest.mark.parametrize("hedges", [1, 2, 3])
def test_r46_hedge_k_starts_k_delays_after_a_hanging_primary_and_no_more_than_max_hedges(
    hedged: Any, hedges: int
) -> None:
    told = hedged([(10.0, "slow")], hedge=HedgePolicy(hedge_delay_s=0.5, max_hedges=hedges))

    assert [start.at_s for start in told.of(AttemptStart)] == [0.5 * k for k in range(hedges + 1)]
    assert [spawn.delay_s for spawn in told.of(HedgeSpawn)] == [
        0.5 * k for k in range(1, hedges + 1)
    ]
    assert told.runs == hedges + 1


def test_r46_hedges_never_consume_attempts(hedged: Any) -> None:
    told = hedged([(2.0, ConnectionError)], retry=TWO, hedge=FOUR_RUNS)

    assert told.runs == 2 * (1 + 3)
    assert [(start.attempt, start.hedge_index) for start in told.of(AttemptStart)] == [
        (attempt, hedge) for attempt in range(2) for hedge in range(4)
    ]
    assert told.timeline.disposition == "exhausted"
    assert told.timeline.attempts_run == 8


VARIABLE: Final = contextvars.ContextVar("variable", default="outside")


def test_r47_each_run_of_a_hedged_call_has_its_own_copy_of_the_callers_context(
    hedged: Any,
) -> None:
    seen: list[str] = []
    VARIABLE.set("caller")

    def operation() -> Any:
        seen.append(VARIABLE.get())
        VARIABLE.set("run")
        yield 0.8
        return VARIABLE.get()

    told = hedged(operation)

    assert (told.value, seen, VARIABLE.get()) == ("run", ["caller", "caller"], "caller")


def test_r47_without_hedging_the_operation_runs_inline_and_its_writes_are_visible(
    both: Any,
) -> None:
    executor = both.executor()

    def writing() -> str:
        VARIABLE.set(f"written by {both.verb}")
        return "done"

    async def awriting() -> str:
        return writing()

    async def main() -> str:
        await executor.acall(KEY, awriting)
        return VARIABLE.get()

    if both.is_async:
        assert both.clock.run(main()) == "written by acall"
    else:
        executor.call(KEY, writing)
        assert VARIABLE.get() == "written by call"


def test_r48_a_percentile_hedge_waits_for_threshold_and_least_delay_and_never_bursts(
    hedged: Any,
) -> None:
    policy = HedgePolicy(
        trigger="p50", max_hedges=3, min_samples=1, min_delay_s=0.05, hedge_delay_s=0.2
    )
    executor = hedged.executor(hedge=policy)
    hedged([(0.001, "quick")], executor=executor)

    told = hedged([(10.0, "slow")], executor=executor)

    starts = [start.at_s - told.events[0].at_s for start in told.of(AttemptStart)]
    assert starts == pytest.approx([0.0, 0.05, 0.10, 0.15])


def test_r48_a_percentile_hedge_waits_for_the_percentile(hedged: Any) -> None:
    policy = HedgePolicy(trigger="p50", max_hedges=2, min_samples=1, hedge_delay_s=0.2)
    executor = hedged.executor(hedge=policy)
    hedged([(0.150, "usual")], executor=executor)

    told = hedged([(10.0, "slow")], executor=executor)

    starts = [start.at_s - told.events[0].at_s for start in told.of(AttemptStart)]
    assert starts == pytest.approx([0.0, 0.15, 0.30])


class Samples:
    """A trigger that remembers what it is told."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, bool]] = []

    def delay_s(self, key: str, hedge: HedgePolicy) -> float:
        return hedge.hedge_delay_s

    def observe(self, key: str, duration_s: float, *, censored: bool) -> None:
        self.samples.append((round(duration_s, 6), censored))


def test_r49_successes_are_sampled_and_losers_as_having_run_at_least_so_long(hedged: Any) -> None:
    trigger = Samples()
    policy = HedgePolicy(trigger="samples", hedge_delay_s=0.5, max_hedges=2)

    hedged(
        [(9.0, "primary"), (8.0, "hedge"), (0.25, "won")],
        hedge=policy,
        triggers={"samples": trigger},
    )

    assert sorted(trigger.samples) == [(0.25, False), (0.75, True), (1.25, True)]


def test_r49_failed_and_denied_runs_are_not_sampled(hedged: Any) -> None:
    trigger = Samples()
    policy = HedgePolicy(trigger="samples", hedge_delay_s=0.5, budget=BudgetRef("none"))

    hedged([(1.0, ConnectionError)], hedge=policy, triggers={"samples": trigger}, budgets={})

    assert trigger.samples == []


def test_r49_fewer_than_min_samples_mean_the_fixed_delay(hedged: Any) -> None:
    policy = HedgePolicy(trigger="p95", hedge_delay_s=0.7)
    executor = hedged.executor(hedge=policy)
    for _ in range(19):
        hedged([(0.01, "quick")], executor=executor)

    told = hedged([(10.0, "slow"), "won"], executor=executor)

    assert [spawn.delay_s for spawn in told.of(HedgeSpawn)] == pytest.approx([0.7])


def test_r49_instant_hedges_do_not_pull_the_percentile_below_the_threshold(
    async_side: Any,
) -> None:
    policy = HedgePolicy(trigger="p95", hedge_delay_s=0.05)
    executor = async_side.executor(hedge=policy)

    delays = [
        spawn.delay_s
        for _ in range(60)
        for spawn in async_side([(0.1, "usual"), "instant"], executor=executor).of(HedgeSpawn)
    ]

    assert len(delays) == 60
    assert min(delays) == pytest.approx(0.05)


def test_r50_a_primary_that_fails_with_nothing_in_flight_ends_the_group_and_backoff_applies(
    hedged: Any,
) -> None:
    told = hedged([(0.3, ConnectionError), "second"], retry=TWO)

    assert (told.value, told.sleeps, told.took_s) == ("second", (0.05,), pytest.approx(0.35))
    assert told.of(HedgeSpawn) == []


def test_r50_a_failed_primary_waits_for_the_hedge_in_flight_and_launches_no_other(
    hedged: Any,
) -> None:
    told = hedged([(0.7, ConnectionError), (2.0, "hedge")], hedge=FOUR_RUNS)

    assert (told.value, told.took_s, told.runs) == ("hedge", 2.5, 2)
    assert told.outcomes == [
        (0, 0, "retryable", "retryable_error"),
        (0, 1, "success", "success"),
    ]


def test_r50_a_primary_that_times_out_waits_for_the_hedge_in_flight(hedged: Any) -> None:
    limited = RetryPolicy(max_attempts=1, timeout_per_attempt_s=1.0)

    told = hedged([(9.0, "late"), (0.9, "hedge")], retry=limited)

    assert (told.value, told.took_s) == ("hedge", 1.4)
    assert told.outcomes == [
        (0, 0, "retryable", "attempt_timeout"),
        (0, 1, "success", "success"),
    ]
