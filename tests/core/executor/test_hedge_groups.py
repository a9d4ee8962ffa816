"""Hedged groups: who speaks for them, what ends them, and which calls have none."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest

from recourse import (
    BudgetRef,
    ByException,
    CircuitPolicy,
    DeadlineExceeded,
    HedgePolicy,
    OutcomeKind,
    RetryPolicy,
    TokenBucket,
)
from recourse.budget import Ask, Decision
from recourse.events import (
    AttemptEnd,
    AttemptStart,
    BudgetDecision,
    CallEnd,
    HedgeCancel,
    HedgeSpawn,
    HedgingDisabled,
    RetryScheduled,
)
from recourse.policy.model import Jitter
from recourse.reasons import CancelReason, HedgingOff
from recourse.testing import disable, instant

KEY: Final = "svc.Op"
TWO: Final = RetryPolicy(max_attempts=2, jitter=Jitter.NONE)
FOUR_RUNS: Final = HedgePolicy(hedge_delay_s=0.5, max_hedges=3)

BY_KIND: Final = {
    ConnectionError: "retryable",
    ValueError: "non_retryable",
    ZeroDivisionError: "abort",
}


def by_kind() -> ByException:
    return ByException({error: OutcomeKind(kind) for error, kind in BY_KIND.items()})


@pytest.mark.parametrize(
    ("primary", "hedge", "speaker"),
    [
        ((1.0, ConnectionError("p")), (1.0, ConnectionError("h")), "p"),
        ((3.0, ConnectionError("p")), (1.0, ConnectionError("h")), "p"),
        ((1.0, ConnectionError("p")), (1.0, ValueError("h")), "h"),
        ((3.0, ConnectionError("p")), (1.0, ValueError("h")), "h"),
        ((1.0, ValueError("p")), (1.0, ConnectionError("h")), "p"),
        ((1.0, ValueError("p")), (1.0, ZeroDivisionError("h")), "h"),
        ((3.0, ValueError("p")), (1.0, ValueError("h")), "p"),
    ],
)
def test_r53_the_most_severe_outcome_speaks_for_a_failed_group_in_whatever_order_they_finish(
    hedged: Any, primary: Any, hedge: Any, speaker: str
) -> None:
    told = hedged([primary, hedge], classifiers={"kinds": by_kind()}, default_classifier="kinds")

    assert str(told.error) == speaker
    assert len(told.timeline.attempts) == 2


@pytest.mark.parametrize(
    ("primary_s", "ends"),
    [
        (1.0, [(0, 0, 0.0), (0, 1, 0.05), (1, 0, 0.0)]),
        (2.0, [(0, 1, 0.0), (0, 0, 0.05), (1, 0, 0.0)]),
    ],
)
def test_r52_every_run_of_a_failed_group_ends_once_and_the_last_one_has_the_backoff(
    hedged: Any, primary_s: float, ends: list[tuple[int, int, float]]
) -> None:
    failing = [(primary_s, ConnectionError), (1.0, ConnectionError)]

    told = hedged([*failing, "done"], retry=TWO)

    assert [(end.attempt, end.hedge_index, end.backoff_s) for end in told.of(AttemptEnd)] == ends
    assert [(end.attempts_run, end.hedges) for end in told.of(CallEnd)] == [(3, 1)]


def test_r46_a_hedge_that_fails_does_not_bring_the_next_one_forward(hedged: Any) -> None:
    runs = [(5.0, "slow"), (0.1, ConnectionError), (0.1, "quick")]

    told = hedged(runs, hedge=FOUR_RUNS)

    assert told.value == "quick"
    assert [spawn.delay_s for spawn in told.of(HedgeSpawn)] == [0.5, 1.0]


def test_r53_of_two_successes_in_one_moment_the_lowest_index_wins(hedged: Any) -> None:
    told = hedged([(1.5, "primary"), (1.0, "hedge")], settle_s=1.0)

    assert (told.value, told.took_s) == ("primary", 1.5)
    assert told.outcomes == [(0, 0, "success", "success"), (0, 1, "cancelled", "hedge_lost")]


@pytest.mark.parametrize(("cancels", "gives"), [(True, None), (False, "hedge")])
def test_r54_a_terminal_outcome_ends_the_group_only_when_the_policy_says_so(
    hedged: Any,
    cancels: Any,
    gives: str | None,
) -> None:
    policy = HedgePolicy(hedge_delay_s=0.5, cancel_on_first_terminal=cancels)

    told = hedged(
        [(1.0, ValueError("no")), (2.0, "hedge")],
        hedge=policy,
        classifiers={"kinds": by_kind()},
        default_classifier="kinds",
    )

    assert told.value == gives
    reasons = [event.reason for event in told.of(HedgeCancel)]
    assert reasons == ([CancelReason.TERMINAL_OUTCOME] if cancels else [])


class BrokenTrigger:
    def delay_s(self, key: str, hedge: HedgePolicy) -> float:
        raise ZeroDivisionError


@pytest.mark.parametrize("triggers", [{}, {"mine": BrokenTrigger()}], ids=["missing", "broken"])
def test_r54_without_a_working_trigger_the_fixed_delay_is_used(hedged: Any, triggers: Any) -> None:
    policy = HedgePolicy(trigger="mine", hedge_delay_s=0.5)

    told = hedged([(5.0, "slow"), (1.0, "won")], hedge=policy, triggers=triggers)

    assert (told.value, told.took_s) == ("won", 1.5)


def test_r52_a_hedge_that_ends_the_group_is_told_as_ended_and_its_primary_as_cancelled(
    hedged: Any,
) -> None:
    told = hedged(
        [(5.0, "slow"), (0.1, ZeroDivisionError)],
        classifiers={"kinds": by_kind()},
        default_classifier="kinds",
    )

    assert [end.hedge_index for end in told.of(AttemptEnd)] == [1]
    assert [(cancel.hedge_index, cancel.reason) for cancel in told.of(HedgeCancel)] == [
        (0, CancelReason.TERMINAL_OUTCOME)
    ]


def test_r54_a_hedge_that_may_be_tried_again_does_not_end_the_group(hedged: Any) -> None:
    hedge = HedgePolicy(hedge_delay_s=0.5, cancel_on_first_terminal=True)

    told = hedged([(2.0, "slow"), (0.1, ConnectionError)], hedge=hedge)

    assert told.value == "slow"


def test_r32_a_hedge_that_the_deadline_cuts_off_speaks_for_its_failed_primary(hedged: Any) -> None:
    retry = RetryPolicy(max_attempts=2, overall_timeout_s=2.0)

    told = hedged([(0.6, ConnectionError("p")), (9.0, "never")], retry=retry)

    assert isinstance(told.error, DeadlineExceeded)
    assert (told.took_s, told.runs) == (2.0, 2)
    assert isinstance(told.error.__cause__, ConnectionError)
    assert told.outcomes[1][3] == "context_deadline_exceeded"


def test_r54_a_missing_trigger_that_is_denied_means_no_hedging(hedged: Any) -> None:
    policy = HedgePolicy(trigger="mine", hedge_delay_s=0.5)

    told = hedged([(5.0, "slow")], hedge=policy, missing_trigger="deny")

    assert (told.value, told.runs) == ("slow", 1)
    assert [event.reason for event in told.of(HedgingDisabled)] == [HedgingOff.TRIGGER_MISSING]


def test_r54_a_trigger_that_breaks_in_a_call_ends_its_hedging_and_nothing_else(
    hedged: Any,
) -> None:
    class Breaking:
        def delay_s(self, key: str, policy: HedgePolicy) -> float:
            if hedged.side.clock.monotonic_s() > 0.75:
                raise ZeroDivisionError
            return 0.5

    policy = HedgePolicy(trigger="mine", max_hedges=3)

    told = hedged(
        [(5.0, "slow")], hedge=policy, triggers={"mine": Breaking()}, missing_trigger="deny"
    )

    assert (told.value, told.took_s) == ("slow", 5.0)
    assert told.runs == 2


def test_r54_a_group_that_has_ended_launches_and_charges_nothing(hedged: Any) -> None:
    asked: list[Ask] = []

    class Counting:
        def ask(self, request: Ask) -> Decision:
            asked.append(request)
            return Decision(allowed=True)

    policy = HedgePolicy(hedge_delay_s=0.5, max_hedges=3, budget=BudgetRef("counting"))

    told = hedged([(0.7, "won")], hedge=policy, budgets={"counting": Counting()}, settle_s=9.0)

    assert (told.value, told.runs, len(asked)) == ("won", 2, 1)


@pytest.mark.parametrize("cancels", [True, False])
def test_r42_a_denied_hedge_is_skipped_and_the_primary_goes_on(
    hedged: Any,
    cancels: Any,
) -> None:
    policy = HedgePolicy(
        hedge_delay_s=0.5,
        max_hedges=3,
        cancel_on_first_terminal=cancels,
        budget=BudgetRef("empty"),
    )

    told = hedged([(3.0, "primary")], hedge=policy, budgets={"empty": TokenBucket(1, 0)})

    assert (told.value, told.runs) == ("primary", 2)
    decisions = [(event.hedge_index, event.allowed) for event in told.of(BudgetDecision)]
    assert decisions == [(1, True), (2, False), (3, False)]
    assert [(record.hedge_index, record.ran) for record in told.timeline.attempts] == [
        (0, True),
        (1, True),
        (2, False),
        (3, False),
    ]


def test_r55_sync_calls_without_thread_mode_are_not_hedged(sync_side: Any) -> None:
    told = sync_side([(5.0, "slow")], hedge=HedgePolicy(hedge_delay_s=0.5))

    assert (told.value, told.runs) == ("slow", 1)
    assert [event.reason for event in told.of(HedgingDisabled)] == [HedgingOff.SYNC_COOPERATIVE]


def test_r55_in_mode_allow_there_is_no_hedging(hedged: Any) -> None:
    executor = hedged.executor(key="svc.Known", missing_policy="allow")

    told = hedged([(5.0, "slow")], executor=executor)

    assert (told.value, told.runs) == ("slow", 1)
    assert [event.reason for event in told.of(HedgingDisabled)] == [HedgingOff.MODE_ALLOW]


def test_r55_a_probe_is_not_hedged(hedged: Any) -> None:
    circuit = CircuitPolicy(threshold=1, cooldown_s=1.0)
    executor = hedged.executor(circuit=circuit)
    hedged([ConnectionError], executor=executor, settle_s=1.0)

    probe = hedged([(5.0, "slow")], executor=executor)
    healthy = hedged([(5.0, "slow")], executor=executor)

    assert (probe.value, probe.runs, healthy.runs) == ("slow", 1, 2)
    assert [event.reason for event in probe.of(HedgingDisabled)] == [HedgingOff.HALF_OPEN]
    assert healthy.of(HedgingDisabled) == []


def test_r55_streams_are_not_hedged(hedged: Any) -> None:
    both, executor = hedged.side, hedged.executor()

    def source() -> Iterator[str]:
        both.clock.advance(5.0)
        yield "item"

    async def asource() -> AsyncIterator[str]:
        await asyncio.sleep(5.0)  # noqa: TID251  # on the virtual loop
        yield "item"

    async def main() -> list[str]:
        return [item async for item in executor.astream(KEY, asource)]

    items = both.clock.run(main()) if both.is_async else list(executor.stream(KEY, source))

    assert items == ["item"]
    reasons = [event.reason for event in both.heard.events if isinstance(event, HedgingDisabled)]
    assert reasons == [HedgingOff.STREAM]


def test_r55_disabled_calls_are_not_hedged(hedged: Any) -> None:
    with disable():
        told = hedged([(5.0, "slow")])

    assert (told.value, told.runs) == ("slow", 1)
    assert [event.reason for event in told.of(HedgingDisabled)] == [HedgingOff.DISABLED]


def test_r55_calls_that_take_no_wait_between_attempts_are_hedged_all_the_same(hedged: Any) -> None:
    with instant():
        told = hedged([(5.0, "slow"), (1.0, "won")])

    assert (told.value, told.took_s) == ("won", 1.5)


def test_r55_hedging_disabled_is_told_once_per_call(sync_side: Any) -> None:
    told = sync_side([ConnectionError, ConnectionError, "ok"], hedge=HedgePolicy())

    assert (told.value, len(told.of(HedgingDisabled))) == ("ok", 1)
    assert told.timeline.attributes["hedging_disabled"] == "sync_cooperative"


def test_r55_backoff_counts_from_the_end_of_the_group_and_the_next_group_hedges_again(
    hedged: Any,
) -> None:
    told = hedged(
        [(1.0, ConnectionError), (1.0, ConnectionError), (2.0, "slow"), (0.25, "won")], retry=TWO
    )

    assert (told.value, told.sleeps) == ("won", (0.05,))
    assert [start.at_s for start in told.of(AttemptStart)] == pytest.approx([0, 0.5, 1.55, 2.05])
    assert [event.at_s for event in told.of(RetryScheduled)] == [1.5]


def test_a_hedge_that_the_breaker_refuses_is_not_spawned(hedged: Any) -> None:
    circuit = CircuitPolicy(threshold=1, cooldown_s=10.0)
    executor = hedged.executor(hedge=FOUR_RUNS, circuit=circuit)

    told = hedged([(1.2, "primary"), (0.1, ConnectionError)], executor=executor)

    assert (told.value, told.runs) == ("primary", 2)
    assert [spawn.hedge_index for spawn in told.of(HedgeSpawn)] == [1]


def test_a_run_that_is_interrupted_ends_the_group(hedged: Any) -> None:
    told = hedged([(5.0, "slow"), (1.0, KeyboardInterrupt("stop"))], settle_s=9.0)

    assert repr(told.error) == "KeyboardInterrupt('stop')"
    assert (told.timeline.disposition, told.took_s) == ("interrupted", 1.5)
    assert [event.reason for event in told.of(HedgeCancel)] == [CancelReason.CALLER_CANCELLED]


def test_r19_a_cancellation_inside_a_run_aborts_the_group(hedged: Any) -> None:
    told = hedged([(5.0, "slow"), (1.0, asyncio.CancelledError("inside"))], settle_s=9.0)

    assert repr(told.error) == "CancelledError('inside')"
    assert told.timeline.disposition == "aborted"
    assert [event.reason for event in told.of(HedgeCancel)] == [CancelReason.TERMINAL_OUTCOME]


def test_r19_a_run_that_somebody_else_cancels_aborts_the_call(async_side: Any) -> None:
    executor = async_side.executor(hedge=HedgePolicy(hedge_delay_s=0.5))

    def cancel_attempts() -> None:
        for task in asyncio.all_tasks():
            if task.get_name() == "recourse-attempt":
                task.cancel("by somebody else")

    async def main(after_s: float) -> None:
        task = asyncio.ensure_future(executor.acall(KEY, async_side.operation([(5.0, "late")])))
        loop = asyncio.get_running_loop()
        # At once means: before the attempt's task has made its first step.
        loop.call_later(after_s, cancel_attempts) if after_s else loop.call_soon(cancel_attempts)
        with pytest.raises(asyncio.CancelledError):
            await task

    for after_s in (0.0, 0.25):
        async_side.clock.run(main(after_s))

    ends = [event for event in async_side.heard.events if isinstance(event, CallEnd)]
    assert [(end.disposition, end.outcome.reason) for end in ends] == [
        ("aborted", "inner_cancelled")
    ] * 2
    assert async_side.runs == 1
