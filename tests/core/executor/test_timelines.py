"""Timelines: complete, whoever ends the call; and what an operation knows of its own attempt."""

import asyncio
import re
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

from recourse import (
    BudgetRef,
    CircuitPolicy,
    Executor,
    HedgePolicy,
    OutcomeKind,
    Policy,
    RetryPolicy,
    Timeline,
    TokenBucket,
    current_attempt,
    deadline,
    record_timeline,
    timeline_of,
)
from recourse.context import AttemptInfo
from recourse.events import AttemptEnd, CallEnd
from recourse.policy.model import Jitter
from recourse.reasons import Disposition
from recourse.testing import VirtualClock, http

KEY: Final = "svc.Op"
ONCE: Final = RetryPolicy(max_attempts=1)


def carried_out(side: Any, executor: Executor, steps: Any) -> None:
    """Call once, outside of any capture."""
    if side.is_async:
        side.clock.run(executor.acall(KEY, side.operation(steps)))
    else:
        executor.call(KEY, side.operation(steps))


def test_r28_r66_backoff_is_what_was_chosen_after_and_waited_before_what_was_waited(
    both: Any,
) -> None:
    told = both([(0.2, http(503)), http(503), "done"])

    records = told.timeline.attempts
    assert [record.backoff_s for record in records] == pytest.approx([0.05, 0.1, 0.0])
    assert [record.waited_before_s for record in records] == pytest.approx([0.0, 0.05, 0.1])
    assert [record.duration_s for record in records] == pytest.approx([0.2, 0.0, 0.0])
    assert [record.attempt for record in records] == [0, 1, 2]
    assert told.timeline.duration_s == pytest.approx(0.35)


def test_r66_decisions_come_before_what_they_let_begin(both: Any) -> None:
    circuit = CircuitPolicy(threshold=1, cooldown_s=0.1)
    retry = RetryPolicy(
        initial_backoff_s=0.2, max_attempts=2, jitter=Jitter.NONE, budget=BudgetRef("b")
    )

    told = both([OSError, "done"], retry=retry, circuit=circuit, budgets={"b": TokenBucket(5, 0)})

    assert told.names == [
        *("CallStart", "PolicyResolved", "AttemptStart"),
        *("CircuitState", "AttemptEnd", "RetryScheduled"),
        *("CircuitState", "CircuitDecision", "BudgetDecision", "AttemptStart"),
        *("CircuitState", "AttemptEnd", "CallEnd"),
    ]


def test_r66_a_timeline_says_what_became_of_a_call(both: Any) -> None:
    told = both([OSError("a"), TimeoutError("b"), "done"])

    assert told.timeline.shape().splitlines() == [
        "svc.Op success",
        "  attempt=0 retryable reason=retryable_error budget=first_attempt error=OSError",
        "  attempt=1 retryable reason=timeout_error budget=no_budget error=TimeoutError",
        "  attempt=2 success reason=success budget=no_budget",
    ]
    assert told.timeline.attributes == {
        "policy_mode": "standard",
        "policy_source": "static",
        "policy_normalized": "false",
        "policy_normalized_fields": "",
    }


def test_a_timeline_is_a_table_for_people(both: Any) -> None:
    told = both([(0.2, OSError), "done"])

    lines = [re.sub(r"call=\w+", "call=…", line) for line in str(told.timeline).splitlines()]
    first, second = (record.line() for record in told.timeline.attempts)
    assert lines == [
        "svc.Op success after 2 attempts in 0.250 s  call=…",
        f"  {first} took=200.0ms waited_before=0.0ms backoff=50.0ms",
        f"  {second} took=0.0ms waited_before=50.0ms backoff=0.0ms",
    ]


def test_r68_every_way_to_end_has_a_name(both: Any) -> None:
    denied = {
        "retry": RetryPolicy(budget=BudgetRef("b"), jitter=Jitter.NONE),
        "budgets": {"b": TokenBucket(1, 0)},
    }
    ways: list[tuple[Disposition, int, list[Any], dict[str, Any]]] = [
        (Disposition.SUCCESS, 1, ["done"], {}),
        (Disposition.EXHAUSTED, 3, [OSError], {}),
        (Disposition.TERMINAL, 1, [http(404)], {}),
        (Disposition.ABORTED, 1, [asyncio.CancelledError], {}),
        (Disposition.INTERRUPTED, 1, [KeyboardInterrupt], {}),
        (Disposition.BUDGET_DENIED, 2, [OSError], denied),
        (Disposition.CIRCUIT_OPEN, 1, [OSError], {"circuit": CircuitPolicy(threshold=1)}),
        (
            Disposition.DEADLINE_EXCEEDED,
            1,
            [(2.0, OSError)],
            {"retry": RetryPolicy(overall_timeout_s=1.0)},
        ),
        (
            Disposition.DEADLINE_WOULD_EXCEED,
            1,
            [(0.97, OSError)],
            {"retry": RetryPolicy(overall_timeout_s=1.0, jitter=Jitter.NONE)},
        ),
        (Disposition.RETRY_AFTER_TOO_LONG, 1, [http(503, retry_after_s=100.0)], {}),
    ]

    for disposition, runs, steps, options in ways:
        told = both(steps, **options)

        assert told.timeline.disposition is disposition
        assert (told.timeline.attempts_run, told.runs) == (runs, runs)


def test_r68_a_closed_executor_cancels_and_no_capacity_is_an_internal_error(
    sync_side: Any,
) -> None:
    closed = sync_side.executor()
    closed.close()
    full = sync_side.executor(
        retry=RetryPolicy(max_attempts=1, timeout_per_attempt_s=0.1),
        sync_timeout="thread",
        max_abandoned=1,
    )
    sync_side([(5.0, "late")], executor=full)

    told = [sync_side(["never"], executor=executor) for executor in (closed, full)]

    assert [each.timeline.disposition for each in told] == [
        Disposition.CANCELLED,
        Disposition.INTERNAL_ERROR,
    ]
    assert [type(each.error).__name__ for each in told] == ["ExecutorClosed", "CapacityError"]
    assert [each.timeline.attempts for each in told] == [(), ()]


def test_r68_a_cancelled_caller_is_told_as_such(async_side: Any) -> None:
    executor = async_side.executor()

    async def cancelled() -> Timeline | None:
        with record_timeline() as capture:
            call = asyncio.create_task(executor.acall(KEY, async_side.operation([(9.0, "never")])))
            await asyncio.sleep(1.0)  # noqa: TID251  # on the virtual loop
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        return capture.timeline

    timeline = async_side.clock.run(cancelled())

    assert timeline is not None
    assert timeline.disposition is Disposition.CANCELLED
    assert [record.outcome.kind for record in timeline.attempts] == [OutcomeKind.CANCELLED]
    assert timeline.attempts_run == 1
    ends = [event for event in async_side.heard.events if isinstance(event, CallEnd)]
    assert len(ends) == 1


def test_r69_a_capture_is_complete_although_the_code_around_it_raises(both: Any) -> None:
    executor = both.executor(retry=ONCE)
    capture = record_timeline()

    async def acode() -> None:
        async with capture:
            await executor.acall(KEY, both.operation([OSError("raised through")]))

    def code() -> None:
        with capture:
            executor.call(KEY, both.operation([OSError("raised through")]))

    def outside() -> None:
        if both.is_async:
            both.clock.run(acode())
        else:
            code()

    with pytest.raises(OSError, match="raised through"):
        outside()

    assert capture.timeline is not None
    assert capture.timeline.disposition is Disposition.EXHAUSTED
    assert str(capture.timeline.error) == "raised through"
    assert both.heard.events[-1].disposition is Disposition.EXHAUSTED


def test_r69_a_capture_holds_one_timeline_per_call_and_never_changes_one() -> None:
    executor = Executor([Policy(KEY, retry=ONCE)])

    with record_timeline() as capture:
        assert capture.timeline is None
        executor.call(KEY, str)
        first = capture.timeline
        executor.call(KEY, int)

    executor.call(KEY, str)
    assert first is not None
    assert len(capture.timelines) == 2
    assert (first, capture.timeline) == capture.timelines
    with pytest.raises(AttributeError):
        setattr(first, "key", "another")  # noqa: B010  # a checker would refuse it too


def test_r69_captures_of_several_threads_do_not_mix() -> None:
    executor = Executor([Policy(f"svc.{name}", retry=ONCE) for name in "abcd"])
    together = threading.Barrier(4)
    seen: dict[str, list[str]] = {}

    def work(name: str) -> None:
        with record_timeline() as capture:
            for _ in range(20):
                together.wait(10)
                executor.call(f"svc.{name}", str)
        seen[name] = [timeline.key for timeline in capture.timelines]

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert seen == {name: [f"svc.{name}"] * 20 for name in "abcd"}


def test_r69_captures_of_several_tasks_do_not_mix(async_side: Any) -> None:
    executor = async_side.executor(retry=ONCE)

    async def captured(index: int) -> int:
        with record_timeline() as capture:
            await executor.acall(KEY, async_side.operation([(0.1 * index, "done")]))
        return len(capture.timelines)

    async def everybody() -> list[int]:
        return await asyncio.gather(*(captured(index) for index in range(10)))

    assert async_side.clock.run(everybody()) == [1] * 10


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("inside", ["plain", "deadline"])
def test_r69_nested_calls_are_captured_when_that_is_wanted(
    both: Any, *, nested: bool, inside: str
) -> None:
    inner = Executor([Policy("inner.Op", retry=ONCE)], clock=both.clock)
    outer = Executor([Policy(KEY, retry=ONCE)], clock=both.clock)

    def operation() -> Any:
        if inside == "deadline":
            with deadline(5.0, clock=both.clock):
                inner.call("inner.Op", str)
        else:
            inner.call("inner.Op", str)
        yield 0.0

    with record_timeline(nested=nested) as capture:
        carried_out(both, outer, operation)

    keys = [timeline.key for timeline in capture.timelines]
    assert keys == (["inner.Op", KEY] if nested else [KEY])


def test_r69_without_anybody_listening_nothing_is_built(both: Any) -> None:
    executor = Executor([Policy(KEY, retry=ONCE, circuit=CircuitPolicy())], clock=both.clock)

    async def acalls(operation: Any) -> None:
        for _ in range(200):
            await executor.acall(KEY, operation)

    def calls() -> None:
        operation = both.operation(["done"])
        if both.is_async:
            both.clock.run(acalls(operation))
        else:
            for _ in range(200):
                executor.call(KEY, operation)

    ran: set[str] = set()

    def look(frame: FrameType, event: str, argument: object) -> None:
        del argument
        if event == "call":
            ran.add(frame.f_code.co_filename)

    calls()
    sys.setprofile(look)
    try:
        calls()
    finally:
        sys.setprofile(None)

    # What makes a call's identity, its events and its timeline: nothing of that has run.
    builders = ("identity", "timeline", "opening", "telling", "heard")
    ours = {Path(name).stem for name in ran if "recourse" in name}
    assert ours.isdisjoint(builders)
    assert "unheard" in ours


def test_r69_a_failing_call_builds_its_timeline_only_when_it_is_asked_for(both: Any) -> None:
    executor = Executor([Policy(KEY, retry=ONCE)], clock=both.clock)
    error = OSError("kept")

    with pytest.raises(OSError, match="kept"):
        carried_out(both, executor, [error])

    timeline = timeline_of(error)
    assert timeline is not None
    assert timeline.shape().splitlines() == [
        "svc.Op exhausted",
        "  attempt=0 retryable reason=retryable_error budget=first_attempt error=OSError",
    ]


SECRET: Final = "password=hunter2"  # noqa: S105  # invented


def test_r71_texts_of_errors_are_kept_out_of_what_is_told(both: Any) -> None:
    told = both([OSError(SECRET)], retry=ONCE)

    ends = [*told.of(AttemptEnd), *told.of(CallEnd)]
    assert [end.error_type for end in ends] == ["OSError", "OSError"]
    assert [end.error_message for end in ends] == [None, None]
    assert SECRET not in told.timeline.shape() + str(told.timeline)
    kept = timeline_of(told.error)
    assert kept is not None
    assert SECRET not in repr(kept)


def test_r71_texts_are_told_when_that_is_wanted_cut_and_redacted(both: Any) -> None:
    def redact(text: str) -> str:
        return text.replace("hunter2", "***")

    told = both(
        [OSError(f"{SECRET} {'x' * 9000}")], retry=ONCE, capture_messages=True, redact=redact
    )

    message = told.of(AttemptEnd)[0].error_message
    assert message.startswith("password=*** xxx")
    assert len(message) <= 4096
    kept = timeline_of(told.error)
    assert kept is not None
    assert str(kept.attempts[0].error).startswith("OSError: password=***")


def test_r72_an_operation_can_ask_which_attempt_it_is(both: Any) -> None:
    seen: list[AttemptInfo | None] = []

    def operation() -> Any:
        seen.append(current_attempt())
        yield 0.1
        seen.append(current_attempt())
        if both.runs == 1:
            raise OSError
        return "done"

    retry = RetryPolicy(timeout_per_attempt_s=2.0, jitter=Jitter.NONE)

    told = both(operation, retry=retry)

    first, again, second, _ = seen
    assert first is again
    assert first is not None
    assert second is not None
    assert [(each.call_id, each.key, each.policy_id) for each in (first, second)] == [
        (told.timeline.call_id, KEY, KEY)
    ] * 2
    assert [(each.attempt, each.hedge_index, each.is_hedge) for each in (first, second)] == [
        (0, 0, False),
        (1, 0, False),
    ]
    assert [each.deadline for each in (first, second)] == pytest.approx([2.0, 2.15])
    assert repr(second) == "AttemptInfo(key='svc.Op', attempt=1, hedge_index=0)"
    assert current_attempt() is None


@pytest.mark.parametrize("stop", [OSError, KeyboardInterrupt, asyncio.CancelledError])
@pytest.mark.parametrize("heard", [True, False])
def test_r72_outside_there_is_no_attempt_however_the_operation_ended(
    both: Any, stop: type[BaseException], *, heard: bool
) -> None:
    observers = [both.heard] if heard else []
    executor = Executor([Policy(KEY, retry=ONCE)], clock=both.clock, observers=observers)
    seen: list[Any] = []

    async def acalled() -> None:
        try:
            await executor.acall(KEY, both.operation([stop]))
        except BaseException:  # noqa: BLE001  # looked at by others
            seen.append(current_attempt())

    def called() -> None:
        try:
            executor.call(KEY, both.operation([stop]))
        except BaseException:  # noqa: BLE001  # looked at by others
            seen.append(current_attempt())

    if both.is_async:
        both.clock.run(acalled())
    else:
        called()

    assert seen == [None]


def test_r72_a_hedge_knows_that_it_is_one(async_side: Any) -> None:
    seen: list[tuple[int, int, bool]] = []

    def operation() -> Any:
        info = current_attempt()
        assert info is not None
        seen.append((info.attempt, info.hedge_index, info.is_hedge))
        yield 1.0
        return "done"

    async_side(operation, hedge=HedgePolicy(hedge_delay_s=0.1, max_hedges=2))

    assert seen == [(0, 0, False), (0, 1, True), (0, 2, True)]


@pytest.mark.parametrize("retry", [ONCE, RetryPolicy(timeout_per_attempt_s=1.0)])
def test_what_an_operation_notes_is_on_its_attempt(both: Any, retry: RetryPolicy) -> None:
    def operation() -> Any:
        info = current_attempt()
        assert info is not None
        info.annotate(peer="db-1", status=200)
        info.annotate(status=503)
        yield 0.0

    told = both(operation, retry=retry)

    assert told.timeline.attempts[0].annotations == {"peer": "db-1", "status": 503}


def test_an_attempts_time_left_shrinks_to_zero(both: Any) -> None:
    left: list[float | None] = []

    def operation() -> Any:
        info = current_attempt()
        assert info is not None
        left.append(info.remaining_s())
        both.clock.advance(0.75)
        left.append(info.remaining_s())
        both.clock.advance(5.0)
        left.append(info.remaining_s())
        return "done"
        yield 0.0

    both(operation, retry=RetryPolicy(max_attempts=1, timeout_per_attempt_s=1.0))

    assert left == [1.0, 0.25, 0.0]


def test_an_attempt_without_a_limit_has_all_the_time(both: Any) -> None:
    left: list[Any] = []

    def operation() -> Any:
        info = current_attempt()
        assert info is not None
        left.append((info.remaining_s(), info.deadline))
        yield 0.0

    both(operation, retry=ONCE)

    assert left == [(None, None)]


@pytest.mark.parametrize("heard", [True, False])
def test_r34_a_nested_call_knows_its_parent(both: Any, *, heard: bool) -> None:
    observers = [both.heard] if heard else []
    outer = Executor([Policy(KEY, retry=ONCE)], clock=both.clock, observers=observers)
    inner = Executor([Policy("inner.Op", retry=ONCE)], clock=both.clock)
    ids: list[str] = []

    def operation() -> Any:
        info = current_attempt()
        assert info is not None
        with record_timeline() as capture:
            inner.call("inner.Op", str)
        assert capture.timeline is not None
        ids.extend([info.call_id, str(capture.timeline.parent_call_id)])
        yield 0.0
        raise ZeroDivisionError

    with record_timeline() as capture, pytest.raises(ZeroDivisionError):
        carried_out(both, outer, operation)

    assert capture.timeline is not None
    assert ids == [capture.timeline.call_id] * 2


def test_a_silent_call_that_was_asked_for_its_id_keeps_it_when_it_fails(both: Any) -> None:
    executor = Executor([Policy(KEY, retry=ONCE)], clock=both.clock)
    ids: list[str] = []
    error = ZeroDivisionError()

    def operation() -> Any:
        info = current_attempt()
        assert info is not None
        ids.extend([info.call_id, info.call_id])
        yield 0.0
        raise error

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            carried_out(both, executor, operation)

    kept = timeline_of(error)
    assert kept is not None
    assert ids[2:] == [kept.call_id] * 2


def test_two_executors_share_nothing_but_what_they_were_given() -> None:
    clock = VirtualClock()
    circuit = CircuitPolicy(threshold=1)
    one, two = (Executor([Policy(KEY, retry=ONCE, circuit=circuit)], clock=clock) for _ in range(2))

    def failing() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        one.call(KEY, failing)

    assert two.call(KEY, str) == ""
    assert [executor.circuits[KEY].state for executor in (one, two)] == ["open", "closed"]
