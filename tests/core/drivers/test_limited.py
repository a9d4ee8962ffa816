"""First attempts under a limit, of asynchronous calls that nobody hears: the rules hold there too."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import pytest

from recourse import (
    AttemptTimeout,
    CircuitPolicy,
    DeadlineExceeded,
    Executor,
    Policy,
    RetryPolicy,
    current_attempt,
)
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock

KEY: Final = "svc.Op"
ONE_S: Final = RetryPolicy(max_attempts=1, timeout_per_attempt_s=1.0)
TWICE_ONE_S: Final = RetryPolicy(max_attempts=2, timeout_per_attempt_s=1.0, jitter=Jitter.NONE)


async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251  # on the virtual loop


async def ok() -> str:
    return "ok"


class Bench:
    """An executor that nobody listens to, whose key is known, on a virtual loop."""

    def __init__(self, retry: RetryPolicy, circuit: CircuitPolicy | None = None) -> None:
        self.clock = VirtualClock()
        self.executor = Executor([Policy(KEY, retry=retry, circuit=circuit)], clock=self.clock)

    def acall(self, op: Callable[..., Awaitable[Any]], *args: Any, **named: Any) -> Any:
        return self.executor.acall(KEY, op, *args, **named)

    def run(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async def known() -> Any:
            await self.acall(ok)
            return await main()

        return self.clock.run(known())


def test_an_operation_gets_its_arguments_and_its_value_comes_back() -> None:
    bench = Bench(ONE_S)

    async def operation(*args: Any, **named: Any) -> tuple[Any, ...]:
        info = current_attempt()
        assert info is not None
        return args, named, info.attempt, info.remaining_s(), asyncio.current_task()

    async def main() -> None:
        await sleep(0.25)
        given = await bench.acall(operation, 1, two=2)
        assert given == ((1,), {"two": 2}, 0, 1.0, asyncio.current_task())
        assert current_attempt() is None

    bench.run(main)


def test_r20_an_unheard_operation_past_its_limit_is_cancelled_in_the_callers_own_task() -> None:
    bench = Bench(ONE_S)

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(AttemptTimeout) as caught:
            await bench.acall(sleep, 60)
        assert (caught.value.timeout_s, task.cancelling()) == (1.0, 0)
        assert bench.clock.monotonic_s() == 1.0

    bench.run(main)


def test_r20_a_timeout_that_nobody_hears_is_retried() -> None:
    bench = Bench(TWICE_ONE_S)
    waits = [60.0, 0.5]

    async def operation() -> str:
        await sleep(waits.pop(0))
        return "second"

    async def main() -> None:
        assert await bench.acall(operation) == "second"

    bench.run(main)

    assert bench.clock.monotonic_s() == 1.0 + 0.05 + 0.5


def test_r20_a_cancel_of_an_unheard_caller_at_the_limit_is_the_callers() -> None:
    bench = Bench(TWICE_ONE_S)

    async def main() -> None:
        for after_s in (0.5, 1.0):
            task = asyncio.ensure_future(bench.acall(sleep, 60))
            asyncio.get_running_loop().call_later(after_s, task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert task.cancelled()

    bench.run(main)

    assert bench.clock.monotonic_s() == 1.5


def test_r20_a_cancellation_from_before_the_call_is_not_taken_for_the_limits() -> None:
    bench = Bench(ONE_S)

    async def cleaning_up() -> str:
        task = asyncio.current_task()
        assert task is not None
        try:
            await sleep(60)
        except asyncio.CancelledError:
            with pytest.raises(AttemptTimeout):
                await bench.acall(sleep, 60)
            assert task.cancelling() == 1
            return "cleaned up"
        return "undisturbed"

    async def main() -> None:
        task = asyncio.ensure_future(cleaning_up())
        asyncio.get_running_loop().call_later(1.0, task.cancel)
        assert await task == "cleaned up"

    bench.run(main)


def test_r19_a_cancellation_inside_an_unheard_operation_is_not_the_callers() -> None:
    bench = Bench(TWICE_ONE_S)
    runs = []

    async def operation() -> None:
        runs.append(1)
        raise asyncio.CancelledError

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await bench.acall(operation)

    bench.run(main)

    assert len(runs) == 1


def test_r21_an_unheard_operations_own_timeout_error_stays_what_it_is() -> None:
    bench = Bench(ONE_S)
    own = TimeoutError("mine")

    async def operation() -> None:
        raise own

    async def main() -> None:
        with pytest.raises(TimeoutError) as caught:
            await bench.acall(operation)
        assert caught.value is own

    bench.run(main)


def test_r22_a_value_that_comes_after_the_limit_of_an_unheard_call_is_a_success() -> None:
    bench = Bench(TWICE_ONE_S)

    async def operation() -> str:
        try:
            await sleep(60)
        except asyncio.CancelledError:
            await sleep(2)
        return "late"

    async def main() -> None:
        assert await bench.acall(operation) == "late"
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    bench.run(main)

    assert bench.clock.monotonic_s() == 3.0


def test_r26_what_an_unheard_limited_call_cannot_run_is_said_at_once() -> None:
    bench = Bench(TWICE_ONE_S)

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


def test_r32_a_limit_of_the_whole_call_is_a_deadline() -> None:
    bench = Bench(RetryPolicy(max_attempts=2, overall_timeout_s=1.5))

    async def main() -> None:
        with pytest.raises(DeadlineExceeded):
            await bench.acall(sleep, 60)

    bench.run(main)

    assert bench.clock.monotonic_s() == 1.5


def test_r34_an_unheard_nested_call_has_what_is_left_of_the_outer_one() -> None:
    bench = Bench(ONE_S)

    async def inner() -> float | None:
        info = current_attempt()
        return None if info is None else info.remaining_s()

    async def outer() -> Any:
        await sleep(0.75)
        return await bench.acall(inner)

    async def main() -> None:
        assert await bench.acall(outer) == 0.25

    bench.run(main)


def test_r57_successes_under_a_limit_reach_a_breaker_that_is_not_calm() -> None:
    bench = Bench(ONE_S, CircuitPolicy(threshold=2))

    async def fail() -> None:
        raise ConnectionError

    async def main() -> None:
        for op in (fail, ok, fail, ok, fail):
            if op is fail:
                with pytest.raises(ConnectionError):
                    await bench.acall(op)
            else:
                assert await bench.acall(op) == "ok"

    bench.run(main)

    assert bench.run(lambda: bench.acall(ok)) == "ok"  # or it would be open


def test_many_unheard_calls_are_limited_each_at_its_own_time() -> None:
    bench = Bench(ONE_S)
    ends: list[tuple[int, float]] = []

    async def one(number: int) -> None:
        await sleep(number / 64)
        try:
            await bench.acall(sleep, 60 if number % 2 else 0.5)
        except AttemptTimeout:
            ends.append((number, bench.clock.monotonic_s()))

    async def main() -> None:
        await asyncio.gather(*map(one, range(64)))

    bench.run(main)

    assert ends == [(number, 1.0 + number / 64) for number in range(1, 64, 2)]


def test_a_call_outside_of_any_task_runs_without_its_limit() -> None:
    bench = Bench(ONE_S)

    async def main() -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def by_hand() -> None:
            call = bench.acall(ok)
            with pytest.raises(StopIteration, match="ok"):
                call.send(None)
            ended.set()

        loop.call_soon(by_hand)
        await ended.wait()

    bench.run(main)


def test_an_error_of_an_unheard_limited_call_is_no_cycle() -> None:
    bench = Bench(ONE_S)

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
        return remembered

    gc.collect()
    gc.disable()
    try:
        remembered = bench.run(main)
        assert remembered() is None
    finally:
        gc.enable()
