"""Streams: retried until their first item, committed then, and alive until they are closed."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final

import pytest

from recourse import (
    BudgetRef,
    ByResult,
    CircuitOpenError,
    CircuitPolicy,
    Executor,
    Outcome,
    Policy,
    RetryPolicy,
    current_attempt,
)
from recourse.budget import Ask, Decision
from recourse.events import AttemptEnd, AttemptStart, CallEnd
from recourse.policy.model import Jitter

KEY: Final = "svc.Scan"
CLOSE: Final = object()


class Streaming:
    """Reads a scripted stream on one side, whole or in part.

    A script is one list per attempt: items, seconds to wait (floats), exceptions to raise.
    """

    def __init__(self, side: Any) -> None:
        self.side = side
        self.closed: list[str] = []

    def source(self, *attempts: list[Any]) -> Any:
        """An operation of ``stream`` or ``astream``."""
        left = iter(attempts)

        def play() -> Iterator[Any]:
            self.side.runs += 1
            script = next(left)
            try:
                for step in script:
                    if isinstance(step, float):
                        self.side.clock.advance(step)
                    elif isinstance(step, BaseException):
                        raise step
                    else:
                        yield step
            finally:
                self.closed.append(_where())

        async def aplay() -> AsyncIterator[Any]:
            self.side.runs += 1
            script = next(left)
            try:
                for step in script:
                    if isinstance(step, float):
                        await asyncio.sleep(step)  # noqa: TID251  # on the virtual loop
                    elif isinstance(step, BaseException):
                        raise step
                    else:
                        yield step
            finally:
                self.closed.append(_where())

        return aplay if self.side.is_async else play

    def read(self, executor: Executor, operation: Any, most: int = 99) -> tuple[list[Any], Any]:
        """The items, no more than so many, and the error that ended them."""
        items: list[Any] = []
        try:
            if self.side.is_async:
                self.side.clock.run(self._aread(executor, operation, most, items))
            else:
                stream: Any = executor.stream(KEY, operation)
                for item in stream:
                    items.append(item)
                    if len(items) == most:
                        stream.close()
                        break
        except BaseException as error:  # noqa: BLE001  # the test looks at it
            return items, error
        return items, None

    async def _aread(self, executor: Executor, operation: Any, most: int, items: list[Any]) -> None:
        stream: Any = executor.astream(KEY, operation)
        async for item in stream:
            items.append(item)
            if len(items) == most:
                await stream.aclose()
                break

    def heard(self, kind: Any) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.side.heard.events if isinstance(event, kind)]


def _where() -> str:
    attempt = current_attempt()
    return "outside" if attempt is None else f"attempt {attempt.attempt}"


@pytest.fixture
def streaming(both: Any) -> Streaming:
    return Streaming(both)


def test_r25_call_and_acall_refuse_generator_functions_before_any_run(both: Any) -> None:
    executor = both.executor()

    def generator() -> Iterator[int]:
        yield 1

    async def agenerator() -> AsyncIterator[int]:
        yield 1

    def call(operation: Any) -> Any:
        if both.is_async:
            return both.clock.run(executor.acall(KEY, operation))
        return executor.call(KEY, operation)

    for operation, verb in ((generator, "stream"), (agenerator, "astream")):
        with pytest.raises(TypeError, match=rf"{both.verb}\(\) got .* use {verb}\(\)"):
            call(operation)

    assert both.heard.events == []


def test_r25_a_stream_that_fails_before_its_first_item_is_retried(streaming: Streaming) -> None:
    executor = streaming.side.executor(KEY)
    source = streaming.source([ConnectionError()], [0.5, ConnectionError()], [1, 2, 3])

    items, error = streaming.read(executor, source)

    assert (items, error) == ([1, 2, 3], None)
    assert streaming.side.clock.sleeps == [0.05, 0.10]
    assert streaming.closed == ["attempt 0", "attempt 1", "attempt 2"]
    assert [end.outcome.kind for end in streaming.heard(AttemptEnd)] == [
        "retryable",
        "retryable",
        "success",
    ]


def test_r25_after_the_first_item_a_failure_passes_on_as_committed(streaming: Streaming) -> None:
    lost = ConnectionResetError("lost")
    executor = streaming.side.executor(KEY)

    items, error = streaming.read(executor, streaming.source([1, 2, lost]))

    assert items == [1, 2]
    assert error is lost
    assert streaming.side.runs == 1
    assert [end.outcome.reason for end in streaming.heard(AttemptEnd)] == ["committed"]
    assert [end.disposition for end in streaming.heard(CallEnd)] == ["terminal"]


def test_r57_a_stream_that_breaks_after_its_first_item_is_as_healthy_as_its_error_says(
    streaming: Streaming,
) -> None:
    circuit = CircuitPolicy(threshold=2)
    executor = streaming.side.executor(KEY, circuit=circuit)
    for _ in range(2):
        streaming.read(executor, streaming.source([1, ConnectionResetError("lost")]))

    items, error = streaming.read(executor, streaming.source([1]))

    assert (items, type(error)) == ([], CircuitOpenError)
    ends = [(end.outcome.reason, end.outcome.health) for end in streaming.heard(AttemptEnd)]
    assert ends == [("committed", "unhealthy")] * 2


def test_r13_a_classifier_that_fails_on_a_committed_error_leaves_it_as_it_is(
    streaming: Streaming,
) -> None:
    asked: list[Exception | None] = []

    class Broken:
        def classify(self, value: object, error: Exception | None) -> Outcome:
            asked.append(error)
            raise LookupError

    lost = ConnectionResetError("lost")
    retry = RetryPolicy(classifier="broken")
    executor = streaming.side.executor(KEY, retry=retry, classifiers={"broken": Broken()})

    items, error = streaming.read(executor, streaming.source([1, lost]))

    assert items == [1]
    assert error is lost
    assert asked == [lost]
    assert [end.outcome.reason for end in streaming.heard(AttemptEnd)] == ["classifier_error"]


@pytest.mark.parametrize("given", [[], [1, 2]])
def test_r25_a_stream_that_ends_well_is_not_judged_as_a_value_and_never_given_again(
    streaming: Streaming, given: list[Any]
) -> None:
    classifiers = {"some": ByResult(lambda value: not value)}
    retry = RetryPolicy(classifier="some")
    executor = streaming.side.executor(KEY, retry=retry, classifiers=classifiers)

    items, error = streaming.read(executor, streaming.source(given, given, given))

    assert (items, error) == (given, None)
    assert streaming.side.runs == 1
    assert [end.disposition for end in streaming.heard(CallEnd)] == ["success"]


def test_r25_a_stream_without_items_is_a_success(streaming: Streaming) -> None:
    items, error = streaming.read(streaming.side.executor(KEY), streaming.source([]))

    assert (items, error) == ([], None)
    assert [end.disposition for end in streaming.heard(CallEnd)] == ["success"]


def test_r25_nothing_runs_before_the_first_item_is_asked_for(both: Any) -> None:
    executor = both.executor(KEY)
    source = Streaming(both).source([1])

    stream: Any = executor.astream(KEY, source) if both.is_async else executor.stream(KEY, source)
    del stream

    assert (both.runs, both.heard.events) == (0, [])


def test_r25_the_last_error_passes_on_when_no_attempt_gave_an_item(streaming: Streaming) -> None:
    last = ConnectionError("last")
    source = streaming.source([ConnectionError()], [ConnectionError()], [last])

    items, error = streaming.read(streaming.side.executor(KEY), source)

    assert items == []
    assert error is last
    assert [end.disposition for end in streaming.heard(CallEnd)] == ["exhausted"]


def test_r25_an_interrupted_stream_is_not_retried(streaming: Streaming) -> None:
    stop = KeyboardInterrupt("stop")

    items, error = streaming.read(streaming.side.executor(KEY), streaming.source([1, stop]))

    assert items == [1]
    assert error is stop
    assert [end.disposition for end in streaming.heard(CallEnd)] == ["interrupted"]


def test_r25_a_reader_who_has_enough_closes_the_source_and_the_call_succeeds(
    streaming: Streaming,
) -> None:
    items, error = streaming.read(streaming.side.executor(KEY), streaming.source([1, 2, 3]), most=2)

    assert (items, error) == ([1, 2], None)
    assert streaming.closed == ["attempt 0"]
    assert [end.disposition for end in streaming.heard(CallEnd)] == ["success"]
    assert [end.outcome.kind for end in streaming.heard(AttemptEnd)] == ["success"]


class Scoped:
    """An observer around attempts, which notes when it is left."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    def on_event(self, event: Any) -> None:
        if isinstance(event, CallEnd):
            self.notes.append("call_end")

    @contextmanager
    def attempt_scope(self, event: AttemptStart) -> Iterator[None]:
        self.notes.append("scope entered")
        try:
            yield
        finally:
            self.notes.append("scope left")


def test_r25_scope_and_budget_are_held_until_the_stream_is_closed(streaming: Streaming) -> None:
    notes: list[str] = []

    class Lending:
        def ask(self, request: Ask) -> Decision:
            notes.append("lent")
            return Decision(allowed=True, release=lambda: notes.append("given back"))

    executor = streaming.side.executor(
        KEY,
        [Scoped(notes)],
        retry=RetryPolicy(jitter=Jitter.NONE, budget=BudgetRef("lending")),
        budgets={"lending": Lending()},
    )
    source = streaming.source([ConnectionError()], [1, 2])
    side = streaming.side

    def reading() -> None:
        for item in executor.stream(KEY, source):
            notes.extend([f"item {item}"])

    async def areading() -> None:
        async for item in executor.astream(KEY, source):
            notes.extend([f"item {item}"])

    side.clock.run(areading()) if side.is_async else reading()

    assert notes == [
        "scope entered",
        "scope left",
        "lent",
        "scope entered",
        "item 1",
        "item 2",
        "scope left",
        "given back",
        "call_end",
    ]


def test_r25_the_attempt_is_current_while_the_source_runs_and_not_while_the_reader_does(
    streaming: Streaming,
) -> None:
    side, seen = streaming.side, list[str]()
    executor = side.executor(KEY)

    def source() -> Iterator[str]:
        yield _where()
        yield _where()

    async def asource() -> AsyncIterator[str]:
        yield _where()
        yield _where()

    def reading() -> None:
        for item in executor.stream(KEY, source):
            seen.extend([item, _where()])

    async def areading() -> None:
        async for item in executor.astream(KEY, asource):
            seen.extend([item, _where()])

    side.clock.run(areading()) if side.is_async else reading()

    assert seen == ["attempt 0", "outside"] * 2


AROUND: Final[ContextVar[str]] = ContextVar("around", default="nothing")


class Setting:
    """An observer whose scope sets a context variable, and which fails when it cannot be reset."""

    def on_event(self, event: Any) -> None:
        """Take an event."""

    @contextmanager
    def attempt_scope(self, event: AttemptStart) -> Iterator[None]:
        token = AROUND.set(event.key)
        yield
        AROUND.reset(token)


def _around() -> Iterator[str]:
    yield AROUND.get()
    yield AROUND.get()


async def _aaround() -> AsyncIterator[str]:
    for _ in range(2):
        await asyncio.sleep(0)  # noqa: TID251  # a turn of the loop
        yield AROUND.get()


def test_r73_what_a_scope_sets_is_there_for_the_source_and_never_for_the_reader(
    streaming: Streaming,
) -> None:
    side, seen = streaming.side, list[str]()
    executor = side.executor(KEY, [Setting()])

    async def areading() -> None:
        async for item in executor.astream(KEY, _aaround):
            seen.extend([item, AROUND.get()])

    if side.is_async:
        side.clock.run(areading())
    else:
        for item in executor.stream(KEY, _around):
            seen.extend([item, AROUND.get()])

    assert seen == [KEY, "nothing"] * 2
    assert executor.observer_errors == 0


def test_r73_scopes_of_streams_that_are_read_by_turns_do_not_mix() -> None:
    executor = Executor(policies=[Policy(KEY), Policy("svc.Other")], observers=[Setting()])
    one, other = executor.stream(KEY, _around), executor.stream("svc.Other", _around)

    seen = [next(one), next(other), next(one), next(other)]

    assert seen == [KEY, "svc.Other"] * 2
    assert [*one, *other] == []
    assert (AROUND.get(), executor.observer_errors) == ("nothing", 0)


def test_r73_a_stream_may_be_closed_in_another_context_than_it_was_read_in() -> None:
    executor = Executor(policies=[Policy(KEY)], observers=[Setting()])

    async def reading() -> str:
        stream: Any = executor.astream(KEY, _aaround)
        item: str = await anext(stream)
        await asyncio.create_task(stream.aclose())
        return item

    assert asyncio.run(reading()) == KEY
    assert executor.observer_errors == 0


def test_r73_a_cancellation_reaches_a_source_that_waits_in_its_own_context() -> None:
    executor, seen = Executor(policies=[Policy(KEY)], observers=[Setting()]), list[str]()

    async def waiting() -> AsyncIterator[int]:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append(AROUND.get())
        yield 1

    async def reading() -> None:
        task = asyncio.ensure_future(anext(executor.astream(KEY, waiting)))
        await asyncio.sleep(0)  # noqa: TID251  # a turn of the loop
        await asyncio.sleep(0)  # noqa: TID251  # another
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(reading())

    assert seen == [KEY]


ONE_S: Final = RetryPolicy(jitter=Jitter.NONE, timeout_per_attempt_s=1.0)


def test_r25_the_attempts_limit_covers_the_time_to_the_first_item_only(
    streaming: Streaming,
) -> None:
    executor = streaming.side.executor(KEY, retry=ONE_S)

    items, error = streaming.read(executor, streaming.source([0.5, 1, 60.0, 2]))

    assert (items, error) == ([1, 2], None)
    assert [(end.late, end.overrun_s) for end in streaming.heard(AttemptEnd)] == [(False, 0.0)]


def test_r25_a_first_item_that_does_not_come_in_time_is_waited_for_once_more(
    async_side: Any,
) -> None:
    streaming = Streaming(async_side)
    executor = async_side.executor(KEY, retry=ONE_S)

    items, error = streaming.read(executor, streaming.source([60.0, 1], [0.5, 2]))

    assert (items, error) == ([2], None)
    assert async_side.clock.monotonic_s() == 1.55
    assert streaming.closed == ["attempt 0", "attempt 1"]
    assert [end.outcome.reason for end in streaming.heard(AttemptEnd)] == [
        "attempt_timeout",
        "success",
    ]


def test_r25_a_late_first_item_of_a_thread_is_a_late_success(sync_side: Any) -> None:
    streaming = Streaming(sync_side)
    executor = sync_side.executor(KEY, retry=ONE_S, sync_timeout="thread")

    items, _ = streaming.read(executor, streaming.source([3.0, 1, 60.0, 2]))

    assert items == [1, 2]
    assert [(end.late, end.overrun_s) for end in streaming.heard(AttemptEnd)] == [(True, 2.0)]


class Unclosable:
    """Gives its items, and raises when it is closed; on both sides."""

    def __init__(self, *items: Any) -> None:
        self.items = list(items)

    def __iter__(self) -> "Unclosable":
        return self

    def __next__(self) -> Any:
        item = self.items.pop(0) if self.items else StopIteration()
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        message = "cannot be closed"
        raise OSError(message)

    def __aiter__(self) -> "Unclosable":
        return self

    async def __anext__(self) -> Any:
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self.close()


@pytest.mark.parametrize("most", [1, 99])
def test_a_source_that_cannot_be_closed_fails_the_stream(streaming: Streaming, most: int) -> None:
    items, error = streaming.read(streaming.side.executor(KEY), lambda: Unclosable(1), most=most)

    assert (items, repr(error)) == ([1], "OSError('cannot be closed')")
    assert [end.outcome.reason for end in streaming.heard(AttemptEnd)] == ["committed"]
    assert len(streaming.heard(CallEnd)) == 1


@pytest.mark.parametrize("items", [[], [1]])
def test_the_error_that_came_first_outweighs_that_of_closing(
    streaming: Streaming, items: list[Any]
) -> None:
    lost = ConnectionError("lost")
    retry = RetryPolicy(max_attempts=1)

    came, error = streaming.read(
        streaming.side.executor(KEY, retry=retry), lambda: Unclosable(*items, lost)
    )

    assert came == items
    assert error is lost


def test_an_error_that_the_reader_throws_in_ends_the_call(streaming: Streaming) -> None:
    side, thrown = streaming.side, ValueError("thrown")
    executor = side.executor(KEY)
    source = streaming.source([1, 2])

    def reading() -> None:
        stream: Any = executor.stream(KEY, source)
        next(stream)
        stream.throw(thrown)

    async def areading() -> None:
        stream: Any = executor.astream(KEY, source)
        await anext(stream)
        await stream.athrow(thrown)

    with pytest.raises(ValueError, match="thrown") as caught:
        side.clock.run(areading()) if side.is_async else reading()

    assert caught.value is thrown
    assert streaming.closed == ["attempt 0"]
    assert [end.outcome.reason for end in streaming.heard(AttemptEnd)] == ["committed"]
    assert len(streaming.heard(CallEnd)) == 1


async def awaitable() -> int:
    return 1


@pytest.mark.parametrize("given", [lambda: 5, lambda: awaitable()], ids=["plain", "awaitable"])  # noqa: PLW0108  # hides the coroutine function
def test_an_operation_that_gives_nothing_to_iterate_over_is_refused_and_not_retried(
    streaming: Streaming, given: Any
) -> None:
    items, error = streaming.read(streaming.side.executor(KEY), given)

    assert items == []
    assert isinstance(error, TypeError)
    assert [end.disposition for end in streaming.heard(CallEnd)] == ["aborted"]


def test_coroutine_functions_are_no_streams(both: Any) -> None:
    executor = both.executor(KEY)

    with pytest.raises(TypeError, match="coroutine function"):
        getattr(executor, both.verb.replace("call", "stream"))(KEY, awaitable)


def test_r23_a_cancelled_reader_of_a_stream_that_waits_is_cancelled(async_side: Any) -> None:
    streaming = Streaming(async_side)
    executor = async_side.executor(KEY)
    source = streaming.source([ConnectionError()], [1])

    async def reading() -> None:
        async for _ in executor.astream(KEY, source):
            pytest.fail("an item came")

    async def main() -> None:
        task = asyncio.ensure_future(reading())
        asyncio.get_running_loop().call_later(0.01, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    async_side.clock.run(main())

    assert [end.disposition for end in streaming.heard(CallEnd)] == ["cancelled"]
    assert async_side.runs == 1


class Traced(ConnectionError):
    """An error that weak references can watch."""


def test_a_failed_stream_leaves_no_cycle_behind(both: Any) -> None:
    gone: list[weakref.ref[Traced]] = []
    executor = both.executor(KEY)

    def fail() -> None:
        error = Traced()
        gone.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    def source() -> Iterator[int]:
        yield 1
        fail()

    async def asource() -> AsyncIterator[int]:
        yield 1
        fail()

    def reading() -> None:
        with suppress(Traced):
            list(executor.stream(KEY, source))

    async def areading() -> None:
        with suppress(Traced):
            async for _ in executor.astream(KEY, asource):
                continue

    gc.collect()
    gc.disable()
    try:
        both.clock.run(areading()) if both.is_async else reading()
        both.heard.events.clear()
        alive = [ref() for ref in gone if ref() is not None]
    finally:
        gc.enable()

    assert (len(gone), alive) == (1, [])
