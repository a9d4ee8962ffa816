"""Calls that somebody hears, under a policy that is known: told without the plan where it can be."""

import asyncio
import gc
import weakref
from typing import Any, Final

import pytest

from recourse import (
    Event,
    Executor,
    ExecutorClosed,
    Policy,
    RetryPolicy,
    record_timeline,
    timeline_of,
)
from recourse.context import TAPS
from recourse.errors import RetryExhausted
from recourse.events import (
    AttemptEnd,
    AttemptStart,
    CallEnd,
    CallStart,
    PolicyResolved,
    RetryScheduled,
)

KEY: Final = "svc.Op"


class Selective:
    """Hears the events of some classes."""

    def __init__(self, *hears: type[Event]) -> None:
        self.hears = frozenset(hears)
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


class Scoping(Selective):
    """Is around attempts as well."""

    def __init__(self, *hears: type[Event]) -> None:
        super().__init__(*hears)
        self.around: list[tuple[str, int]] = []

    def attempt_scope(self, event: AttemptStart) -> Any:
        self.around.append(("enters", event.attempt))
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.around.append(("leaves", 0 if error is None else 1))


def known(side: Any, **options: Any) -> Executor:
    """An executor that has resolved its key already."""
    executor: Executor = side.executor(**options)
    side(["known"], executor=executor)
    return executor


STEPS: Final = [
    ["done"],
    [OSError, "done"],
    [OSError],
    [OSError, KeyError, "done"],
    [asyncio.CancelledError],
    [KeyboardInterrupt],
    [OSError, KeyboardInterrupt],
    [TypeError],
    [ExceptionGroup("two", [OSError(), ValueError()])],
]


@pytest.mark.parametrize("errors", ["last", "wrap"])
@pytest.mark.parametrize("steps", STEPS)
def test_a_key_that_is_known_is_told_of_as_one_that_is_new(
    both: Any, steps: list[Any], errors: str
) -> None:
    new = both(steps, errors=errors)

    told = both(steps, executor=known(both, errors=errors))

    assert told.timeline.shape() == new.timeline.shape()
    assert told.names == new.names
    assert [event[3:9] for event in told.of(RetryScheduled)] == [
        event[3:9] for event in new.of(RetryScheduled)
    ]
    assert [event.seq for event in told.events] == list(range(len(told.events)))
    assert type(told.error) is type(new.error)


@pytest.mark.parametrize("kind", [CallStart, PolicyResolved, AttemptStart, AttemptEnd, CallEnd])
@pytest.mark.parametrize("steps", STEPS)
def test_an_observer_hears_only_what_it_declares(
    both: Any, kind: type[Event], steps: list[Any]
) -> None:
    some = Selective(kind)
    executor = known(both, observers=[some])
    some.events.clear()

    told = both(steps, executor=executor)

    assert some.events == told.of(kind)
    assert some.events


@pytest.mark.parametrize("steps", [["done"], [OSError, "done"], [OSError]])
def test_where_all_observers_declare_only_that_is_told(both: Any, steps: list[Any]) -> None:
    ends, retries, nothing = Selective(CallEnd), Selective(RetryScheduled), Selective()
    both.heard.hears = frozenset()
    executor = known(both, observers=[ends, retries, nothing])
    ends.events.clear()

    told = both(steps, executor=executor)

    assert [type(event) for event in ends.events] == [CallEnd]
    assert len(retries.events) == len(told.timeline.attempts) - 1
    assert all(isinstance(event, RetryScheduled) for event in retries.events)
    assert nothing.events == both.heard.events == []


def test_r74_a_call_of_which_nobody_hears_anything_gives_its_value(both: Any) -> None:
    nothing = Selective()
    executor = Executor([Policy(KEY)], observers=[nothing], clock=both.clock)
    operation = both.operation(["done"])

    def called() -> Any:
        if both.is_async:
            return both.clock.run(executor.acall(KEY, operation))
        return executor.call(KEY, operation)

    assert [called(), called()] == ["done", "done"]
    assert nothing.events == []


def test_r73_a_scope_is_entered_for_an_observer_that_hears_nothing(both: Any) -> None:
    around = Scoping()
    both.heard.hears = frozenset()
    executor = known(both, observers=[around])
    around.around.clear()

    both([OSError, "done"], executor=executor)

    assert around.around == [("enters", 0), ("leaves", 1), ("enters", 1), ("leaves", 0)]
    assert around.events == []


def test_r71_a_call_under_a_known_policy_tells_texts_where_they_are_captured(both: Any) -> None:
    error = OSError("disk full")
    executor = known(both, capture_messages=True)

    told = both([error], executor=executor, key=KEY)

    assert {event.error_message for event in told.of(AttemptEnd)} == {"disk full"}
    kept = timeline_of(error)
    assert kept is not None
    assert str(kept.error) == "OSError: disk full"


def test_r70_a_heard_calls_error_knows_its_timeline(both: Any) -> None:
    error = OSError("gone")

    told = both([error], executor=known(both))

    kept = timeline_of(error)
    assert kept is not None
    assert kept.shape() == told.timeline.shape()
    assert kept.call_id == told.timeline.call_id
    assert told.timeline.error is told.timeline.attempts[-1].error is error
    assert len(error.__notes__) == 1


def test_r70_errors_are_wrapped_of_heard_calls_too(both: Any) -> None:
    told = both([OSError("gone")], executor=known(both, errors="wrap"))

    assert isinstance(told.error, RetryExhausted)
    assert len(told.error.exceptions) == 3


def test_r77_a_close_during_a_heard_calls_wait_ends_it(both: Any) -> None:
    class Closing(Selective):
        def on_event(self, event: Event) -> None:
            executor.close(0.0)

    executor = known(both, observers=[Closing(RetryScheduled)])

    told = both([OSError, "done"], executor=executor)

    assert isinstance(told.error, ExecutorClosed)
    assert told.names[-2:] == ["RetryScheduled", "CallEnd"]
    assert [record.backoff_s for record in told.timeline.attempts] == [0.05]


def test_a_listener_of_the_whole_process_declares_what_it_hears_too(both: Any) -> None:
    ends, executor = Selective(CallEnd), known(both, retry=RetryPolicy(max_attempts=1))

    with TAPS.added(ends):
        both(["done"], executor=executor)
        both([OSError], executor=executor)

    assert [type(event) for event in ends.events] == [CallEnd, CallEnd]


class Mortal(OSError):
    """An error that takes a weak reference."""


def test_r69_a_capture_leaves_nothing_to_the_collector(both: Any) -> None:
    executor = Executor(
        [Policy(KEY, retry=RetryPolicy(max_attempts=2, jitter="none"))], clock=both.clock
    )
    both(["known"], executor=executor)
    errors: list[weakref.ref[Mortal]] = []

    def failing() -> None:
        error = Mortal("gone")
        errors.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error  # or its own traceback would refer to it

    async def afailing() -> None:
        failing()

    async def acalled() -> None:
        with pytest.raises(Mortal), record_timeline():
            await executor.acall(KEY, afailing)

    gc.collect()
    gc.disable()
    try:
        if both.is_async:
            both.clock.run(acalled())
        else:
            with pytest.raises(Mortal), record_timeline():
                executor.call(KEY, failing)
        left = [error() for error in errors]
    finally:
        gc.enable()

    assert left == [None, None]
