"""First attempts that may be hedged, of asynchronous calls that nobody hears: the rules hold there."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final

import pytest

from recourse import (
    AttemptTimeout,
    CircuitPolicy,
    Executor,
    ExecutorClosed,
    HedgePolicy,
    LatencyPercentile,
    Policy,
    RetryPolicy,
    current_attempt,
    timeline_of,
)
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock

KEY: Final = "svc.Op"
ONCE: Final = RetryPolicy(max_attempts=1)
TWICE: Final = RetryPolicy(max_attempts=2, jitter=Jitter.NONE)
AFTER_1_S: Final = HedgePolicy(hedge_delay_s=1.0)
VARIABLE: Final = ContextVar("variable", default="outside")


async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251  # on the virtual loop


async def ok() -> str:
    return "ok"


async def fail() -> None:
    raise ConnectionError


class Bench:
    """An executor that nobody listens to, whose key is known, on a virtual loop."""

    def __init__(self, retry: RetryPolicy = ONCE, circuit: CircuitPolicy | None = None) -> None:
        self.clock = VirtualClock()
        policy = Policy(KEY, retry=retry, hedge=AFTER_1_S, circuit=circuit)
        self.executor = Executor([policy], clock=self.clock)
        self.complaints: list[dict[str, Any]] = []

    def acall(self, op: Callable[..., Awaitable[Any]], *args: Any, **named: Any) -> Any:
        return self.executor.acall(KEY, op, *args, **named)

    def run(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async def known() -> Any:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: self.complaints.append(context))
            await self.acall(ok)
            value = await main()
            await sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert [task for task in left if task.get_name().startswith("recourse-")] == []
            return value

        value = self.clock.run(known())
        gc.collect()
        assert self.complaints == []
        return value


def test_an_unheard_hedged_operation_gets_its_arguments_and_its_value_comes_back() -> None:
    bench = Bench(RetryPolicy(max_attempts=1, timeout_per_attempt_s=3.0))

    async def operation(*args: Any, **named: Any) -> tuple[Any, ...]:
        info = current_attempt()
        assert info is not None
        return args, named, info.hedge_index, info.remaining_s()

    async def main() -> None:
        assert await bench.acall(operation, 1, two=2) == ((1,), {"two": 2}, 0, 3.0)
        assert current_attempt() is None

    bench.run(main)


def test_r46_an_unheard_primary_that_hangs_is_hedged_after_the_delay() -> None:
    bench = Bench()
    begun: list[tuple[int, float]] = []

    async def operation() -> str:
        info = current_attempt()
        assert info is not None
        begun.append((info.hedge_index, bench.clock.monotonic_s()))
        await sleep(0.25 if info.is_hedge else 60)
        return "hedge" if info.is_hedge else "primary"

    async def main() -> None:
        assert await bench.acall(operation) == "hedge"
        assert bench.clock.monotonic_s() == 1.25

    bench.run(main)

    assert begun == [(0, 0.0), (1, 1.0)]


def test_r47_an_unheard_primary_that_may_be_hedged_has_its_own_copy_of_the_context() -> None:
    bench = Bench()

    async def operation() -> str:
        seen = VARIABLE.get()
        VARIABLE.set("operation")
        return seen

    async def main() -> None:
        VARIABLE.set("caller")
        assert await bench.acall(operation) == "caller"
        assert VARIABLE.get() == "caller"

    bench.run(main)


def test_r50_an_unheard_primary_that_fails_before_a_hedge_is_due_is_retried() -> None:
    bench = Bench(TWICE)
    runs: list[float] = []

    async def operation() -> str:
        runs.append(bench.clock.monotonic_s())
        if len(runs) == 1:
            raise ConnectionError
        return "second"

    async def main() -> None:
        assert await bench.acall(operation) == "second"

    bench.run(main)

    assert runs == [0.0, 0.05]


def test_the_error_of_an_unheard_hedged_call_tells_its_timeline() -> None:
    bench = Bench(TWICE)

    async def main() -> None:
        with pytest.raises(ConnectionError) as caught:
            await bench.acall(fail)
        timeline = timeline_of(caught.value)
        assert timeline is not None
        assert [one.attempt for one in timeline.attempts] == [0, 1]
        assert (timeline.disposition, timeline.attempts_run) == ("exhausted", 2)

    bench.run(main)


def test_r51_a_winner_waits_for_no_loser_that_ignores_its_cancellation() -> None:
    bench = Bench()
    closed: list[str] = []

    class Value:
        def __init__(self, name: str) -> None:
            self.name = name

        async def aclose(self) -> None:
            closed.append(self.name)

    async def operation() -> Value:
        info = current_attempt()
        assert info is not None
        if info.is_hedge:
            return Value("hedge")
        with contextlib.suppress(asyncio.CancelledError):
            await sleep(60)
        await sleep(5)
        return Value("primary")

    async def main() -> None:
        winner = await bench.acall(operation)
        assert (winner.name, bench.clock.monotonic_s(), closed) == ("hedge", 1.0, [])
        await sleep(6)
        assert closed == ["primary"]

    bench.run(main)


def test_r51_a_losers_error_is_nobodys() -> None:
    bench = Bench()

    async def operation() -> str:
        info = current_attempt()
        assert info is not None
        if not info.is_hedge:
            try:
                await sleep(60)
            finally:
                raise OSError
        return "hedge"

    async def main() -> None:
        assert await bench.acall(operation) == "hedge"
        await sleep(1)

    bench.run(main)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_r23_a_cancel_of_an_unheard_hedged_caller_passes_on_at_once(turns: int) -> None:
    bench = Bench(TWICE)
    ends: list[str] = []

    async def operation() -> None:
        try:
            await sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            await sleep(5)
            raise

    async def main() -> None:
        task = asyncio.ensure_future(bench.acall(operation))
        for _ in range(turns):
            await sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert bench.clock.monotonic_s() == 0.0
        await sleep(6)

    bench.run(main)

    assert ends == (["cancelled"] if turns else [])


def test_r23_a_cancel_in_the_moment_of_the_value_is_the_callers_and_the_value_is_closed() -> None:
    bench = Bench()
    closed: list[str] = []

    class Value:
        def close(self) -> None:
            closed.append("closed")

    async def main() -> None:
        ready = asyncio.get_running_loop().create_future()

        async def operation() -> Value:
            return await ready  # type: ignore[no-any-return]  # it is one

        task = asyncio.ensure_future(bench.acall(operation))
        await sleep(0.5)
        ready.set_result(Value())
        asyncio.get_running_loop().call_soon(task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        await sleep(0)

    bench.run(main)

    assert closed == ["closed"]


def test_r19_a_cancellation_inside_an_unheard_primary_is_not_the_callers() -> None:
    bench = Bench(TWICE)
    runs: list[int] = []

    async def operation() -> None:
        runs.append(1)
        raise asyncio.CancelledError

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await bench.acall(operation)

    bench.run(main)

    assert len(runs) == 1


@pytest.mark.parametrize("turns", [0, 2])
def test_a_primary_that_somebody_else_cancels_does_not_hang_its_caller(turns: int) -> None:
    """Even before its first step, when it can tell nobody: then the caller looks at the delay."""
    bench = Bench()

    async def main() -> None:
        call = asyncio.ensure_future(bench.acall(sleep, 60))
        while not (
            flights := [t for t in asyncio.all_tasks() if t.get_name() == "recourse-attempt"]
        ):
            await sleep(0)
        for _ in range(turns):
            await sleep(0)
        flights[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert bench.clock.monotonic_s() <= 1.0

    bench.run(main)


def test_r20_a_limit_before_the_hedge_is_an_attempt_timeout() -> None:
    bench = Bench(RetryPolicy(max_attempts=1, timeout_per_attempt_s=0.5))

    async def main() -> None:
        with pytest.raises(AttemptTimeout):
            await bench.acall(sleep, 60)
        assert bench.clock.monotonic_s() == 0.5
        await sleep(0)

    bench.run(main)


def test_r26_what_an_unheard_hedged_call_cannot_run_is_said_at_once() -> None:
    bench = Bench(TWICE)

    def plain() -> int:
        return 1

    def generator() -> Any:
        yield 1

    async def main() -> None:
        wrong: Any
        for wrong, text in (
            (plain, "returned a plain value; use call"),
            (generator, "got a generator function; use stream"),
            (1, "needs a callable operation"),
        ):
            with pytest.raises(TypeError, match=text):
                await bench.acall(wrong)

    bench.run(main)


def test_r57_an_unheard_success_reaches_a_breaker_that_is_not_calm() -> None:
    bench = Bench(ONCE, CircuitPolicy(threshold=2))

    async def fail_inside() -> str:
        with pytest.raises(ConnectionError):
            await bench.acall(fail)
        return "ok"

    async def main() -> None:
        for _ in range(3):
            # The breaker stops being calm while the outer attempt is in flight.
            assert await bench.acall(fail_inside) == "ok"

    bench.run(main)


@pytest.mark.parametrize("close_in_thread", [False, True])
def test_r77_closing_ends_an_unheard_hedged_call_after_the_grace(close_in_thread: bool) -> None:  # noqa: FBT001  # a parameter of the test
    bench = Bench()

    async def main() -> None:
        call = asyncio.ensure_future(bench.acall(sleep, 60))
        await sleep(0.25)
        if close_in_thread:
            bench.executor.close(grace_s=0)
        else:
            await bench.executor.aclose(grace_s=0.5)
        with pytest.raises(ExecutorClosed):
            await call
        assert bench.clock.monotonic_s() == (0.25 if close_in_thread else 0.75)
        await sleep(0)

    bench.run(main)


def test_r77_a_call_that_begins_while_its_executor_closes_is_ended_at_once() -> None:
    bench = Bench()

    async def main() -> None:
        # As if another thread had closed it between the look at the key and the launch.
        vars(bench.executor)["_runtime"].deserted = True
        with pytest.raises(ExecutorClosed):
            await bench.acall(sleep, 60)
        assert bench.clock.monotonic_s() == 0.0
        await sleep(0)

    bench.run(main)


def test_r49_calls_whose_trigger_learns_go_by_the_plan() -> None:
    clock = VirtualClock()
    learning = LatencyPercentile("p95")
    policy = Policy(KEY, hedge=HedgePolicy(trigger="mine", hedge_delay_s=1.0))
    executor = Executor([policy], clock=clock, triggers={"mine": learning})

    async def main() -> None:
        for _ in range(30):
            await executor.acall(KEY, sleep, 0.5)

    clock.run(main())

    delay_s = learning.delay_s(KEY, AFTER_1_S)
    assert 0.4 < delay_s < 0.6


def test_an_error_of_an_unheard_hedged_call_is_no_cycle() -> None:
    bench = Bench()

    class Big:
        pass

    async def operation(big: Big) -> None:
        raise ConnectionError(big)

    async def main() -> weakref.ref[Big]:
        big = Big()
        remembered = weakref.ref(big)
        with contextlib.suppress(ConnectionError):
            await bench.acall(operation, big)
        del big
        await sleep(0)
        assert remembered() is None
        return remembered

    gc.collect()
    gc.disable()
    try:
        bench.run(main)
    finally:
        gc.enable()
