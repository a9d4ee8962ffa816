"""Simulated calls follow the executor's own rules."""

import math
from typing import Any

import pytest

from recourse import (
    BudgetRef,
    CircuitPolicy,
    HedgePolicy,
    Policy,
    RetryPolicy,
)
from recourse.outcome import Outcome, OutcomeKind
from recourse_observe.lab import DependencySpec, KeySpec, Recorded, Scenario, Slowdown, run
from recourse_observe.whatif.dependency import Dependency, Failing, Fault, Reply
from recourse_observe.whatif.process import Arrival, Rules
from recourse_observe.whatif.simulate import simulate
from recourse_observe.whatif.trace import Ending, Trace

KEY = "a.B"
DOWN = Fault(start_s=0.0, end_s=1.0, errors=(Failing(1.0, Reply("http_503"), 0.01),))
PLAIN = RetryPolicy(max_attempts=3, jitter="none", initial_backoff_s=0.1)


def went(
    dependency: Dependency,
    *arrivals: float,
    retry: RetryPolicy = PLAIN,
    budgets: dict[str, Any] | None = None,
    deadline_s: float | None = None,
    rules: dict[str, Any] | None = None,
    **policy: Any,
) -> Trace:
    made = Policy(KEY, retry=retry, **policy).normalize()
    given = Rules(key=KEY, policies=(made,), budgets=budgets or {}, **(rules or {}))
    calls = [Arrival(at_s, 0, deadline_s) for at_s in arrivals]
    return simulate(dependency, given, calls)


def test_a_failing_call_is_retried_after_its_backoff_until_it_is_exhausted() -> None:
    trace = went(Dependency(service_s=(0.05,), faults=(DOWN,)), 0.0)

    assert list(trace.starts) == pytest.approx([0.0, 0.11, 0.32])
    assert (trace.failed[0], trace.attempts[0], trace.retries[0]) == (1, 3, 2)
    assert trace.ended_s[0] == pytest.approx(0.33)
    assert set(trace.endings) == {Ending.ERROR}


def test_a_retry_after_the_trouble_rescues_the_call() -> None:
    trace = went(Dependency(service_s=(0.05,), faults=(DOWN,)), 0.85)

    assert list(trace.starts) == pytest.approx([0.85, 0.96, 1.17])
    assert (trace.failed[0], list(trace.endings)) == (
        0,
        [Ending.ERROR, Ending.ERROR, Ending.SUCCESS],
    )


def test_an_attempt_is_cut_off_at_its_timeout_and_its_work_goes_on() -> None:
    retry = RetryPolicy(max_attempts=2, jitter="none", timeout_per_attempt_s=0.5)

    trace = went(Dependency(service_s=(0.8,), workers=1), 0.0, retry=retry)

    assert list(trace.took_s) == pytest.approx([0.5, 0.5])
    assert set(trace.endings) == {Ending.CUT_OFF}
    assert trace.failed[0] == 1


def test_what_a_timeout_meant_in_the_record_it_means_again() -> None:
    retry = RetryPolicy(max_attempts=3, timeout_per_attempt_s=0.5)
    final = {"timeout": Outcome(OutcomeKind.NON_RETRYABLE, "http_non_idempotent")}

    trace = went(Dependency(service_s=(0.8,)), 0.0, retry=retry, rules=final)

    assert trace.attempts[0] == 1


def test_a_deadline_of_the_caller_ends_the_call() -> None:
    trace = went(Dependency(service_s=(0.8,)), 0.0, deadline_s=0.3)

    assert trace.failed[0] == 1
    assert trace.ended_s[0] == pytest.approx(0.3)


def test_a_terminal_answer_is_not_retried_and_a_wait_that_is_asked_for_is_kept() -> None:
    terminal = Fault(start_s=0.0, end_s=1.0, errors=(Failing(1.0, Reply("http_404", False)),))  # noqa: FBT003  # retryable
    asked = Fault(start_s=0.0, end_s=0.5, errors=(Failing(1.0, Reply("http_429", True, 2.0)),))  # noqa: FBT003  # retryable

    ended = went(Dependency(service_s=(0.05,), faults=(terminal,)), 0.0)
    waited = went(Dependency(service_s=(0.05,), faults=(asked,)), 0.0)

    assert ended.attempts[0] == 1
    assert waited.starts[1] >= 2.0


def test_budgets_and_breakers_hold_calls_back_each_process_its_own() -> None:
    budget = RetryPolicy(max_attempts=3, jitter="none", budget=BudgetRef("b"))
    none = {"b": {"kind": "token_bucket", "capacity": 1, "refill_per_s": 0}}
    spec = Dependency(service_s=(0.05,), faults=(DOWN,))

    denied = went(spec, 0.0, 0.1, retry=budget, budgets=none)
    opened = went(spec, *(i * 0.01 for i in range(20)), circuit=CircuitPolicy(threshold=3))

    assert list(denied.attempts) == [2, 1]
    assert sum(opened.attempts) < 10


def test_a_hedge_wins_where_the_first_run_is_slow() -> None:
    spec = Dependency(service_s=(0.02, 2.0))
    hedge = HedgePolicy(hedge_delay_s=0.1, max_hedges=1)

    plain = went(spec, *(float(i) for i in range(100)))
    hedged = went(spec, *(float(i) for i in range(100)), hedge=hedge)

    def slow(trace: Trace) -> int:
        return sum(end - i > 1.0 for i, end in enumerate(trace.ended_s))

    assert slow(plain) > 30
    assert slow(hedged) < slow(plain) * 0.75
    assert len(hedged.starts) > len(plain.starts)


def test_hedges_that_all_time_out_fail_the_call() -> None:
    retry = RetryPolicy(max_attempts=1, timeout_per_attempt_s=0.3)

    trace = went(
        Dependency(service_s=(9.0,)), 0.0, retry=retry, hedge=HedgePolicy(hedge_delay_s=0.1)
    )

    assert (trace.failed[0], list(trace.endings)) == (1, [Ending.CUT_OFF, Ending.CUT_OFF])


def test_runs_that_land_together_are_both_taken() -> None:
    fault = Fault(start_s=0.0, end_s=9.0, errors=(Failing(1.0, Reply("http_503"), 0.2),))
    spec = Dependency(service_s=(0.1,), faults=(fault,))

    trace = went(
        spec,
        0.0,
        retry=RetryPolicy(max_attempts=1),
        hedge=HedgePolicy(hedge_delay_s=0.1, max_hedges=1),
    )

    assert (trace.failed[0], trace.attempts[0]) == (1, 2)


def test_each_arrival_follows_the_policy_that_was_in_force() -> None:
    policies = tuple(
        Policy(KEY, retry=RetryPolicy(max_attempts=most, jitter="none")).normalize()
        for most in (1, 3)
    )
    calls = [Arrival(0.0, 0, None, 0), Arrival(0.01, 0, None, 1), Arrival(0.02, 0, None, 0)]

    trace = simulate(
        Dependency(service_s=(0.05,), faults=(DOWN,)), Rules(key=KEY, policies=policies), calls
    )

    assert list(trace.attempts) == [1, 3, 1]


def test_a_run_stops_at_its_end_or_when_it_needs_too_much() -> None:
    policy = Policy(KEY, retry=PLAIN).normalize()
    rules = Rules(key=KEY, policies=(policy,))
    calls = [Arrival(float(i)) for i in range(10)]

    early = simulate(Dependency(service_s=(3.0,)), rules, calls, until_s=5.0)
    few = simulate(Dependency(service_s=(3.0,)), rules, calls, most=3)

    assert [math.isnan(end) for end in early.ended_s] == [False] * 2 + [True] * 8
    assert (len(early.starts), len(few.starts)) == (5, 4)


@pytest.mark.slow
def test_calls_go_as_they_do_in_the_laboratory() -> None:
    """The same deterministic world, once on the event loop and once event by event."""
    moments = tuple(i * 0.05 for i in range(1_200))
    retry = RetryPolicy(
        max_attempts=4, jitter="none", initial_backoff_s=0.1, timeout_per_attempt_s=0.5
    )
    policy = Policy(KEY, retry=retry)
    world = Scenario(
        name="parity",
        seed=1,
        duration_s=60.0,
        dependencies=(
            DependencySpec(name="b", instances=1, workers=2, queue=30, median_s=0.08, sigma=0.0),
        ),
        keys=(
            KeySpec(key=KEY, dependency="b", policy=policy, traffic=Recorded(arrivals_s=moments)),
        ),
        faults=(Slowdown(start_s=20.0, end_s=24.0, dependency="b", factor=5.0),),
        drain_s=30.0,
    )
    spec = Dependency(
        service_s=(0.08,),
        workers=2,
        queue=30,
        shed=Failing(1.0, Reply("http_503"), 0.001),
        faults=(Fault(start_s=20.0, end_s=24.0, slowdown=5.0),),
    )

    real = run(world)
    trace = simulate(
        spec, Rules(key=KEY, policies=(policy.normalize(),)), [Arrival(at_s) for at_s in moments]
    )

    failed = sum(not call.succeeded for call in real.calls)
    assert failed > 100
    assert sum(trace.failed) == pytest.approx(failed, rel=0.02)
    assert len(trace.starts) == pytest.approx(len(real.attempts), rel=0.02)
