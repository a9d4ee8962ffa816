"""Limits of one attempt: cut off on a loop, left behind in a thread, waited for in the caller's."""

import asyncio
from contextvars import ContextVar
from typing import Any, Final

import pytest

from recourse import (
    AttemptTimeout,
    ByResult,
    Executor,
    Policy,
    RetryPolicy,
)
from recourse.events import AttemptEnd
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock

KEY: Final = "svc.Op"
ONE_S: Final = RetryPolicy(max_attempts=1, timeout_per_attempt_s=1.0)
TWICE_ONE_S: Final = RetryPolicy(max_attempts=2, timeout_per_attempt_s=1.0, jitter=Jitter.NONE)
VARIABLE: Final = ContextVar("variable", default="")


# ------------------------------------------------------------------------------ R20
def test_r20_an_operation_past_its_limit_is_cancelled_in_the_callers_own_task(
    async_side: Any,
) -> None:
    executor = async_side.executor(retry=ONE_S)
    tasks = []

    async def operation() -> None:
        tasks.append(asyncio.current_task())
        try:
            await asyncio.sleep(60)  # noqa: TID251  # on the virtual loop
        finally:
            tasks.append(asyncio.current_task())

    async def main() -> None:
        tasks.append(asyncio.current_task())
        with pytest.raises(AttemptTimeout) as caught:
            await executor.acall(KEY, operation)
        assert caught.value.timeout_s == 1.0
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    async_side.clock.run(main())

    assert len(set(tasks)) == 1
    assert async_side.clock.monotonic_s() == 1.0


@pytest.mark.parametrize("mode", ["cooperative", "thread"])
def test_r20_the_outcome_is_an_attempt_timeout_which_is_retried(both: Any, mode: str) -> None:
    told = both([(60.0, "late"), "ok"], retry=TWICE_ONE_S, sync_timeout=mode)

    if both.is_async or mode == "thread":
        assert (told.value, told.took_s) == ("ok", 1.05)
        assert told.outcomes[0] == (0, 0, "retryable", "attempt_timeout")
        assert told.timeline.attempts[0].error_type == "recourse.errors.AttemptTimeout"
        assert told.timeline.attempts[0].duration_s == 1.0
    else:
        assert (told.value, told.took_s) == ("late", 60.0)


def test_r20_the_cause_is_what_the_cleanup_raised(async_side: Any) -> None:
    def operation() -> Any:
        try:
            yield 60.0
        finally:
            message = "cleanup"
            raise OSError(message)

    told = async_side(operation, retry=ONE_S)

    assert isinstance(told.error, AttemptTimeout)
    assert repr(told.error.__cause__) == "OSError('cleanup')"


def test_r20_without_a_cleanup_error_there_is_no_cause(async_side: Any) -> None:
    told = async_side([(60.0, "late")], retry=ONE_S)

    assert isinstance(told.error, AttemptTimeout)
    assert (told.error.__cause__, told.error.__context__) == (None, None)


def test_r20_a_cancel_of_the_caller_at_the_moment_of_the_result_is_never_swallowed() -> None:
    executor = Executor([Policy(KEY, retry=RetryPolicy(timeout_per_attempt_s=30.0))])

    async def race() -> str:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[str] = loop.create_future()

        async def operation() -> str:
            return await result

        def both_at_once() -> None:
            result.set_result("value")
            task.cancel()

        task = asyncio.ensure_future(executor.acall(KEY, operation))
        # The task is first in the queue: it waits for the result when its turn is over.
        loop.call_soon(both_at_once)
        try:
            return await task
        except asyncio.CancelledError:
            return "cancelled"

    async def main() -> set[str]:
        return {await race() for _ in range(50)}

    assert asyncio.run(main()) == {"cancelled"}


def test_r20_a_cancel_of_the_caller_at_the_limit_is_the_callers(async_side: Any) -> None:
    executor = async_side.executor(retry=ONE_S)

    async def main() -> None:
        task = asyncio.ensure_future(executor.acall(KEY, async_side.operation([(60.0, "late")])))
        asyncio.get_running_loop().call_later(1.0, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    async_side.clock.run(main())

    assert async_side.runs == 1


# ------------------------------------------------------------------------------ R21, R22
@pytest.mark.parametrize("mode", ["cooperative", "thread"])
def test_r21_the_operations_own_timeout_error_stays_what_it_is(both: Any, mode: str) -> None:
    own = TimeoutError("mine")

    told = both([(0.5, own)], retry=ONE_S, sync_timeout=mode)

    assert told.error is own
    assert told.outcomes == [(0, 0, "retryable", "timeout_error")]


def test_r22_a_value_that_comes_after_the_limit_is_a_late_success(both: Any) -> None:
    def operation() -> Any:
        try:
            yield 3.0
        except asyncio.CancelledError:
            yield 2.0
        return "late"

    told = both(operation, retry=TWICE_ONE_S)

    assert (told.value, told.runs, told.took_s) == ("late", 1, 3.0)
    assert told.timeline.attempts[0].late
    assert [(end.late, end.overrun_s) for end in told.of(AttemptEnd)] == [(True, 2.0)]


def test_r22_a_swallowed_cancellation_makes_a_value_late_even_when_it_costs_no_time(
    async_side: Any,
) -> None:
    def operation() -> Any:
        try:
            yield 3.0
        except asyncio.CancelledError:
            return "late"

    told = async_side(operation, retry=ONE_S)

    assert told.value == "late"
    assert [(end.late, end.overrun_s) for end in told.of(AttemptEnd)] == [(True, 0.0)]


def test_r22_a_late_value_is_classified_like_any_other(both: Any) -> None:
    def operation() -> Any:
        try:
            yield 3.0
        except asyncio.CancelledError:
            yield 2.0
        return "rejected"

    rejecting = ByResult(lambda value: value == "rejected")

    told = both(operation, retry=ONE_S, classifiers={"c": rejecting}, default_classifier="c")

    assert type(told.error).__name__ == "ResultRejected"
    assert told.timeline.attempts[0].outcome.kind == "retryable"


def test_r22_an_operation_that_blocks_the_loop_past_its_limit_is_late_too(async_side: Any) -> None:
    executor = async_side.executor(retry=ONE_S)

    async def blocking() -> str:
        async_side.clock.advance(4.0)
        return "late"

    assert async_side.clock.run(executor.acall(KEY, blocking)) == "late"
    ends = [event for event in async_side.heard.events if isinstance(event, AttemptEnd)]
    assert [(end.late, end.overrun_s) for end in ends] == [(True, 3.0)]


def test_r22_a_value_in_time_is_not_late(both: Any) -> None:
    told = both([(0.5, "ok")], retry=ONE_S)

    assert [(end.late, end.overrun_s) for end in told.of(AttemptEnd)] == [(False, 0.0)]


class SlowMail:
    """A mailbox that gives the first item one take too late."""

    def __init__(self, clock: Any, mailbox: Any) -> None:
        self.post, self._take, self._clock = mailbox.post, mailbox.take, clock
        self._held: list[Any] | None = None

    def take(self, timeout_s: float | None) -> Any:
        if self._held is None:
            self._held = [self._take(timeout_s)]
            self._clock.advance(1.0)
            return None
        return self._held.pop() if self._held else self._take(timeout_s)


def test_r22_a_result_that_is_there_at_the_limit_counts_though_it_is_heard_of_later(
    sync_side: Any,
) -> None:
    class Clock(VirtualClock):
        def mailbox(self) -> Any:
            return SlowMail(self, super().mailbox())

        def advance(self, seconds: Any) -> None:
            super().mailbox().take(seconds)

    sync_side.clock = Clock()

    told = sync_side([(0.5, "value")], retry=ONE_S, sync_timeout="thread")

    assert (told.value, told.timeline.attempts[0].duration_s) == ("value", 0.5)
