"""What an attempt may raise and how calls take it."""

import asyncio
import concurrent.futures
import functools
from typing import Any

import pytest

from recourse import CircuitPolicy, Executor, Policy, RetryPolicy
from recourse.events import AttemptEnd, CallEnd

KEY = "svc.Op"


class Cancelled(BaseException):
    """As trio names its own."""


# ------------------------------------------------------------------------------ R18
INTERRUPTIONS = [
    (KeyboardInterrupt("stop"), "interrupted"),
    (SystemExit(3), "interrupted"),
    (GeneratorExit("gone"), "interrupted"),
    (Cancelled("trio"), "cancelled"),
    (BaseExceptionGroup("group", [KeyboardInterrupt(), ValueError()]), "interrupted"),
]


@pytest.mark.parametrize(("raised", "disposition"), INTERRUPTIONS)
def test_r18_what_is_no_exception_is_never_classified_nor_retried(
    both: Any, raised: BaseException, disposition: str
) -> None:
    class Refusing:
        def classify(self, value: Any, error: Any) -> Any:
            pytest.fail("asked")

    told = both([raised], classifiers={"c": Refusing()}, default_classifier="c")

    assert told.error is raised
    assert (told.runs, told.timeline.disposition) == (1, disposition)
    assert [record.outcome.kind for record in told.timeline.attempts] == ["cancelled"]
    assert told.names.count("CallEnd") == 1


@pytest.mark.parametrize(("raised", "disposition"), INTERRUPTIONS)
def test_r18_a_retry_that_is_interrupted_gives_its_reservation_and_its_lease_back(
    both: Any, raised: BaseException, disposition: str
) -> None:
    circuit = CircuitPolicy(threshold=2, cooldown_s=0.1, max_probes=1)
    executor = both.executor(circuit=circuit)
    both([ConnectionError], executor=executor)
    both.clock.advance(1.0)

    told = both([raised], executor=executor)
    probe = both(["ok"], executor=executor)

    assert (told.error, told.timeline.disposition) == (raised, disposition)
    assert probe.value == "ok"


# ------------------------------------------------------------------------------ R19
@pytest.mark.parametrize(
    "raised", [concurrent.futures.CancelledError("pool"), asyncio.CancelledError("inside")]
)
@pytest.mark.parametrize("classifier", ["auto", "always"])
def test_r19_a_cancellation_inside_is_no_cancellation_of_the_call(
    both: Any, raised: BaseException, classifier: str
) -> None:
    circuit = CircuitPolicy(threshold=1)

    told = both([raised], default_classifier=classifier, circuit=circuit)

    assert told.error is raised
    assert (told.runs, told.timeline.disposition) == (1, "aborted")
    assert told.outcomes == [(0, 0, "abort", "inner_cancelled")]
    assert "CircuitState" not in told.names


def test_r19_in_a_thread_without_a_loop_a_cancellation_is_one_inside(sync_side: Any) -> None:
    told = sync_side([asyncio.CancelledError], sync_timeout="thread")

    assert told.outcomes == [(0, 0, "abort", "inner_cancelled")]


def test_r19_a_sync_call_in_a_cancelled_task_is_cancelled_with_it(sync_side: Any) -> None:
    executor = sync_side.executor()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            executor.call(KEY, sync_side.operation([asyncio.CancelledError("with it")]))
        finally:
            task.uncancel()

    with pytest.raises(asyncio.CancelledError, match="with it"):
        sync_side.clock.run(main())

    ends = [event for event in sync_side.heard.events if isinstance(event, CallEnd)]
    assert [end.disposition for end in ends] == ["cancelled"]


# ------------------------------------------------------------------------------ R26
def plain() -> str:
    return "plain"


async def coroutine() -> str:
    return "awaited"


class Awaiting:
    async def __call__(self, text: str = "object") -> str:
        return text


class Plain:
    def __call__(self) -> str:
        return "object"


def test_r26_call_refuses_coroutine_functions_before_any_run(both: Any) -> None:
    executor = both.executor()

    for operation in (coroutine, functools.partial(coroutine), Awaiting()):
        with pytest.raises(TypeError, match=r"coroutine function; use acall\(\)"):
            executor.call(KEY, operation)

    assert both.heard.events == []


@pytest.mark.parametrize("operation", [lambda: coroutine(), functools.partial(lambda: coroutine())])  # noqa: PLW0108  # hides the coroutine function
@pytest.mark.parametrize("threaded", [True, False])
def test_r26_call_refuses_an_operation_that_returns_an_awaitable_and_never_retries(
    sync_side: Any, operation: Any, threaded: Any
) -> None:
    mode = "thread" if threaded else "cooperative"
    executor = sync_side.executor(sync_timeout=mode, default_classifier="always")

    with pytest.raises(TypeError, match=r"returned an awaitable; use acall\(\)"):
        executor.call(KEY, operation)

    ends = [event for event in sync_side.heard.events if isinstance(event, AttemptEnd)]
    assert [(end.outcome.kind, end.outcome.reason) for end in ends] == [("abort", "abort")]


def test_r26_call_refuses_a_future_without_closing_it(sync_side: Any) -> None:
    executor = sync_side.executor()

    async def main() -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        with pytest.raises(TypeError, match="use acall"):
            executor.call(KEY, lambda: future)
        return future

    assert not sync_side.clock.run(main()).cancelled()


@pytest.mark.parametrize("operation", [plain, Plain(), functools.partial(plain)])
def test_r26_acall_refuses_an_operation_that_returns_a_plain_value(
    async_side: Any, operation: Any
) -> None:
    executor = async_side.executor(default_classifier="always")

    with pytest.raises(TypeError, match=r"returned a plain value; use call\(\)"):
        async_side.clock.run(executor.acall(KEY, operation))

    ends = [event for event in async_side.heard.events if isinstance(event, AttemptEnd)]
    assert [(end.outcome.kind, end.outcome.reason) for end in ends] == [("abort", "abort")]


@pytest.mark.parametrize("listens", [True, False])
def test_r26_partials_and_callable_objects_work(both: Any, listens: Any) -> None:
    executor = both.executor() if listens else Executor([Policy(KEY)], clock=both.clock)

    def call(operation: Any) -> Any:
        if both.is_async:
            return both.clock.run(executor.acall(KEY, operation))
        return executor.call(KEY, operation)

    callables: list[Any] = (
        [
            coroutine,
            functools.partial(coroutine),
            Awaiting(),
            functools.partial(Awaiting(), "object"),
        ]
        if both.is_async
        else [plain, functools.partial(plain), Plain(), functools.partial(Plain())]
    )

    values = [call(operation) for operation in callables]

    first = "awaited" if both.is_async else "plain"
    assert values == [first, first, "object", "object"]


def test_what_is_not_callable_is_refused(both: Any) -> None:
    executor = both.executor()

    def calling() -> Any:
        if both.is_async:
            return both.clock.run(executor.acall(KEY, "no function"))
        return executor.call(KEY, "no function")

    with pytest.raises(TypeError, match=rf"{both.verb}\(\) needs a callable operation, not str"):
        calling()


def test_r26_a_call_that_nobody_hears_is_not_retried_either(both: Any) -> None:
    executor = Executor([Policy(KEY)], clock=both.clock, default_classifier="always")
    runs = 0

    def wrong() -> Any:
        nonlocal runs
        runs += 1
        return "plain" if both.is_async else coroutine()

    with pytest.raises(TypeError, match=r"use (a)?call"):
        both.clock.run(executor.acall(KEY, wrong)) if both.is_async else executor.call(KEY, wrong)

    assert (runs, both.clock.sleeps) == (1, [])


def test_a_coroutine_that_no_task_runs_is_carried_out_without_a_limit(async_side: Any) -> None:
    executor = async_side.executor(retry=RetryPolicy(timeout_per_attempt_s=1.0))

    async def main() -> str:
        loop = asyncio.get_running_loop()
        came: asyncio.Future[str] = loop.create_future()

        def drive() -> None:
            try:
                executor.acall(KEY, coroutine).send(None)
            except StopIteration as end:
                came.set_result(end.value)

        loop.call_soon(drive)
        return await came

    assert async_side.clock.run(main()) == "awaited"
