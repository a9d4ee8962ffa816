"""Observers: told of everything, around attempts when they want, and never in the way."""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import pytest

from recourse import BaseObserver, CircuitPolicy, Event, Executor, HedgePolicy, Policy, RetryPolicy
from recourse.context import TAPS
from recourse.errors import DeadlineExceeded
from recourse.events import AttemptEnd, AttemptStart, CallEnd, CallStart, HedgeCancel
from recourse.policy.model import Jitter
from recourse.reasons import Disposition

KEY: Final = "svc.Op"
ONCE: Final = RetryPolicy(max_attempts=1)


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


class Raising(Heard):
    """Hears, and raises at every event, or at those of one name."""

    def __init__(self, error: BaseException, name: str = "") -> None:
        super().__init__()
        self.error = error
        self.name = name

    def on_event(self, event: Event) -> None:
        super().on_event(event)
        if self.name in ("", type(event).__name__):
            raise self.error


STORY: Final = [
    "CallStart",
    "PolicyResolved",
    "AttemptStart",
    "AttemptEnd",
    "RetryScheduled",
    "AttemptStart",
    "AttemptEnd",
    "CallEnd",
]


@pytest.mark.parametrize("name", ["", *sorted(set(STORY))])
def test_r64_an_observer_that_raises_changes_nothing(both: Any, name: str) -> None:
    raising, after = Raising(ZeroDivisionError(), name), Heard()
    executor = both.executor(observers=[raising, after])

    told = both([OSError, "done"], executor=executor)

    assert (told.value, told.runs, told.sleeps) == ("done", 2, (0.05,))
    assert told.names == STORY
    assert raising.events == after.events == list(told.events)
    assert executor.observer_errors == (len(STORY) if not name else STORY.count(name))


def test_r64_the_operations_error_is_not_replaced_by_an_observers(both: Any) -> None:
    error = OSError("the operation's own")

    told = both([error], retry=ONCE, observers=[Raising(ZeroDivisionError())])

    assert told.error is error
    assert error.__cause__ is None
    assert error.__context__ is None


def test_r64_one_line_is_logged_now_and_then(both: Any, caplog: pytest.LogCaptureFixture) -> None:
    executor = both.executor(observers=[Raising(ZeroDivisionError("x"))])

    with caplog.at_level(logging.WARNING, "recourse"):
        for _ in range(3):
            both(["done"], executor=executor)
        early = caplog.messages.copy()
        both.clock.advance(10.0)
        both(["done"], executor=executor)

    assert early == ["observer Raising raised ZeroDivisionError; 1 so far"]
    assert caplog.messages[1:] == ["observer Raising raised ZeroDivisionError; 16 so far"]
    assert all(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("name", sorted(set(STORY)))
def test_r64_a_keyboard_interrupt_in_an_observer_propagates(both: Any, name: str) -> None:
    stop = KeyboardInterrupt()
    executor = both.executor(observers=[Raising(stop, name)])

    def called() -> None:
        operation = both.operation([OSError, "done"])
        if both.is_async:
            both.clock.run(executor.acall(KEY, operation))
        else:
            executor.call(KEY, operation)

    with pytest.raises(KeyboardInterrupt) as caught:
        called()

    assert caught.value is stop


def test_r76_eight_threads_lose_no_observer_error() -> None:
    executor = Executor([Policy(KEY)], observers=[Raising(ZeroDivisionError())])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [executor.call(KEY, str) for _ in range(50)], range(8)))

    assert executor.observer_errors == 8 * 50 * 5


def test_r65_all_events_of_a_call_share_its_id_and_are_numbered_upwards(both: Any) -> None:
    told = both([OSError, "done"], circuit=CircuitPolicy(threshold=1, cooldown_s=0.1))

    assert {event.call_id for event in told.events} == {told.timeline.call_id}
    assert len(told.timeline.call_id) == 24
    numbers = [event.seq for event in told.events]
    assert numbers == sorted(set(numbers))


def test_r65_every_event_has_both_times_and_says_where_it_came_from(both: Any) -> None:
    told = both([(0.25, "done")], retry=ONCE)

    start, end = told.of(CallStart)[0], told.of(CallEnd)[0]
    assert end.t_mono_ns - start.t_mono_ns == end.t_wall_ns - start.t_wall_ns == 250_000_000
    for event in told.events:
        assert event.schema_version == 1
        assert (event.key, event.namespace, event.parent_call_id) == (KEY, "svc", None)
        assert (event.policy_id, event.policy_source) == (KEY, "static")
        assert event.process_id > 0
        assert event.thread_id == threading.get_ident()


def test_r65_a_tracing_observer_can_name_the_trace_of_all_later_events(both: Any) -> None:
    class Tracing:
        def on_event(self, event: Event) -> None:
            if isinstance(event, CallStart):
                event.call.trace_id, event.call.span_id = "a" * 32, "b" * 16

    told = both([OSError, "done"], observers=[Tracing()])

    assert {(event.trace_id, event.span_id) for event in told.events} == {("a" * 32, "b" * 16)}


def test_r65_hedges_share_the_attempt_and_differ_in_their_index(async_side: Any) -> None:
    told = async_side([(1.0, "slow"), (0.1, "quick")], hedge=HedgePolicy(hedge_delay_s=0.1))

    assert [(event.attempt, event.hedge_index) for event in told.of(AttemptStart)] == [
        (0, 0),
        (0, 1),
    ]
    assert [(event.attempt, event.hedge_index) for event in told.of(HedgeCancel)] == [(0, 0)]


def test_r66_events_come_in_the_order_of_what_happens(both: Any) -> None:
    told = both([OSError, "done"])

    assert told.names == STORY


def test_r66_a_call_ends_once_whatever_happens(both: Any) -> None:
    for steps in (["done"], [OSError], [KeyboardInterrupt], [asyncio.CancelledError]):
        told = both(steps)

        assert told.names.count("CallEnd") == 1
        assert told.names[-1] == "CallEnd"


class Scoping(Heard):
    """Wraps operations, and remembers what it saw."""

    def __init__(self, log: list[str], name: str, *, enter: Any = None, leave: Any = None) -> None:
        super().__init__()
        self.log = log
        self.name = name
        self.enter = enter
        self.leave = leave

    @contextmanager
    def attempt_scope(self, event: AttemptStart) -> Iterator[None]:
        self.log.append(f"{self.name} enters {event.attempt}")
        if self.enter is not None:
            raise self.enter
        try:
            yield
        except BaseException as error:
            self.log.append(f"{self.name} sees {type(error).__name__}")
            raise
        finally:
            self.log.append(f"{self.name} leaves {event.attempt}")
            if self.leave is not None:
                raise self.leave


@pytest.mark.parametrize("retry", [RetryPolicy(), RetryPolicy(timeout_per_attempt_s=5.0)])
def test_r73_scopes_are_entered_before_the_operation_and_left_after_it(
    both: Any, retry: RetryPolicy
) -> None:
    log: list[str] = []

    def operation() -> Any:
        log.append("runs")
        yield 0.1
        if both.runs == 1:
            raise OSError
        return "done"

    told = both(operation, retry=retry, observers=[Scoping(log, "a"), Heard(), Scoping(log, "b")])

    assert told.value == "done"
    assert log == [
        *("a enters 0", "b enters 0", "runs"),
        *("b sees OSError", "b leaves 0", "a sees OSError", "a leaves 0"),
        *("a enters 1", "b enters 1", "runs", "b leaves 1", "a leaves 1"),
    ]


def test_r73_the_scope_stands_in_the_operations_own_context(both: Any) -> None:
    span: contextvars.ContextVar[str] = contextvars.ContextVar("span", default="none")
    seen: list[str] = []

    class Spans(Heard):
        @contextmanager
        def attempt_scope(self, event: AttemptStart) -> Iterator[None]:
            token = span.set(f"attempt {event.attempt}.{event.hedge_index}")
            try:
                yield
            finally:
                span.reset(token)

    def operation() -> Any:
        seen.append(span.get())
        yield 0.0
        seen.append(span.get())
        return "done"

    told = both(operation, observers=[Spans()])

    assert told.value == "done"
    assert seen == ["attempt 0.0", "attempt 0.0"]
    assert span.get() == "none"


def test_r73_every_run_of_a_hedged_group_has_its_own_scope(async_side: Any) -> None:
    log: list[str] = []

    class Spans(Heard):
        @contextmanager
        def attempt_scope(self, event: AttemptStart) -> Iterator[None]:
            log.append(f"enters {event.hedge_index}")
            try:
                yield
            finally:
                log.append(f"leaves {event.hedge_index}")

    async_side(
        [(1.0, "slow"), (0.1, "quick")],
        hedge=HedgePolicy(hedge_delay_s=0.1),
        observers=[Spans()],
        settle_s=2.0,
    )

    assert log == ["enters 0", "enters 1", "leaves 1", "leaves 0"]


@pytest.mark.parametrize("point", ["enter", "leave"])
def test_r73_errors_of_scopes_are_counted_logged_and_kept_apart(
    both: Any, point: str, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []
    problem = ZeroDivisionError()
    broken = Scoping(log, "broken", **{point: problem})
    executor = both.executor(observers=[Scoping(log, "first"), broken, Scoping(log, "last")])
    error = OSError("the operation's own")

    with caplog.at_level(logging.WARNING, "recourse"):
        told = both([error, "done"], executor=executor)

    assert told.value == "done"
    assert executor.observer_errors == 2
    assert caplog.messages == ["observer Scoping raised ZeroDivisionError; 1 so far"]
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [problem]
    assert log.count("first leaves 0") == log.count("last leaves 0") == 1
    assert told.timeline.attempts[0].error is error


def test_r73_a_scope_is_left_with_the_error_and_where_it_was_raised(both: Any) -> None:
    class Leaving(Heard):
        left: Any = None

        def attempt_scope(self, event: AttemptStart) -> Any:
            return self

        def __enter__(self) -> None:
            pass

        def __exit__(self, *raised: object) -> None:
            self.left = raised

    error, leaving = OSError(), Leaving()

    both([error], retry=ONCE, observers=[leaving])

    kind, raised, traceback = leaving.left
    assert (kind, raised) == (OSError, error)
    assert traceback.tb_frame.f_code.co_name
    both(["done"], observers=[leaving])
    assert leaving.left == (None, None, None)


def test_r73_a_scope_cannot_swallow_the_operations_error(both: Any) -> None:
    class Swallowing(Heard):
        @contextmanager
        def attempt_scope(self, event: AttemptStart) -> Iterator[None]:
            try:
                yield
            except OSError:
                return

    error = OSError("stays")

    told = both([error], retry=ONCE, observers=[Swallowing()])

    assert told.error is error


@pytest.mark.parametrize("point", ["enter", "leave"])
def test_r64_a_keyboard_interrupt_in_a_scope_propagates_and_the_others_are_left(
    both: Any, point: str
) -> None:
    log: list[str] = []
    stop = KeyboardInterrupt()
    stopping = Scoping(log, "stopping", **{point: stop})

    told = both(["done"], observers=[Scoping(log, "first"), stopping, Scoping(log, "last")])

    assert told.error is stop
    assert told.timeline.disposition is Disposition.INTERRUPTED
    assert "first leaves 0" in log
    assert log.count("last leaves 0") == (point == "leave")


def test_an_observer_whose_attempt_scope_is_no_scope_is_kept_apart(both: Any) -> None:
    class Odd(Heard):
        def attempt_scope(self, event: AttemptStart) -> AbstractContextManager[None]:
            return None  # type: ignore[return-value]

    executor = both.executor(observers=[Odd()])

    told = both(["done"], executor=executor)

    assert told.value == "done"
    assert executor.observer_errors == 1


def test_r75_an_observer_may_make_calls_itself(both: Any) -> None:
    class Calling(Heard):
        depth = 0

        def on_event(self, event: Event) -> None:
            super().on_event(event)
            if not self.depth:
                self.depth += 1
                executor.call("svc.Nested", str)
                self.depth -= 1

    calling = Calling()
    executor = Executor(
        [Policy(KEY, retry=RetryPolicy(jitter=Jitter.NONE)), Policy("svc.Nested")],
        observers=[calling],
        clock=both.clock,
    )

    told = both([OSError, "done"], executor=executor)

    assert told.value == "done"
    assert [type(event).__name__ for event in calling.events if event.key == KEY] == STORY
    assert sum(isinstance(event, CallEnd) for event in calling.events) == len(STORY) + 1


def test_r75_other_calls_go_on_while_an_observer_takes_its_time() -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(Heard):
        def on_event(self, event: Event) -> None:
            if event.key == "svc.Slow":
                entered.set()
                leave.wait(10)

    circuit = CircuitPolicy(threshold=1)
    executor = Executor(
        [Policy("svc.Slow", circuit=circuit), Policy(KEY, circuit=circuit, retry=ONCE)],
        observers=[Slow()],
    )

    def failing() -> None:
        raise OSError

    slow = threading.Thread(target=executor.call, args=("svc.Slow", str))
    slow.start()
    entered.wait(10)
    with pytest.raises(OSError):  # noqa: PT011  # it has no text
        executor.call(KEY, failing)
    executor.circuits[KEY].reset()
    value = executor.call(KEY, str)
    still_there = slow.is_alive()
    leave.set()
    slow.join(10)

    assert value == ""
    assert still_there


def test_a_tap_hears_every_executor_inside_its_block_only(both: Any) -> None:
    heard = Heard()
    mine, other = both.executor(), both.executor()

    both(["before"], executor=mine)
    with TAPS.added(heard):
        both(["one"], executor=mine)
        both([OSError("two")], executor=other, key="another.Key")
    both(["after"], executor=mine)

    ends = [event for event in heard.events if isinstance(event, CallEnd)]
    assert [event.key for event in ends] == [KEY, "another.Key"]
    assert TAPS.observers == ()


class Named(BaseObserver):
    """Remembers which callbacks were called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_") and name != "on_event":
            self.called.append(name)
        return super().__getattribute__(name)


def test_a_base_observer_gets_the_callbacks_that_people_know(both: Any) -> None:
    named = Named()

    both([OSError, "done"], observers=[named])
    success = named.called.copy()
    named.called.clear()
    both([OSError], retry=ONCE, observers=[named])

    assert success == [
        *("on_start", "on_attempt_start", "on_attempt", "on_retry_scheduled"),
        *("on_attempt_start", "on_attempt", "on_success"),
    ]
    assert named.called == ["on_start", "on_attempt_start", "on_attempt", "on_failure"]


def test_an_attempt_that_was_cut_short_ends_with_the_error_of_its_call(both: Any) -> None:
    retry = RetryPolicy(overall_timeout_s=0.5)

    told = both([(0.6, OSError("late"))], retry=retry)

    assert isinstance(told.error, DeadlineExceeded)
    assert len(told.of(AttemptEnd)) == 1


def test_r73_a_listener_of_the_whole_process_has_its_scope_too(both: Any) -> None:
    class Around:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def on_event(self, event: Event) -> None:
            self.seen.append(type(event).__name__)

        @contextmanager
        def attempt_scope(self, event: AttemptStart) -> Iterator[None]:
            self.seen.append("in")
            yield
            self.seen.append("out")

    tap = Around()

    with TAPS.added(tap):
        both(["done"])

    assert tap.seen[2:6] == ["AttemptStart", "in", "out", "AttemptEnd"]
