"""Closed executors: nothing starts, who sleeps wakes, what runs is waited for and then let go."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from recourse import (
    CircuitPolicy,
    Circuits,
    Executor,
    ExecutorClosed,
    HedgePolicy,
    Outcome,
    OutcomeKind,
    Policy,
    PolicyError,
    RetryPolicy,
)
from recourse.events import CallEnd, HedgeCancel, HedgeSpawn
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock

KEY: Final = "svc.Op"
HEDGE: Final = HedgePolicy(hedge_delay_s=0.5, max_hedges=3)


@pytest.fixture
def threads() -> Callable[[], list[str]]:
    """Names of the executors' threads that this test has started."""
    before = set(threading.enumerate())

    def started() -> list[str]:
        new = [each.name for each in threading.enumerate() if each not in before]
        return [name for name in new if name.startswith("recourse-")]

    return started


def close(side: Any, executor: Executor, grace_s: float | timedelta = 5.0) -> None:
    """Close it the way of the side."""
    if side.is_async:
        side.clock.run(executor.aclose(grace_s))
    else:
        executor.close(grace_s)


def test_r77_the_grace_may_be_a_timedelta_and_nothing_else_that_is_no_duration(both: Any) -> None:
    close(both, both.executor(), timedelta(seconds=1))

    with pytest.raises(PolicyError, match="grace_s"):
        close(both, both.executor(), float("nan"))


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_r77_a_closed_executor_starts_no_attempt(both: Any, listens: Any, known: Any) -> None:
    executor = both.executor() if listens else Executor([Policy(KEY)], clock=both.clock)
    operation = both.operation(["value"])

    def call() -> Any:
        if both.is_async:
            return both.clock.run(executor.acall(KEY, operation))
        return executor.call(KEY, operation)

    if known:
        call()
    close(both, executor)

    for _ in range(2):
        with pytest.raises(ExecutorClosed, match=f"call '{KEY}' met a closed executor"):
            call()

    assert both.runs == int(known)


def test_r77_the_timeline_of_a_refused_call_says_so(both: Any) -> None:
    executor = both.executor()
    close(both, executor)

    told = both(["never"], executor=executor)

    assert isinstance(told.error, ExecutorClosed)
    assert (told.runs, told.timeline.attempts_run) == (0, 0)
    assert told.timeline.disposition == "cancelled"
    assert [(end.outcome.kind, end.outcome.reason) for end in told.of(CallEnd)] == [
        ("cancelled", "executor_closed")
    ]


class Counting:
    """A provider that may take its time, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0

    def get(self, key: Any) -> Policy:
        self.asked += 1
        return Policy(key)


def test_r77_a_closed_executor_fetches_no_policy(both: Any) -> None:
    provider = Counting()
    executor = both.executor(provider=provider)
    close(both, executor)

    told = both(["never"], executor=executor)

    assert isinstance(told.error, ExecutorClosed)
    assert provider.asked == 0


def test_r77_a_closed_executor_starts_no_stream(both: Any) -> None:
    executor = both.executor()
    close(both, executor)

    async def areading() -> None:
        async for _ in executor.astream(KEY, lambda: pytest.fail("ran")):
            continue

    def reading() -> None:
        if both.is_async:
            both.clock.run(areading())
        else:
            next(executor.stream(KEY, lambda: pytest.fail("ran")))

    with pytest.raises(ExecutorClosed):
        reading()


def test_r77_closing_twice_is_fine_and_with_blocks_close(both: Any) -> None:
    executor = both.executor()

    async def abody() -> None:
        async with executor as entered:
            assert entered is executor
        await executor.aclose()

    if both.is_async:
        both.clock.run(abody())
    else:
        with executor as entered:
            assert entered is executor
        executor.close()

    assert isinstance(both(["never"], executor=executor).error, ExecutorClosed)


class Closing:
    """A classifier that closes the executor in the moment in which a key gets its policy."""

    errors_only = True

    def __init__(self) -> None:
        self.executor: Executor | None = None

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        return Outcome(OutcomeKind.SUCCESS if error is None else OutcomeKind.RETRYABLE)

    def bound_to(self, policy: Any) -> "Closing":
        assert self.executor is not None
        self.executor.close()
        return self


def test_r77_no_short_way_leads_past_a_close_that_comes_while_a_policy_is_looked_up(
    both: Any,
) -> None:
    closing = Closing()
    executor = both.executor(classifiers={"c": closing}, default_classifier="c")
    closing.executor = executor

    errors = [both(["never"], executor=executor).error for _ in range(2)]

    assert [type(error) for error in errors] == [ExecutorClosed, ExecutorClosed]
    assert both.runs == 0


# ------------------------------------------------------------------------------ while calls go on
class Meanwhile:
    """A call, and what closes its executor after so many seconds."""

    def __init__(self, side: Any) -> None:
        self.side = side
        self.closed_s = -1.0

    def __call__(self, after_s: float, grace_s: float, operation: Any, **options: Any) -> Any:
        side, clock = self.side, self.side.clock
        executor = side.executor(**{"sync_timeout": "thread", **options})
        if not side.is_async:

            def closing() -> None:
                clock.advance(after_s)
                executor.close(grace_s)
                self.closed_s = clock.monotonic_s()

            clock.spawn(closing, "closes")
            return side(operation, executor=executor, settle_s=100.0)
        errors: list[Any] = []

        async def acalling() -> None:
            try:
                await executor.acall(KEY, side.operation(operation))
            except BaseException as error:  # noqa: BLE001  # the test looks at it
                errors.append(error)

        async def main() -> None:
            task = asyncio.ensure_future(acalling())
            await asyncio.sleep(after_s)  # noqa: TID251  # on the virtual loop
            await executor.aclose(grace_s)
            self.closed_s = clock.monotonic_s()
            await task
            left = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            assert [each.get_name() for each in left if "recourse" in each.get_name()] == []
            await asyncio.sleep(100.0)  # noqa: TID251  # on the virtual loop

        clock.run(main())
        return errors


@pytest.fixture
def meanwhile(both: Any) -> Meanwhile:
    return Meanwhile(both)


def error_of(told: Any) -> Any:
    return told[0] if isinstance(told, list) and told else getattr(told, "error", None)


def ends(side: Any) -> list[tuple[str, float]]:
    return [
        (f"{event.disposition}", event.at_s)
        for event in side.heard.events
        if isinstance(event, CallEnd)
    ]


def test_r77_a_call_that_sleeps_wakes_with_executor_closed(meanwhile: Meanwhile) -> None:
    retry = RetryPolicy(initial_backoff_s=30.0, max_backoff_s=30.0, jitter=Jitter.NONE)

    told = meanwhile(2.0, 5.0, [ConnectionError], retry=retry)

    assert isinstance(error_of(told), ExecutorClosed)
    assert str(error_of(told)) == "call 'svc.Op' met a closed executor"
    assert isinstance(error_of(told).__cause__, ConnectionError)
    assert (meanwhile.side.runs, ends(meanwhile.side)) == (1, [("cancelled", 2.0)])
    assert meanwhile.closed_s == 2.0


def test_r77_a_run_that_ends_within_the_grace_still_counts(
    meanwhile: Meanwhile, threads: Any
) -> None:
    told = meanwhile(2.0, 5.0, [(4.0, "value")], hedge=HedgePolicy(hedge_delay_s=9.0))

    assert error_of(told) is None
    assert ends(meanwhile.side) == [("success", 4.0)]
    assert meanwhile.closed_s == 4.0
    assert threads() == []


def test_r77_a_failed_run_is_not_retried_any_more(meanwhile: Meanwhile) -> None:
    told = meanwhile(
        2.0, 5.0, [(4.0, ConnectionError), "never"], hedge=HedgePolicy(hedge_delay_s=9.0)
    )

    assert isinstance(error_of(told), ExecutorClosed)
    assert meanwhile.side.runs == 1


def test_r77_no_hedge_starts_during_the_grace(meanwhile: Meanwhile) -> None:
    told = meanwhile(0.7, 5.0, [(4.0, "value")], hedge=HEDGE)

    assert error_of(told) is None
    assert meanwhile.side.runs == 2


def test_r77_what_runs_after_the_grace_is_let_go(meanwhile: Meanwhile, threads: Any) -> None:
    told = meanwhile(2.0, 5.0, [(60.0, "late")], hedge=HedgePolicy(hedge_delay_s=0.5))

    assert isinstance(error_of(told), ExecutorClosed)
    assert ends(meanwhile.side) == [("cancelled", 7.0)]
    assert meanwhile.closed_s == 7.0
    cancels = [event for event in meanwhile.side.heard.events if isinstance(event, HedgeCancel)]
    assert [(event.hedge_index, event.reason) for event in cancels] == [
        (0, "executor_closed"),
        (1, "executor_closed"),
    ]
    assert threads() == []


def test_r77_losers_are_waited_for_up_to_the_grace(both: Any, threads: Any) -> None:
    executor = both.executor(hedge=HedgePolicy(hedge_delay_s=0.5), sync_timeout="thread")
    runs = both.in_turn(both.stubborn(4.0, "late"), both.stubborn(1.0, "won"))

    async def main() -> None:
        assert await executor.acall(KEY, both.operation(runs)) == "won"
        await executor.aclose(5.0)

    if both.is_async:
        both.clock.run(main())
    else:
        assert executor.call(KEY, both.operation(runs)) == "won"
        executor.close(5.0)

    # On a loop the loser has lost the quarter of a second that its cancellation took from it.
    assert both.clock.monotonic_s() == (3.75 if both.is_async else 4.0)
    assert threads() == []


def test_r77_abandoned_runs_may_outlive_the_grace(sync_side: Any, threads: Any) -> None:
    retry = RetryPolicy(max_attempts=1, timeout_per_attempt_s=1.0)
    executor = sync_side.executor(retry=retry, sync_timeout="thread")
    sync_side([(60.0, "late")], executor=executor)

    executor.close(5.0)

    assert sync_side.clock.monotonic_s() == 6.0
    assert threads() == ["recourse-svc.Op"]
    sync_side.clock.mailbox().take(100.0)
    executor.close(5.0)
    assert threads() == []


def test_r77_a_run_that_ignores_its_cancellation_does_not_hold_up_aclose(async_side: Any) -> None:
    executor = async_side.executor(hedge=HedgePolicy(hedge_delay_s=0.5))

    async def main() -> float:
        stubborn = async_side.operation(async_side.stubborn(60.0, "late"))
        task = asyncio.ensure_future(executor.acall(KEY, stubborn))
        await asyncio.sleep(1.0)  # noqa: TID251  # on the virtual loop
        await executor.aclose(2.0)
        with pytest.raises(ExecutorClosed):
            await task
        return float(async_side.clock.monotonic_s())

    assert async_side.clock.run(main()) == 4.0


def test_r77_an_operation_may_close_the_executor_that_runs_it(both: Any) -> None:
    limited = RetryPolicy(max_attempts=2, timeout_per_attempt_s=9.0)
    executor = both.executor(retry=limited, hedge=HEDGE, sync_timeout="thread")

    async def aoperation() -> None:
        await executor.aclose(5.0)
        raise ConnectionError

    def operation() -> None:
        executor.close(5.0)
        raise ConnectionError

    def call() -> None:
        if both.is_async:
            both.clock.run(executor.acall(KEY, aoperation))
        else:
            executor.call(KEY, operation)

    with pytest.raises(ExecutorClosed):
        call()


class Closer:
    """An observer that closes the executor when a hedge is about to start."""

    def __init__(self) -> None:
        self.executor: Executor | None = None

    def on_event(self, event: Any) -> None:
        if isinstance(event, HedgeSpawn) and self.executor is not None:
            self.executor.close(0.0)


def test_r77_a_call_that_comes_to_wait_after_the_grace_does_not_wait(both: Any) -> None:
    closer = Closer()
    closer.executor = both.executor(observers=[closer], hedge=HEDGE, sync_timeout="thread")

    told = both([(60.0, "late")], executor=closer.executor)

    assert isinstance(told.error, ExecutorClosed)
    assert (told.runs, told.took_s) == (2 - both.is_async, 0.5)
    assert [event.reason for event in told.of(HedgeCancel)] == ["executor_closed"] * 2


def test_r77_a_call_that_has_just_woken_needs_no_waking(async_side: Any) -> None:
    retry = RetryPolicy(initial_backoff_s=2.0, jitter=Jitter.NONE)
    executor = async_side.executor(retry=retry)

    async def closing_at(seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251  # on the virtual loop
        await executor.aclose()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        closing = asyncio.ensure_future(closing_at(2.0))
        await loop.run_in_executor(None, lambda: None)
        with pytest.raises(ExecutorClosed):
            await executor.acall(KEY, async_side.operation([ConnectionError]))
        await closing

    async_side.clock.run(main())

    assert (async_side.runs, ends(async_side)) == (1, [("cancelled", 2.0)])


def test_r77_a_policy_fetch_is_let_go_after_the_grace(meanwhile: Meanwhile) -> None:
    side = meanwhile.side

    class Slow:
        def get(self, key: Any) -> Policy:
            side.clock.advance(60.0)
            return Policy(key)

    told = meanwhile(1.0, 3.0, ["never"], provider=Slow(), resolve_timeout_s=99.0)

    assert isinstance(error_of(told), ExecutorClosed)
    assert ends(side) == [("cancelled", 4.0)]


def test_r77_a_run_that_ends_just_before_a_close_gives_its_value() -> None:
    clock = VirtualClock()
    hedge = HedgePolicy(hedge_delay_s=9.0)
    executor = Executor([Policy(KEY, hedge=hedge)], clock=clock)

    async def main() -> str:
        gate = asyncio.Event()

        async def operation() -> str:
            await gate.wait()
            return "value"

        async def closing() -> None:
            await gate.wait()
            executor.close(0.0)

        call = asyncio.create_task(executor.acall(KEY, operation))
        await asyncio.sleep(1.0)  # noqa: TID251  # on the virtual loop
        after = asyncio.create_task(closing())
        await asyncio.sleep(1.0)  # noqa: TID251  # likewise
        gate.set()
        await after
        return await call

    assert clock.run(main()) == "value"


def test_r77_breakers_that_are_shared_keep_and_tell_no_executor_that_is_closed(both: Any) -> None:
    circuits = Circuits(clock=both.clock)
    executor = both.executor(circuits=circuits, circuit=CircuitPolicy())
    both(["done"], executor=executor)
    close(both, executor)
    heard = len(both.heard.events)
    gone = weakref.ref(executor)

    circuits[KEY].isolate()
    del executor
    gc.collect()

    assert len(both.heard.events) == heard
    assert gone() is None
