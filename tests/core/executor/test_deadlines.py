"""Deadlines of calls: their own, an ambient one, and what an outer call has left."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import pytest

import recourse
from recourse import DeadlineExceeded, RetryPolicy, current_attempt
from recourse.events import AttemptStart, CallEnd, CallStart
from recourse.policy.model import Jitter

KEY: Final = "svc.Op"


def bounded(overall_s: float, attempt_s: float | None = None, attempts: int = 3) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=attempts,
        jitter=Jitter.NONE,
        initial_backoff_s=0.5,
        timeout_per_attempt_s=attempt_s,
        overall_timeout_s=overall_s,
    )


# ------------------------------------------------------------------------------ R31
def test_r31_a_wait_that_would_reach_the_deadline_is_not_begun(both: Any) -> None:
    last = ConnectionError("last")

    told = both([(0.5, last)], retry=bounded(1.0))

    assert told.error is last
    assert (told.sleeps, told.took_s) == ((), 0.5)
    assert told.timeline.disposition == "deadline_would_exceed"
    assert told.timeline.attempts[0].backoff_s == 0.0


def test_r31_a_wait_that_leaves_some_time_is_taken(both: Any) -> None:
    told = both([(0.25, ConnectionError), "ok"], retry=bounded(1.0))

    assert (told.value, told.sleeps) == ("ok", (0.5,))


# ------------------------------------------------------------------------------ R32
@pytest.mark.parametrize("mode", ["thread", "cooperative"])
def test_r32_a_deadline_that_hits_during_an_attempt_ends_the_call(both: Any, mode: str) -> None:
    first = ConnectionError("first")
    second: Any = "late" if both.is_async or mode == "thread" else ConnectionError("second")

    told = both([first, (60.0, second)], retry=bounded(2.0), sync_timeout=mode)

    assert isinstance(told.error, DeadlineExceeded)
    assert (told.error.key, told.error.limit_s) == (KEY, 2.0)
    assert (told.runs, told.timeline.disposition) == (2, "deadline_exceeded")
    assert [record.ran for record in told.timeline.attempts] == [True, True]
    if both.is_async or mode == "thread":
        kind = "cancelled" if both.is_async else "abandoned"
        assert (told.took_s, told.error.__cause__) == (2.0, first)
        assert told.outcomes[1] == (1, 0, kind, "context_deadline_exceeded")
    else:
        assert told.error.__cause__ is second


def test_r32_the_cause_is_what_the_cut_attempt_raised_at_last(async_side: Any) -> None:
    def operation() -> Any:
        try:
            yield 60.0
        finally:
            message = "cleanup"
            raise OSError(message)

    told = async_side(operation, retry=bounded(2.0))

    assert isinstance(told.error, DeadlineExceeded)
    assert repr(told.error.__cause__) == "OSError('cleanup')"


@pytest.mark.parametrize("late_s", [0.0, 5.0])
def test_r32_a_value_that_comes_after_the_deadline_is_still_a_success(
    both: Any, late_s: float
) -> None:
    def operation() -> Any:
        try:
            yield 2.0 + (0.0 if both.is_async else late_s)
        except asyncio.CancelledError:
            yield late_s
        return "late"

    told = both(operation, retry=bounded(2.0))

    assert told.value == "late"


@pytest.mark.parametrize("took_s", [1.0, 1.5])
def test_r32_an_operation_that_fails_when_nothing_is_left_has_met_the_deadline(
    sync_side: Any, took_s: float
) -> None:
    error = OSError("too late")

    told = sync_side([(took_s, error), "never"], retry=bounded(1.0))

    assert isinstance(told.error, DeadlineExceeded)
    assert told.error.__cause__ is error
    assert told.timeline.disposition == "deadline_exceeded"


def test_r32_no_attempt_starts_at_a_deadline_that_has_passed(both: Any) -> None:
    with recourse.deadline(0, clock=both.clock):
        told = both(["never"])

    assert isinstance(told.error, DeadlineExceeded)
    assert told.error.limit_s == 0
    assert (told.runs, told.timeline.attempts_run) == (0, 0)
    assert told.timeline.disposition == "deadline_exceeded"
    assert [end.outcome.reason for end in told.of(CallEnd)] == ["context_deadline_exceeded"]


# ------------------------------------------------------------------------------ R33
@pytest.mark.parametrize(
    ("attempt_s", "overall_s", "limit_s"),
    [(1.0, 9.0, 1.0), (5.0, 2.0, 2.0), (None, 2.0, 2.0), (1.0, None, 1.0), (None, None, None)],
)
def test_r33_the_limit_of_an_attempt_is_its_own_or_what_is_left_of_the_call(
    both: Any, attempt_s: float | None, overall_s: float | None, limit_s: float | None
) -> None:
    retry = RetryPolicy(timeout_per_attempt_s=attempt_s, overall_timeout_s=overall_s)

    def operation() -> Any:
        attempt = current_attempt()
        assert attempt is not None
        yield 0.0
        return attempt.deadline

    told = both(operation, retry=retry)

    assert told.value == limit_s
    assert [start.timeout_s for start in told.of(AttemptStart)] == [limit_s]
    assert told.timeline.attempts[0].timeout_s == limit_s


def test_r33_a_later_attempt_has_what_is_left(both: Any) -> None:
    seen: list[Any] = []

    def operation() -> Any:
        attempt = current_attempt()
        assert attempt is not None
        seen.append(attempt.remaining_s())
        yield 1.0
        raise ConnectionError

    both(operation, retry=bounded(4.0, attempt_s=2.0))

    assert seen == [2.0, 2.0, 0.5]


# ------------------------------------------------------------------------------ R34
@pytest.mark.parametrize(("ambient_s", "own_s"), [(1.0, 5.0), (5.0, 1.0), (1.0, None)])
def test_r34_an_ambient_deadline_bounds_the_call(
    both: Any, ambient_s: float, own_s: float | None
) -> None:
    retry = RetryPolicy(overall_timeout_s=own_s)
    both.clock.advance(3.0)

    with recourse.deadline(ambient_s, clock=both.clock):
        told = both([(60.0, "late")], retry=retry, sync_timeout="thread")

    assert isinstance(told.error, DeadlineExceeded)
    assert (told.took_s, told.error.limit_s) == (1.0, 1.0)


def test_r34_a_deadline_may_be_a_timedelta_and_an_inner_one_extends_nothing(both: Any) -> None:
    with (
        recourse.deadline(timedelta(seconds=1), clock=both.clock),
        recourse.deadline(9.0, clock=both.clock),
    ):
        told = both([(60.0, "late")], sync_timeout="thread")

    assert told.took_s == 1.0
    assert [start.deadline_s for start in told.of(CallStart)] == [1.0]


def test_r34_a_deadline_of_another_clock_is_taken_over_by_the_time_left(both: Any) -> None:
    with recourse.deadline(3600.0):
        told = both([(7200.0, "late")], sync_timeout="thread")

    assert 3599.0 < told.took_s <= 3600.0


def inner_and_outer(both: Any, outer_s: float | None, inner_s: float | None) -> tuple[Any, Any]:
    """The ends of a call that the operation of another one makes after half a second, and of that."""
    outer = both.executor("svc.Outer", retry=RetryPolicy(max_attempts=1, overall_timeout_s=outer_s))
    limited = RetryPolicy(max_attempts=1, overall_timeout_s=inner_s)
    inner = both.executor("svc.Inner", retry=limited, sync_timeout="thread")
    slow = both.operation([(60.0, "late")])

    def operation() -> Any:
        both.clock.advance(0.5)
        return inner.call("svc.Inner", slow)

    async def aoperation() -> Any:
        await asyncio.sleep(0.5)  # noqa: TID251  # on the virtual loop
        return await inner.acall("svc.Inner", slow)

    def call() -> Any:
        if both.is_async:
            return both.clock.run(outer.acall("svc.Outer", aoperation))
        return outer.call("svc.Outer", operation)

    with pytest.raises(DeadlineExceeded):
        call()
    ends = {event.key: event for event in both.heard.events if isinstance(event, CallEnd)}
    return ends["svc.Inner"], ends["svc.Outer"]


@pytest.mark.parametrize(
    ("outer_s", "inner_s", "until_s"), [(2.0, 9.0, 2.0), (2.0, None, 2.0), (9.0, 1.0, 1.5)]
)
def test_r34_a_nested_call_ends_with_what_its_outer_call_has_left(
    both: Any, outer_s: float | None, inner_s: float | None, until_s: float
) -> None:
    inner, outer = inner_and_outer(both, outer_s, inner_s)

    assert (inner.deadline_s, inner.at_s) == (until_s, until_s)
    assert (inner.parent_call_id, outer.parent_call_id) == (outer.call_id, None)


def test_r34_a_nested_call_of_a_call_without_limits_has_its_own(both: Any) -> None:
    inner, outer = inner_and_outer(both, None, 1.0)

    assert (inner.deadline_s, outer.deadline_s) == (1.5, None)
    assert inner.parent_call_id == outer.call_id


def test_r34_a_call_of_another_clock_has_what_is_left_on_its_own(both: Any) -> None:
    outer = both.executor("svc.Outer", retry=RetryPolicy(timeout_per_attempt_s=3600.0), clock=None)
    inner = both.executor("svc.Inner", retry=RetryPolicy(max_attempts=1))

    async def aoperation() -> None:
        await inner.acall("svc.Inner", both.operation(["ok"]))

    def operation() -> None:
        inner.call("svc.Inner", both.operation(["ok"]))

    if both.is_async:
        both.clock.run(outer.acall("svc.Outer", aoperation))
    else:
        outer.call("svc.Outer", operation)

    [until_s] = [
        event.deadline_s or 0.0
        for event in both.heard.events
        if isinstance(event, CallStart) and event.key == "svc.Inner"
    ]
    assert 3599.0 < until_s <= 3600.0
