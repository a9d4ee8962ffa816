"""Limits of operations in threads: waited for in the caller's own, left behind in another (R24)."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Final

import pytest

from recourse import (
    AttemptTimeout,
    CapacityError,
    CircuitPolicy,
    Executor,
    HedgePolicy,
    Policy,
    RetryPolicy,
    current_attempt,
    timeline_of,
)
from recourse.clock import Mailbox
from recourse.events import AttemptLate, HedgingDisabled
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock, disable

KEY: Final = "svc.Op"
ONE_S: Final = RetryPolicy(max_attempts=1, timeout_per_attempt_s=1.0)
TWICE_ONE_S: Final = RetryPolicy(max_attempts=2, timeout_per_attempt_s=1.0, jitter=Jitter.NONE)
VARIABLE: Final = ContextVar("variable", default="")


def test_r24_cooperative_operations_run_in_the_callers_thread_and_see_their_limit(
    sync_side: Any,
) -> None:
    seen: list[Any] = []

    def operation() -> Any:
        attempt = current_attempt()
        assert attempt is not None
        seen.extend([threading.current_thread(), attempt.remaining_s()])
        yield 0.25
        seen.append(attempt.remaining_s())
        yield 3.0
        seen.append(attempt.remaining_s())

    sync_side(operation, retry=ONE_S)

    assert seen == [threading.current_thread(), 1.0, 0.75, 0.0]


def test_r24_a_policy_that_would_hedge_moves_no_cooperative_operation_out_of_its_thread(
    sync_side: Any,
) -> None:
    seen: list[Any] = []

    def operation() -> Any:
        seen.append(threading.current_thread())
        yield 3.0
        return "late"

    told = sync_side(operation, retry=ONE_S, hedge=HedgePolicy())

    assert (told.value, seen) == ("late", [threading.current_thread()])


def test_r25_the_items_of_a_stream_come_in_the_callers_thread_where_attempts_have_their_own(
    sync_side: Any,
) -> None:
    executor = sync_side.executor(retry=ONE_S, hedge=HedgePolicy(), sync_timeout="thread")

    def where() -> Iterator[threading.Thread]:
        yield threading.current_thread()

    assert list(executor.stream(KEY, where)) == [threading.current_thread()]


def test_r20_a_coroutine_that_is_not_hedged_after_all_stays_in_its_task(async_side: Any) -> None:
    executor = async_side.executor(retry=ONE_S, hedge=HedgePolicy(), sync_timeout="thread")

    async def where() -> Any:
        return asyncio.current_task()

    async def main() -> bool:
        with disable():
            return await executor.acall(KEY, where) is asyncio.current_task()

    assert async_side.clock.run(main())


def test_r24_an_attempt_without_a_limit_has_no_time_that_remains(both: Any) -> None:
    def operation() -> Any:
        attempt = current_attempt()
        assert attempt is not None
        yield 0.0
        return attempt.deadline, attempt.remaining_s()

    assert both(operation).value == (None, None)


def test_r24_in_mode_thread_the_caller_is_released_at_the_limit(sync_side: Any) -> None:
    seen: list[Any] = []
    VARIABLE.set("caller")

    def operation() -> Any:
        attempt = current_attempt()
        assert attempt is not None
        thread = threading.current_thread()
        seen.extend([thread.daemon, thread.name, VARIABLE.get(), attempt.remaining_s()])
        VARIABLE.set("thread")
        yield 60.0

    told = sync_side(operation, retry=ONE_S, sync_timeout="thread")

    assert isinstance(told.error, AttemptTimeout)
    assert (told.took_s, VARIABLE.get()) == (1.0, "caller")
    assert seen == [True, "recourse-svc.Op", "caller", 1.0]


class Value:
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_r24_the_value_of_an_abandoned_run_is_disposed_of_and_told(sync_side: Any) -> None:
    value = Value()

    told = sync_side([(60.0, value)], retry=ONE_S, sync_timeout="thread", settle_s=100.0)

    late = told.of(AttemptLate)
    assert (value.closed, told.names[-1]) == (1, "AttemptLate")
    assert [(event.attempt, event.succeeded, event.at_s) for event in late] == [(0, True, 60.0)]


def test_r24_abandoned_runs_are_counted_and_capped(sync_side: Any) -> None:
    executor = sync_side.executor(retry=ONE_S, sync_timeout="thread", max_abandoned=2)
    two = [sync_side([(60.0, "late")], executor=executor).error for _ in range(2)]

    third = sync_side(["never"], executor=executor)
    sync_side.clock.mailbox().take(100.0)
    fourth = sync_side(["again"], executor=executor)

    assert [type(error) for error in two] == [AttemptTimeout, AttemptTimeout]
    assert isinstance(third.error, CapacityError)
    assert (third.error.limit, third.runs, third.timeline.disposition) == (2, 0, "internal_error")
    assert third.events[-1].outcome.reason == "no_capacity"
    assert fourth.value == "again"


def test_r55_a_probe_without_hedging_in_its_policy_is_told_of_as_nothing_else(
    sync_side: Any,
) -> None:
    circuit = CircuitPolicy(threshold=1)
    executor = sync_side.executor(retry=ONE_S, circuit=circuit, sync_timeout="thread")
    sync_side([OSError], executor=executor)
    sync_side.clock.advance(10.0)

    told = sync_side(["done"], executor=executor)

    assert (told.value, told.of(HedgingDisabled)) == ("done", [])


def test_r24_calls_that_need_no_thread_run_when_no_more_may_be_left_behind(
    sync_side: Any,
) -> None:
    plain, hedging = Policy("no.Limit"), Policy("a.Hedge", hedge=HedgePolicy())
    executor = Executor(
        [Policy(KEY, retry=ONE_S), plain, hedging],
        sync_timeout="thread",
        max_abandoned=1,
        clock=sync_side.clock,
        observers=[sync_side.heard],
    )
    sync_side([(60.0, "late")], executor=executor)

    async def coroutine() -> str:
        return "awaited"

    assert executor.call("no.Limit", lambda: "inline") == "inline"
    assert sync_side.clock.run(executor.acall("a.Hedge", coroutine)) == "awaited"


def test_r24_a_retry_without_capacity_tells_of_the_last_error(sync_side: Any) -> None:
    told = sync_side([(60.0, "late")], retry=TWICE_ONE_S, sync_timeout="thread", max_abandoned=1)

    assert isinstance(told.error, CapacityError)
    assert isinstance(told.error.__cause__, AttemptTimeout)
    assert told.timeline.attempts_run == 1


def test_r24_without_a_limit_mode_thread_runs_in_the_callers_thread(sync_side: Any) -> None:
    def operation() -> Any:
        yield 0.0
        return threading.current_thread()

    told = sync_side(operation, sync_timeout="thread")

    assert told.value is threading.current_thread()


EXITING: Final = """
import threading, time
from recourse import AttemptTimeout, Executor, Policy, RetryPolicy

executor = Executor(
    [Policy("svc.Op", retry=RetryPolicy(max_attempts=1, timeout_per_attempt_s=0.05))],
    sync_timeout="thread",
)
try:
    executor.call("svc.Op", threading.Event().wait, 600)
except AttemptTimeout:
    print("released", flush=True)
"""


@pytest.mark.slow
def test_r24_an_abandoned_run_does_not_hold_up_the_interpreters_exit() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", EXITING], capture_output=True, text=True, timeout=25, check=True
    )

    assert (ended.stdout, ended.stderr) == ("released\n", "")


def test_r24_the_timeline_of_the_error_holds_the_abandoned_run(sync_side: Any) -> None:
    told = sync_side([(60.0, "late")], retry=ONE_S, sync_timeout="thread")

    assert told.error is not None
    timeline = timeline_of(told.error)
    assert timeline is not None
    assert [(record.ran, record.duration_s) for record in timeline.attempts] == [(True, 1.0)]


class LateBox:
    """A mailbox whose owner wakes at the end of every wait, before it has seen what has come."""

    def __init__(self, box: Mailbox, wait: Mailbox) -> None:
        self.post = box.post
        self._box, self._wait = box, wait

    def take(self, timeout_s: float | None) -> Any:
        if timeout_s:
            return self._wait.take(timeout_s)
        return self._box.take(timeout_s)


class LateClock(VirtualClock):
    def mailbox(self) -> Mailbox:
        return LateBox(super().mailbox(), super().mailbox())


def test_r32_what_a_run_gave_before_the_deadline_counts_while_a_hedge_is_cut_there(
    sync_side: Any,
) -> None:
    sync_side.clock = LateClock()

    told = sync_side(
        [(0.9, "primary"), (5.0, "hedge")],
        hedge=HedgePolicy(hedge_delay_s=0.5),
        retry=RetryPolicy(max_attempts=1, overall_timeout_s=1.0),
        sync_timeout="thread",
        settle_s=5.0,
    )

    assert told.value == "primary"
    assert told.outcomes == [(0, 0, "success", "success"), (0, 1, "cancelled", "hedge_lost")]
