"""Calls that nobody hears are retried without the plan, which takes over wherever it must decide."""

import asyncio
import gc
import random
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from recourse import (
    BudgetRef,
    CircuitPolicy,
    Event,
    Executor,
    ExecutorClosed,
    Health,
    Outcome,
    OutcomeKind,
    Policy,
    RetryPolicy,
    current_attempt,
    record_timeline,
    timeline_of,
)
from recourse.budget.protocol import Ask, Decision
from recourse.context import TAPS
from recourse.events import CircuitState
from recourse.reasons import BudgetKind
from recourse.testing import VirtualClock, http

KEY: Final = "svc.Op"
NO_JITTER: Final = RetryPolicy(jitter="none")


class Interrupted(VirtualClock):
    """A virtual clock whose first wait is a chance for something else to happen."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    def _let(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()

    def sleep(self, seconds: float, mailbox: Any) -> Any:
        self._let()
        return super().sleep(seconds, mailbox)

    async def asleep(self, seconds: float, wake: asyncio.Future[None]) -> None:
        self._let()
        await super().asleep(seconds, wake)


class Mortal(OSError):
    """An error that takes a weak reference."""


class Zero(random.Random):
    """Chance that always says nought."""

    def random(self) -> float:
        return 0.0


class Alone:
    """One executor that nobody observes, sync or async, and what its operation is to do."""

    def __init__(self, verb: str) -> None:
        self.is_async = verb == "acall"
        self.clock = Interrupted()
        self.runs = 0

    def executor(self, **options: Any) -> Executor:
        blocks = {name: options.pop(name) for name in ("retry", "circuit") if name in options}
        policy = Policy(KEY, **{"retry": NO_JITTER, **blocks})
        executor = Executor([policy], clock=self.clock, **options)
        self(executor, ["known now"])
        self.runs = 0
        return executor

    def __call__(self, executor: Executor, steps: list[Any]) -> Any:
        left = list(steps)

        def operation() -> Any:
            self.runs += 1
            step = left.pop(0) if len(left) > 1 else left[0]
            if callable(step):
                step = step()
            if isinstance(step, BaseException):
                try:
                    raise step
                finally:
                    del step  # or the error's traceback would refer to the error
            return step

        async def aoperation() -> Any:
            return operation()

        if self.is_async:
            return self.clock.run(executor.acall(KEY, aoperation))
        return executor.call(KEY, operation)


@pytest.fixture(params=["call", "acall"])
def alone(request: pytest.FixtureRequest) -> Alone:
    return Alone(request.param)


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


def test_a_call_that_nobody_hears_waits_and_is_retried(alone: Alone) -> None:
    executor = alone.executor()

    assert alone(executor, [OSError("a"), OSError("b"), 7]) == 7
    assert (alone.runs, alone.clock.sleeps) == (3, [0.05, 0.1])


@pytest.mark.parametrize("overall_s", [None, 60.0], ids=["free", "limited"])
def test_r28_a_wait_that_took_longer_is_recorded_as_it_was(
    alone: Alone, overall_s: float | None
) -> None:
    executor = alone.executor(retry=RetryPolicy(jitter="none", overall_timeout_s=overall_s))
    alone.clock.meanwhile = lambda: alone.clock.advance(1.0)

    with pytest.raises(OSError, match="c") as caught:
        alone(executor, [OSError("a"), OSError("b"), OSError("c")])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert [one.waited_before_s for one in timeline.attempts] == pytest.approx([0.0, 1.05, 0.1])


def test_a_delay_of_nothing_is_not_waited(alone: Alone) -> None:
    executor = alone.executor(retry=RetryPolicy(jitter="full"), random=Zero())

    assert alone(executor, [OSError("a"), 7]) == 7
    with pytest.raises(OSError, match="b") as caught:
        alone(executor, [OSError("b")])

    assert alone.clock.sleeps == []
    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert [attempt.waited_before_s for attempt in timeline.attempts] == [0.0] * 3


def test_its_last_error_knows_all_attempts(alone: Alone) -> None:
    executor = alone.executor()
    errors = [OSError("a"), ValueError("b"), KeyError("c")]

    with pytest.raises(KeyError) as caught:
        alone(executor, list(errors))

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert timeline.shape() == (
        "svc.Op exhausted\n"
        "  attempt=0 retryable reason=retryable_error budget=first_attempt error=OSError\n"
        "  attempt=1 retryable reason=retryable_error budget=no_budget error=ValueError\n"
        "  attempt=2 retryable reason=retryable_error budget=no_budget error=KeyError"
    )
    assert timeline.attempts_run == 3
    waits = [(one.waited_before_s, one.backoff_s) for one in timeline.attempts]
    assert waits == [(0.0, 0.05), (pytest.approx(0.05), 0.1), (pytest.approx(0.1), 0.0)]


def test_its_attempts_share_one_call_id_whenever_they_ask(alone: Alone) -> None:
    executor = alone.executor()
    infos: list[Any] = []
    ids: list[str] = []

    def failing() -> BaseException:
        info = current_attempt()
        assert info is not None
        infos.append(info)
        if len(infos) == 2:
            ids.append(info.call_id)
        return OSError("gone")

    with pytest.raises(OSError, match="gone") as caught:
        alone(executor, [failing])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert {*ids, *(info.call_id for info in infos)} == {timeline.call_id}
    assert [info.attempt for info in infos] == [0, 1, 2]


def test_an_id_that_is_asked_for_afterwards_is_the_calls_too(alone: Alone) -> None:
    executor = alone.executor()
    infos: list[Any] = []

    def failing() -> BaseException:
        infos.append(current_attempt())
        return OSError("gone")

    with pytest.raises(OSError, match="gone") as caught:
        alone(executor, [failing])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert {info.call_id for info in infos} == {timeline.call_id}


def test_r77_a_close_during_its_wait_ends_it(alone: Alone) -> None:
    executor = alone.executor()
    alone.clock.meanwhile = lambda: executor.close(0.0)

    with pytest.raises(ExecutorClosed) as caught:
        alone(executor, [OSError("a"), 7])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert (timeline.attempts_run, timeline.disposition, alone.runs) == (1, "cancelled", 1)


def test_r56_a_breaker_that_opens_during_its_wait_ends_it(alone: Alone) -> None:
    executor = alone.executor(circuit=CircuitPolicy())
    alone.clock.meanwhile = executor.circuits[KEY].isolate

    with pytest.raises(OSError, match="a") as caught:
        alone(executor, [OSError("a"), 7])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert (timeline.attempts_run, timeline.disposition, alone.runs) == (1, "circuit_open", 1)
    assert timeline.attempts[0].backoff_s == 0.05


def test_r56_a_breaker_that_it_opens_itself_ends_it_without_a_wait(alone: Alone) -> None:
    executor = alone.executor(circuit=CircuitPolicy(threshold=1))

    with pytest.raises(OSError, match="a") as caught:
        alone(executor, [OSError("a"), 7])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert (timeline.disposition, alone.clock.sleeps) == ("circuit_open", [])


def test_a_wait_that_an_error_asks_for_leaves_it_where_it_stands(alone: Alone) -> None:
    executor = alone.executor()
    busy: Any = OSError("busy")
    busy.retry_after_s = 7.0

    with pytest.raises(ValueError, match="last") as caught:
        alone(executor, [OSError("a"), busy, ValueError("last"), "never"])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert [one.attempt for one in timeline.attempts] == [0, 1, 2]
    first_s, asked_s = alone.clock.sleeps
    assert first_s == 0.05
    assert 7.0 <= asked_s <= 7.7


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_probe_that_it_makes_after_its_wait_is_its_next_attempt(
    alone: Alone, before: int
) -> None:
    retry = RetryPolicy(
        max_attempts=before + 2, initial_backoff_s=20.0, max_backoff_s=20.0, jitter="none"
    )
    executor = alone.executor(retry=retry, circuit=CircuitPolicy(threshold=4, cooldown_s=10.0))

    def open_it() -> None:
        breaker, now_s = executor.circuits[KEY], alone.clock.monotonic_s()
        while (free_pass := breaker.free_pass) is not None:
            breaker.settle(free_pass, Health.UNHEALTHY, 0.0, now_s)

    def failing() -> BaseException:
        alone.clock.meanwhile = open_it
        return OSError("a")

    earlier = [OSError("earlier")] * before
    with pytest.raises(OSError, match="b") as caught:
        alone(executor, [*earlier, failing, OSError("b"), "never"])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    waits = [(one.attempt, one.waited_before_s) for one in timeline.attempts]
    assert waits == [(0, 0.0), *((attempt, 20.0) for attempt in range(1, before + 2))]


def test_r60_the_transition_that_it_causes_is_told_as_its_own(alone: Alone) -> None:
    executor, heard = alone.executor(circuit=CircuitPolicy(threshold=1)), Heard()

    def failing() -> BaseException:
        listening.enter_context(TAPS.added(heard))
        return OSError("gone")

    with ExitStack() as listening, pytest.raises(OSError, match="gone") as caught:
        alone(executor, [failing])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert [event.call_id for event in heard.events if isinstance(event, CircuitState)] == [
        timeline.call_id
    ]
    assert [type(event).__name__ for event in heard.events] == [
        "CallStart",
        "PolicyResolved",
        "CircuitState",
        "AttemptEnd",
        "CallEnd",
    ]
    assert [event.seq for event in heard.events] == sorted(event.seq for event in heard.events)


def test_r60_another_executor_does_not_tell_the_transition_again(alone: Alone) -> None:
    executor, heard = alone.executor(circuit=CircuitPolicy(threshold=1)), Heard()
    Executor([], circuits=executor.circuits, observers=[heard], clock=alone.clock)

    with pytest.raises(OSError, match="gone"):
        alone(executor, [OSError("gone")])

    assert heard.events == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_r18_what_stops_the_process_stops_its_retry_too(
    alone: Alone, stop: type[BaseException]
) -> None:
    if alone.is_async:
        pytest.skip("an event loop passes it on by itself")
    executor = alone.executor(circuit=CircuitPolicy())

    with pytest.raises(stop):
        alone(executor, [OSError("gone"), stop()])

    assert (alone.runs, "'failures': 1" in repr(executor.circuits[KEY])) == (2, True)


def test_a_retry_that_succeeds_settles_the_breaker(alone: Alone) -> None:
    executor = alone.executor(circuit=CircuitPolicy())

    alone(executor, [OSError("gone"), 7])

    assert executor.circuits[KEY].calm is not None


def test_its_errors_are_not_kept_alive(alone: Alone) -> None:
    executor, errors = alone.executor(), list[Any]()

    def failing() -> BaseException:
        error = Mortal("gone")
        errors.append(weakref.ref(error))
        return error

    gc.disable()
    try:
        alone(executor, [failing, 7])
        assert [error() for error in errors] == [None]
    finally:
        gc.enable()


def test_r34_a_nested_call_is_its_child_and_as_quick(alone: Alone) -> None:
    executor, ids = alone.executor(), list[Any]()

    def failing() -> None:
        message = "gone"
        raise OSError(message)

    def nested() -> BaseException:
        info = current_attempt()
        assert info is not None
        try:
            executor.call(KEY, failing)
        except OSError as error:
            timeline = timeline_of(error)
            assert timeline is not None
            ids.append((timeline.parent_call_id, info.call_id))
        return OSError("gone")

    with pytest.raises(OSError, match="gone"):
        alone(executor, [nested])

    assert [parent for parent, _ in ids] == [own for _, own in ids]
    assert len(ids) == 3


def test_r33_a_first_attempt_sees_its_limit_though_nobody_hears_it(alone: Alone) -> None:
    limits = RetryPolicy(timeout_per_attempt_s=2.0, overall_timeout_s=3.0, jitter="none")
    executor, left = alone.executor(retry=limits), list[Any]()

    def looking() -> Any:
        info = current_attempt()
        assert info is not None
        left.append(info.remaining_s())
        with record_timeline(nested=True):
            executor.call(KEY, lambda: left.append(current_attempt().remaining_s()))  # type: ignore[union-attr]
        alone.clock.advance(1.5)
        return OSError("gone")

    with pytest.raises(TimeoutError, match="did not finish within 3 s") as caught:
        alone(executor, [looking])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert left[:2] == [2.0, 2.0]
    assert [one.timeout_s for one in timeline.attempts] == [2.0, pytest.approx(1.45)]
    assert timeline.disposition == "deadline_exceeded"


def test_r20_a_limit_that_nobody_hears_cuts_an_attempt_off_and_the_next_one_runs() -> None:
    clock, runs = VirtualClock(), list[float]()
    limited = RetryPolicy(timeout_per_attempt_s=2.0, jitter="none")
    executor = Executor([Policy(KEY, retry=limited)], clock=clock)

    async def slow_once() -> int:
        runs.append(clock.monotonic_s())
        if len(runs) == 2:
            await asyncio.sleep(60.0)  # noqa: TID251  # on the virtual loop
        return len(runs)

    async def twice() -> list[int]:
        return [await executor.acall(KEY, slow_once) for _ in range(2)]

    assert clock.run(twice()) == [1, 3]
    assert runs[2] - runs[1] == pytest.approx(2.05)


def test_r26_a_plain_value_under_a_limit_is_refused() -> None:
    clock = VirtualClock()
    executor = Executor([Policy(KEY, retry=RetryPolicy(timeout_per_attempt_s=2.0))], clock=clock)

    async def warm() -> int:
        return 1

    clock.run(executor.acall(KEY, warm))
    with pytest.raises(TypeError, match="use call"):
        clock.run(executor.acall(KEY, lambda: 7))  # type: ignore[arg-type, return-value]


def test_r74_delays_that_follow_one_another_are_those_of_a_call_that_is_heard() -> None:
    slept = []

    for observers in ((), (Heard(),)):
        clock = VirtualClock()
        retry = RetryPolicy(max_attempts=6, jitter="decorrelated")
        executor = Executor(
            [Policy(KEY, retry=retry)],
            clock=clock,
            random=random.Random(3),  # noqa: S311  # no secret
            observers=observers,
        )
        executor.call(KEY, lambda: 1)
        with pytest.raises(ZeroDivisionError):
            executor.call(KEY, lambda: 1 // 0)
        slept.append(clock.sleeps)

    assert slept[0] == slept[1]
    assert len(set(slept[0])) == 5


def test_r74_delays_after_one_that_was_asked_for_are_those_of_a_call_under_the_plan() -> None:
    slept = []

    for overall_s in (None, 60.0):
        clock, busy = VirtualClock(), http(503, retry_after_s=1.0)
        retry = RetryPolicy(max_attempts=6, jitter="decorrelated", overall_timeout_s=overall_s)
        executor = Executor(
            [Policy(KEY, retry=retry)],
            clock=clock,
            random=random.Random(3),  # noqa: S311  # no secret
        )
        executor.call(KEY, lambda: 1)
        errors = iter([OSError(), OSError(), busy, OSError(), OSError(), OSError("last")])
        with pytest.raises(OSError, match="last"):
            executor.call(KEY, raising, errors)
        slept.append(clock.sleeps)

    assert slept[0] == slept[1]
    assert len(slept[0]) == 5


def raising(errors: Iterator[Exception]) -> None:
    raise next(errors)


def test_r36_a_budget_is_asked_beforehand_about_the_moment_of_the_retry() -> None:
    clock, asked = VirtualClock(), list[Ask]()

    class Asked:
        def ask(self, request: Ask) -> Decision:
            return Decision(allowed=True)

        def peek(self, request: Ask) -> bool:
            asked.append(request)
            return True

    retry = RetryPolicy(jitter="none", budget=BudgetRef("b", cost=2))
    executor = Executor([Policy(KEY, retry=retry)], budgets={"b": Asked()}, clock=clock)
    steps = iter([1, 0])

    assert executor.call(KEY, lambda: 1 if not next(steps) else 1 // 0) == 1
    assert asked == [Ask(KEY, 1, BudgetKind.RETRY, 2, 0.05)]


class Aborting:
    """Calls every error the end."""

    errors_only = True

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        return Outcome(OutcomeKind.SUCCESS if error is None else OutcomeKind.ABORT)


def test_an_outcome_that_ends_the_call_is_the_plans_to_tell(alone: Alone) -> None:
    retry = RetryPolicy(classifier="aborting")
    executor = alone.executor(retry=retry, classifiers={"aborting": Aborting()})

    with pytest.raises(OSError, match="a") as caught:
        alone(executor, [OSError("a")])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert (timeline.disposition, alone.runs) == ("aborted", 1)


def test_an_error_that_is_not_worth_a_retry_ends_its_call(alone: Alone) -> None:
    executor = alone.executor(circuit=CircuitPolicy(threshold=1))

    error = http(404)
    with pytest.raises(type(error)) as caught:
        alone(executor, [error])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert (timeline.disposition, alone.runs) == ("terminal", 1)
    assert executor.circuits[KEY].state == "closed"


def test_its_timeline_begins_when_the_call_did(alone: Alone) -> None:
    executor = alone.executor()
    began_ns = alone.clock.time_unix_ns()

    def failing() -> BaseException:
        alone.clock.advance(0.25)
        return OSError("late")

    with pytest.raises(OSError, match="late") as caught:
        alone(executor, [failing])

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert timeline.started_unix_ns == pytest.approx(began_ns, abs=10)
    assert timeline.attempts[0].duration_s == pytest.approx(0.25)
    assert timeline.ended_unix_ns == pytest.approx(alone.clock.time_unix_ns(), abs=10)
