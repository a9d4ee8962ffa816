"""Against a real server: what an aio channel does under policies."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

import recourse
from recourse import (
    CircuitPolicy,
    Executor,
    HedgePolicy,
    Policy,
    RetryPolicy,
    TokenBucket,
    record_timeline,
)
from recourse.errors import CircuitOpenError
from recourse.integrations.grpc import aio_interceptors, without_own_retries
from recourse.testing import script

pytestmark = pytest.mark.anyio

CHARGE = "/payments.Payments/Charge"
KEY = "payments.Payments.Charge"
QUICK = RetryPolicy(max_attempts=3, initial_backoff_s=0.001, jitter="none")


def channel_of(server: Any, executor: Executor | None) -> Any:
    return grpc.aio.insecure_channel(
        server.address, options=without_own_retries(), interceptors=aio_interceptors(executor)
    )


def executor_of(retry: RetryPolicy = QUICK, policy: Any = None, **options: Any) -> Executor:
    return Executor(policies=[Policy(KEY, retry=retry, **(policy or {}))], **options)


async def test_a_failure_is_retried_and_the_call_keeps_its_metadata(server: Any) -> None:
    server.script = ["UNAVAILABLE", "RESOURCE_EXHAUSTED:1", "OK"]

    async with record_timeline() as capture, channel_of(server, executor_of()) as channel:
        call = channel.unary_unary(CHARGE)(b"1", wait_for_ready=True)
        response = await call
        trailing = await call.trailing_metadata()

    assert response == b"charged 1"
    assert dict(trailing) == {"served-by": "one"}
    assert capture.timeline is not None
    reasons = [each.outcome.reason for each in capture.timeline.attempts]
    assert reasons == ["grpc_UNAVAILABLE", "grpc_RESOURCE_EXHAUSTED", "success"]


async def test_the_last_failure_is_grpc_s_own_error(server: Any) -> None:
    server.script = ["UNAVAILABLE"] * 5

    async with channel_of(server, executor_of()) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(CHARGE)(b"1", wait_for_ready=True)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert dict(caught.value.trailing_metadata() or ()) == {"served-by": "one"}
    assert server.hits == 3


async def test_a_final_status_is_not_retried(server: Any) -> None:
    server.script = ["FAILED_PRECONDITION"]

    async with channel_of(server, executor_of()) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary(CHARGE)(b"1")

    assert server.hits == 1


async def test_an_attempt_that_takes_too_long_is_cut_and_retried(server: Any) -> None:
    server.script = ["SLOW"]
    executor = executor_of(RetryPolicy(timeout_per_attempt_s=0.15, initial_backoff_s=0.001))

    async with record_timeline() as capture, channel_of(server, executor) as channel:
        await channel.unary_unary(CHARGE)(b"1", timeout=5)

    assert capture.timeline is not None
    first, second = capture.timeline.attempts
    # gRPC's own timer is a little earlier; on a busy machine ours may be heard first.
    assert first.outcome.reason in {"grpc_DEADLINE_EXCEEDED", "attempt_timeout"}
    assert (second.outcome.reason, server.deadlines_s[0] < 0.15) == ("success", True)


async def test_a_budget_denies_the_retry_and_a_breaker_the_call(server: Any) -> None:
    server.script = ["UNAVAILABLE"] * 5
    retry = RetryPolicy(initial_backoff_s=0.001, budget="payments")
    executor = executor_of(
        retry,
        {"circuit": CircuitPolicy(threshold=2, cooldown_s=60)},
        budgets={"payments": TokenBucket(capacity=1, refill_per_s=0.001)},
    )

    async with channel_of(server, executor) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary(CHARGE)(b"1")
        with pytest.raises(CircuitOpenError):
            await channel.unary_unary(CHARGE)(b"1")

    assert server.hits == 2


async def test_a_hedge_wins_and_the_loser_is_cancelled_at_the_server(server: Any) -> None:
    server.script = ["SLOW", "OK"]
    executor = executor_of(policy={"hedge": HedgePolicy(hedge_delay_s=0.05)})

    async with record_timeline() as capture, channel_of(server, executor) as channel:
        response = await channel.unary_unary(CHARGE)(b"1")
        cancelled = await asyncio.to_thread(server.cancelled.wait, 5)

    assert (response, cancelled) == (b"charged 1", True)
    assert capture.timeline is not None
    assert [each.is_hedge for each in capture.timeline.attempts] == [False, True]


@pytest.mark.parametrize("how", ["task", "call"])
async def test_a_cancelled_call_ends_at_the_server_and_is_not_retried(
    server: Any, how: str
) -> None:
    server.script = ["SLOW", "OK"]

    async with record_timeline() as capture, channel_of(server, executor_of()) as channel:
        call = channel.unary_unary(CHARGE)(b"1")
        waiting = asyncio.ensure_future(call.code() if how == "call" else _given(call))
        while not server.hits:
            await asyncio.to_thread(server.cancelled.wait, 0.01)
        (waiting if how == "task" else call).cancel()
        if how == "task":
            with pytest.raises(asyncio.CancelledError):
                await waiting
        else:
            assert await waiting is grpc.StatusCode.CANCELLED
        assert await asyncio.to_thread(server.cancelled.wait, 5)

    assert server.hits == 1
    assert capture.timeline is not None
    assert capture.timeline.disposition == "cancelled"


async def _given(call: Any) -> Any:
    return await call


async def test_a_test_may_script_what_the_server_says(server: Any) -> None:
    async with channel_of(server, executor_of()) as channel:
        with script(KEY, [ConnectionError(), b"scripted"]):
            assert await channel.unary_unary(CHARGE)(b"1") == b"scripted"

    assert server.hits == 0


async def test_streams_pass_through_and_are_told_as_one_attempt(server: Any) -> None:
    server.script = ["OK", "OK", "OK", "UNAVAILABLE"]

    async with record_timeline() as capture, channel_of(server, None) as channel:
        with recourse.using(Executor(default_policy=Policy("any"))):
            listed = [one async for one in channel.unary_stream("/payments.Payments/List")(b"1")]
            sent = await channel.stream_unary("/payments.Payments/Upload")(iter([b"a", b"b"]))
            chat = channel.stream_stream("/payments.Payments/Chat")(iter([b"a", b"b"]))
            said = [one async for one in chat]
            broken = channel.unary_stream("/payments.Payments/List")(b"1")
            with pytest.raises(grpc.aio.AioRpcError):
                [one async for one in broken]
        while len(capture.timelines) < 4:
            await asyncio.to_thread(server.cancelled.wait, 0.01)

    assert (listed, sent, said) == ([b"1", b"1"], b"ab", [b"a", b"b"])
    told = sorted((one.key, one.attempts_run, one.disposition) for one in capture.timelines)
    assert told == [
        ("payments.Payments.Chat", 1, "success"),
        ("payments.Payments.List", 1, "exhausted"),
        ("payments.Payments.List", 1, "success"),
        ("payments.Payments.Upload", 1, "success"),
    ]
    assert server.hits == 4


@pytest.mark.slow
async def test_many_calls_with_faults_leave_no_task_and_no_file_behind(server: Any) -> None:
    faults = ["OK", "UNAVAILABLE", "NOT_FOUND", "RESOURCE_EXHAUSTED:1", "OK", "INTERNAL"]
    server.script = faults * 150

    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async with channel_of(server, executor_of()) as channel:
        method = channel.unary_unary(CHARGE)
        await asyncio.gather(*(method(b"1") for _ in range(4)), return_exceptions=True)
        tasks, files = len(asyncio.all_tasks()), open_files()
        for _ in range(100):
            await asyncio.gather(*(method(b"1") for _ in range(4)), return_exceptions=True)

        assert len(asyncio.all_tasks()) == tasks
        assert open_files() <= files + 2
