"""Calls whose timeline is recorded and that nobody hears: told when somebody asks, not before."""

import asyncio
import gc
import random
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest

from recourse import (
    AttemptInfo,
    CircuitPolicy,
    Executor,
    Policy,
    RetryPolicy,
    current_attempt,
    record_timeline,
    timeline_of,
)
from recourse.policy.model import Jitter
from recourse.reasons import Disposition

KEY: Final = "svc.Op"
TWICE: Final = RetryPolicy(max_attempts=2, jitter=Jitter.NONE)


def noting() -> Any:
    """An operation that notes a fact, and takes a second."""
    attempt = current_attempt()
    assert attempt is not None
    attempt.annotate(peer="a")
    yield 1.0
    return {1: 2}


def stopped(error: type[BaseException]) -> Callable[[], Any]:
    """An operation that is stopped after a while."""

    def run() -> Any:
        yield 0.5
        raise error

    return run


CALLS: Final[dict[str, Any]] = {
    "success": noting,
    "retry": [OSError("a"), (1.0, "done")],
    "exhausted": [OSError("a"), (0.5, ValueError("b"))],
    "interrupted": stopped(KeyboardInterrupt),
    "cancelled inside": stopped(asyncio.CancelledError),
}


@pytest.fixture
def quiet(both: Any) -> Callable[..., Executor]:
    """Makes executors without observers, whose keys are known."""

    def make(**options: Any) -> Executor:
        circuit = CircuitPolicy(threshold=9)
        policy = Policy(KEY, retry=TWICE, circuit=circuit)
        chance = random.Random(1)  # noqa: S311  # no secret
        executor = Executor([policy], clock=both.clock, random=chance, **options)
        both(["known"], executor=executor)
        return executor

    return make


def _rounded(fact: Any) -> Any:
    return round(fact, 6) if isinstance(fact, float) else fact


def facts(timeline: Any) -> dict[str, Any]:
    """What is told of a call, without what is another's in every call."""
    own = {"call_id", "started_unix_ns", "ended_unix_ns", "attempts", "duration_s"}
    told = {name: getattr(timeline, name) for name in timeline.__slots__ if name not in own}
    moments = {"started_unix_ns", "ended_unix_ns", "duration_s", "error"}
    told["attempts"] = [
        {name: _rounded(getattr(record, name)) for name in record.__slots__ if name not in moments}
        for record in timeline.attempts
    ]
    told["error"] = repr(timeline.error)
    told["took_ms"] = round(timeline.duration_s * 1000)
    return told


@pytest.mark.parametrize("steps", CALLS.values(), ids=list(CALLS))
def test_r69_a_call_that_nobody_hears_is_recorded_as_one_that_somebody_hears(
    both: Any, quiet: Any, steps: Any
) -> None:
    unheard = both(steps, executor=quiet())
    heard = both(steps, executor=quiet(observers=[both.heard]))

    assert heard.events
    assert not unheard.events
    assert facts(unheard.timeline) == facts(heard.timeline)
    assert unheard.timeline.started_unix_ns < unheard.timeline.ended_unix_ns
    assert unheard.timeline.error is unheard.error
    assert type(unheard.error) is type(heard.error)


def test_a_recorded_call_has_one_id_whoever_asks(both: Any, quiet: Any) -> None:
    asked: list[str] = []

    def asking() -> Any:
        attempt = current_attempt()
        assert attempt is not None
        asked.append(attempt.call_id)
        yield 0.1
        raise OSError

    told = both(asking, executor=quiet())
    kept = timeline_of(told.error)

    assert kept is not None
    assert {*asked, kept.call_id, told.timeline.call_id} == {asked[0]}


def test_a_recorded_call_whose_id_nobody_asked_for_has_one_too(both: Any, quiet: Any) -> None:
    told = both([OSError("a")], executor=quiet())
    kept = timeline_of(told.error)

    assert kept is not None
    assert kept.call_id == told.timeline.call_id


@pytest.mark.parametrize("fails", [False, True])
def test_r69_what_is_noted_when_a_call_is_over_is_no_longer_recorded(
    quiet: Any, both: Any, *, fails: bool
) -> None:
    attempts: list[AttemptInfo] = []

    def leaking() -> Any:
        attempt = current_attempt()
        assert attempt is not None
        attempt.annotate(when="in time")
        attempts.append(attempt)
        yield 0.1
        if fails:
            raise OSError

    executor = quiet()
    with record_timeline() as capture, suppress(OSError):
        if both.is_async:
            both.clock.run(executor.acall(KEY, both.operation(leaking)))
        else:
            executor.call(KEY, both.operation(leaking))
    for attempt in attempts:
        attempt.annotate(when="late")
    first = capture.timeline

    assert first is not None
    assert first == capture.timeline
    assert all(each.annotations == {"when": "in time"} for each in first.attempts)


class Watched(Exception):
    """A value or an error that can be watched."""


@pytest.mark.parametrize("fails", [False, True])
def test_a_record_keeps_no_value_and_leaves_no_cycle_behind(
    both: Any, quiet: Any, *, fails: bool
) -> None:
    executor = quiet()
    given: list[weakref.ref[Watched]] = []

    def giving() -> Watched:
        value = Watched()
        given.append(weakref.ref(value))
        try:
            if fails:
                raise value
            return value
        finally:
            del value  # or its own traceback would refer to it

    async def agiving() -> Watched:
        return giving()

    async def acalled() -> None:
        with suppress(Watched):
            await executor.acall(KEY, agiving)

    gc.collect()
    gc.disable()
    try:
        with record_timeline() as capture, suppress(Watched):
            if both.is_async:
                both.clock.run(acalled())
            else:
                executor.call(KEY, giving)
        recorded = [ref() is not None for ref in given]
        del capture
        left = [ref() is not None for ref in given]
    finally:
        gc.enable()

    assert recorded == ([True, True] if fails else [False])
    assert not any(left)


def test_an_error_without_its_traceback_keeps_no_argument_alive(both: Any, quiet: Any) -> None:
    executor = quiet()

    def failing(_: Watched) -> None:
        raise OSError("no")

    async def afailing(_: Watched) -> None:
        raise OSError("no")

    def failed(argument: Watched) -> OSError:
        try:
            if both.is_async:
                both.clock.run(executor.acall(KEY, afailing, argument))
            else:
                executor.call(KEY, failing, argument)
        except OSError as error:
            return error.with_traceback(None)
        pytest.fail("it gave a value")

    argument = Watched()
    watched = weakref.ref(argument)
    error = failed(argument)
    del argument
    gc.collect()

    kept = timeline_of(error)
    assert kept is not None
    assert kept.disposition is Disposition.EXHAUSTED
    assert watched() is None


def test_r69_nested_calls_are_recorded_when_that_is_asked_for(both: Any, quiet: Any) -> None:
    executor: Executor = quiet()

    def called() -> int:
        return executor.call(KEY, lambda: executor.call(KEY, int, 1))

    async def acalled() -> Any:
        async def inner() -> int:
            return 1

        async def outer() -> int:
            return await executor.acall(KEY, inner)

        return await executor.acall(KEY, outer)

    def count(*, nested: bool) -> int:
        with record_timeline(nested=nested) as capture:
            assert (both.clock.run(acalled()) if both.is_async else called()) == 1
        return len(capture.timelines)

    assert [count(nested=False), count(nested=True)] == [1, 2]


def test_r18_what_stops_a_call_that_nobody_hears_or_records_passes_on(
    both: Any, quiet: Any
) -> None:
    executor: Executor = quiet()
    stop = asyncio.CancelledError()

    def stopping() -> None:
        raise stop

    async def astopping() -> None:
        raise stop

    async def acalled() -> None:
        with pytest.raises(asyncio.CancelledError) as caught:
            await executor.acall(KEY, astopping)
        assert caught.value is stop

    if both.is_async:
        both.clock.run(acalled())
        return
    with pytest.raises(asyncio.CancelledError) as caught:
        executor.call(KEY, stopping)
    assert caught.value is stop
