"""A caller who is cancelled is let go at once, whatever the call was doing."""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, Final

import pytest

from recourse import BudgetRef, CircuitPolicy, Executor, HedgePolicy, Policy, RetryPolicy
from recourse.budget import Ask, Decision
from recourse.events import AttemptEnd, CallEnd, HedgeCancel
from recourse.key import PolicyKey
from recourse.policy.model import Jitter

KEY: Final = "svc.Op"


class Lending:
    """A budget that counts what it has lent."""

    def __init__(self) -> None:
        self.lent = 0

    def ask(self, request: Ask) -> Decision:
        self.lent += 1
        return Decision(allowed=True, release=self._release)

    def _release(self) -> None:
        self.lent -= 1


class SlowProvider:
    """Takes five seconds for a policy."""

    async def aget(self, key: PolicyKey) -> Policy:
        await asyncio.sleep(5.0)  # noqa: TID251  # on the virtual loop
        return Policy(key)

    def get(self, key: PolicyKey) -> Policy:
        return Policy(key)


@pytest.fixture
def cancelled_at(async_side: Any) -> Callable[..., tuple[Any, list[str]]]:
    """Cancels a call after so many seconds; gives its end and the names of its events."""

    def cancel(seconds: float, operation: Any, **options: Any) -> tuple[Any, list[str]]:
        executor = async_side.executor(**options)

        async def main() -> None:
            call = executor.acall(KEY, async_side.operation(operation))
            task = asyncio.ensure_future(call)
            asyncio.get_running_loop().call_later(seconds, task.cancel, "enough")
            with pytest.raises(asyncio.CancelledError, match="enough"):
                await task
            assert async_side.clock.monotonic_s() == seconds
            await asyncio.sleep(60.0)  # noqa: TID251  # on the virtual loop

        async_side.clock.run(main())
        [end] = [event for event in async_side.heard.events if isinstance(event, CallEnd)]
        return end, [type(event).__name__ for event in async_side.heard.events]

    return cancel


def test_r23_during_an_attempt(cancelled_at: Any, async_side: Any) -> None:
    end, names = cancelled_at(1.0, [(5.0, "late")])

    [attempt] = [each for each in async_side.heard.events if isinstance(each, AttemptEnd)]
    assert (attempt.outcome.kind, attempt.outcome.reason) == ("cancelled", "cancelled")

    assert (end.disposition, end.attempts_run) == ("cancelled", 1)
    assert names == ["CallStart", "PolicyResolved", "AttemptStart", "AttemptEnd", "CallEnd"]


def test_r23_during_a_sleep(cancelled_at: Any, async_side: Any) -> None:
    end, names = cancelled_at(0.01, [ConnectionError, "never"])

    assert (end.disposition, end.attempts_run, async_side.runs) == ("cancelled", 1, 1)
    assert names[-2:] == ["RetryScheduled", "CallEnd"]


def test_r23_during_a_policy_fetch(cancelled_at: Any, async_side: Any) -> None:
    end, names = cancelled_at(1.0, ["never"], provider=SlowProvider(), resolve_timeout_s=60)

    assert (end.disposition, end.attempts_run, async_side.runs) == ("cancelled", 0, 0)
    assert names == ["CallStart", "CallEnd"]


def test_r23_during_a_hedge_wait(cancelled_at: Any, async_side: Any) -> None:
    end, names = cancelled_at(
        1.0, [(5.0, "late")], hedge=HedgePolicy(hedge_delay_s=0.4, max_hedges=3)
    )

    assert (end.disposition, end.attempts_run, async_side.runs) == ("cancelled", 3, 3)
    assert names[-4:] == ["HedgeCancel", "HedgeCancel", "HedgeCancel", "CallEnd"]
    reasons = {each.reason for each in async_side.heard.events if isinstance(each, HedgeCancel)}
    assert reasons == {"caller_cancelled"}


def test_r23_a_hedge_that_ignores_it_holds_nobody_up(cancelled_at: Any, async_side: Any) -> None:
    end, names = cancelled_at(
        1.0, async_side.stubborn(5.0, "late"), hedge=HedgePolicy(hedge_delay_s=0.5)
    )

    assert end.disposition == "cancelled"
    assert names[-3:] == ["CallEnd", "AttemptLate", "AttemptLate"]


@pytest.mark.parametrize(
    ("at_s", "operation"),
    [(0.55, [ConnectionError, (5.0, "late")]), (0.1, [ConnectionError])],
    ids=["attempt", "sleep"],
)
@pytest.mark.parametrize("hedge", [None, HedgePolicy(hedge_delay_s=0.01)])
def test_r23_budgets_are_released_and_leases_are_neutral(
    cancelled_at: Any, async_side: Any, at_s: float, operation: Any, hedge: Any
) -> None:
    budget = Lending()
    ref = BudgetRef("lending")
    hedge = None if hedge is None else HedgePolicy(hedge_delay_s=0.01, budget=ref)
    circuit = CircuitPolicy(threshold=2)
    retry = RetryPolicy(jitter=Jitter.NONE, initial_backoff_s=0.5, budget=ref)

    _, names = cancelled_at(
        at_s,
        operation,
        retry=retry,
        hedge=hedge,
        circuit=circuit,
        budgets={"lending": budget},
    )

    assert budget.lent == 0
    assert "CircuitState" not in names


def test_r23_a_cancellation_in_the_moment_of_success_does_not_replace_it(async_side: Any) -> None:
    executor = async_side.executor(hedge=HedgePolicy(hedge_delay_s=0.5))

    async def main() -> Any:
        loop, came = asyncio.get_running_loop(), asyncio.Event()

        async def operation() -> str:
            await came.wait()
            loop.call_soon(loop.call_soon, task.cancel)
            return "value"

        task = asyncio.ensure_future(executor.acall(KEY, operation))
        loop.call_later(0.1, came.set)
        try:
            return await task
        except asyncio.CancelledError:
            return "cancelled"

    assert async_side.clock.run(main()) == "value"


class Dropped(ConnectionError):
    """What a client makes of its cancellation."""


def dropping() -> Generator[float, None, str]:
    try:
        try:
            yield 5.0
        finally:
            list[str]().remove("the connection")  # closing fails as well
    except ValueError as closing:
        raise Dropped from closing
    return "late"


def test_r23_an_operation_that_makes_its_own_error_of_it_is_not_tried_again(
    cancelled_at: Any,
) -> None:
    end, names = cancelled_at(1.0, dropping)

    assert (end.disposition, end.attempts_run) == ("cancelled", 1)
    assert isinstance(end.error.__cause__, Dropped)
    assert names[-2:] == ["AttemptEnd", "CallEnd"]


def cancel_inside() -> None:
    """What an operation sees of something it waits for, which was cancelled."""
    raise asyncio.CancelledError


@pytest.mark.parametrize("heard", [True, False])
def test_an_error_made_of_a_cancellation_that_is_not_the_callers_is_retried(
    async_side: Any, heard: Any
) -> None:
    policy = Policy(KEY, retry=RetryPolicy(jitter=Jitter.NONE))
    executor = async_side.executor() if heard else Executor([policy], clock=async_side.clock)

    def operation() -> Any:
        yield 0.0
        with pytest.raises(asyncio.CancelledError) as inner:
            cancel_inside()
        dropped = Dropped()
        dropped.__context__ = inner.value
        raise dropped

    with pytest.raises(Dropped):
        async_side.clock.run(executor.acall(KEY, async_side.operation(operation)))

    assert async_side.runs == 3


@pytest.mark.parametrize("heard", [True, False])
def test_r23_cleaning_up_after_a_cancellation_is_retried_like_any_call(
    async_side: Any, heard: Any
) -> None:
    policy = Policy(KEY, retry=RetryPolicy(jitter=Jitter.NONE))
    executor = async_side.executor() if heard else Executor([policy], clock=async_side.clock)
    clean_up = async_side.operation([ConnectionError, ConnectionError, "clean"])

    async def main() -> Any:
        try:
            await asyncio.sleep(5.0)  # noqa: TID251  # on the virtual loop
        except asyncio.CancelledError:
            return await executor.acall(KEY, clean_up)

    async def cancelled() -> Any:
        task = asyncio.ensure_future(main())
        asyncio.get_running_loop().call_later(1.0, task.cancel)
        return await task

    assert async_side.clock.run(cancelled()) == "clean"


def test_r23_an_operation_that_nobody_hears_is_not_tried_again_either(async_side: Any) -> None:
    policy = Policy(KEY, retry=RetryPolicy(jitter=Jitter.NONE))
    executor = Executor([policy], clock=async_side.clock)

    async def main() -> None:
        task = asyncio.ensure_future(executor.acall(KEY, async_side.operation(dropping)))
        asyncio.get_running_loop().call_later(1.0, task.cancel, "enough")
        with pytest.raises(asyncio.CancelledError, match="enough") as caught:
            await task
        assert isinstance(caught.value.__cause__, Dropped)

    async_side.clock.run(main())

    assert async_side.runs == 1


def test_a_call_where_no_event_loop_runs_is_cancelled_by_nobody(sync_side: Any) -> None:
    dropped = Dropped()
    dropped.__context__ = asyncio.CancelledError()

    assert sync_side([dropped, "done"]).value == "done"


def test_a_call_in_a_callback_of_an_event_loop_is_retried_like_any_other(sync_side: Any) -> None:
    executor = sync_side.executor()
    dropped = Dropped()
    dropped.__context__ = asyncio.CancelledError()
    operation = sync_side.operation([dropped, "done"])
    gave: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: gave.append(executor.call(KEY, operation)))
        await asyncio.sleep(0)  # noqa: TID251  # lets the callback run, which no task does

    asyncio.run(main())

    assert gave == ["done"]


def test_r23_in_a_thread_the_interruption_of_a_wait_passes_on(sync_side: Any) -> None:
    class Interrupting(type(sync_side.clock)):  # type: ignore[misc]  # the clock's class, whichever it is
        def sleep(self, seconds: float, mailbox: Any) -> Any:
            raise KeyboardInterrupt

    sync_side.clock = Interrupting()

    told = sync_side([ConnectionError, "never"])

    assert isinstance(told.error, KeyboardInterrupt)
    assert (told.runs, told.timeline.disposition) == (1, "interrupted")


def test_r23_in_a_thread_the_interruption_of_a_group_abandons_it(sync_side: Any) -> None:
    class Mailbox:
        """Interrupts who waits for a second."""

        def __init__(self, mailbox: Any) -> None:
            self.post, self._take = mailbox.post, mailbox.take

        def take(self, timeout_s: float | None) -> Any:
            self._take(1.0)
            raise KeyboardInterrupt

    class Interrupting(type(sync_side.clock)):  # type: ignore[misc]  # the clock's class, whichever it is
        def mailbox(self) -> Any:
            return Mailbox(super().mailbox())

        def advance(self, seconds: float) -> None:
            super().mailbox().take(seconds)

    sync_side.clock = Interrupting()

    told = sync_side(
        [(5.0, "late")], retry=RetryPolicy(timeout_per_attempt_s=9.0), sync_timeout="thread"
    )

    assert isinstance(told.error, KeyboardInterrupt)
    assert told.outcomes == [(0, 0, "abandoned", "cancelled")]
    assert told.timeline.attempts[0].cancel_reason == "caller_cancelled"
    assert (told.took_s, told.timeline.disposition) == (1.0, "interrupted")
