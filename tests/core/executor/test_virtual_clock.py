"""Virtual time: everything follows it, nothing reads or waits on another clock."""

import _thread
import ast
import asyncio
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

import recourse
from recourse import (
    AttemptTimeout,
    BudgetRef,
    CircuitOpenError,
    CircuitPolicy,
    Executor,
    Policy,
    RecourseError,
    RetryPolicy,
    TokenBucket,
)
from recourse.clock import SystemClock
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock

KEY: Final = "svc.Op"
HOUR_S: Final = 3600.0
PACKAGE: Final = Path(recourse.__file__).parent


# ------------------------------------------------------------------------------ sources
# What reads a real clock or waits for real; asyncio.wait_for swallows cancellations on top (R20).
BANNED: Final = {
    "time": {"sleep", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time"}
    | {"time_ns"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "asyncio": {"sleep", "wait_for"},
}


def banned_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
            if node.attr in BANNED.get(name, ()):
                yield f"{name}.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name in BANNED.get(node.module or "", ()):
                    yield f"{node.module}.{alias.name}"


@pytest.mark.slow
def test_r20_r79_only_the_clock_module_reads_clocks_and_waits() -> None:
    found = {
        f"{path.relative_to(PACKAGE).as_posix()}: {name}"
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "clock.py"
        for name in banned_names(ast.parse(path.read_text(encoding="utf-8")))
    }

    assert found == set()


def test_r79_the_check_of_the_sources_finds_what_it_looks_for() -> None:
    source = "import time, asyncio, datetime\ntime.sleep(1)\ndatetime.datetime.now()\nfrom time import monotonic"

    found = list(banned_names(ast.parse(source)))

    assert found == ["time.monotonic", "time.sleep", "datetime.now"]


# ------------------------------------------------------------------------------ an hour
@pytest.mark.slow
def test_r79_an_hour_of_retries_takes_less_than_a_second(both: Any) -> None:
    retry = RetryPolicy(
        max_attempts=10,
        initial_backoff_s=30.0,
        max_backoff_s=30.0,
        jitter=Jitter.NONE,
        timeout_per_attempt_s=5.0,
    )
    executor = both.executor(retry=retry, sync_timeout="thread")
    operation = both.operation([(60.0, "late")])
    began_s = SystemClock.monotonic_s()

    async def acalling() -> None:
        while both.clock.monotonic_s() < HOUR_S:
            with pytest.raises(AttemptTimeout):
                await executor.acall(KEY, operation)

    def calling() -> None:
        while both.clock.monotonic_s() < HOUR_S:
            with pytest.raises(AttemptTimeout):
                executor.call(KEY, operation)

    both.clock.run(acalling()) if both.is_async else calling()

    took_s = SystemClock.monotonic_s() - began_s
    assert both.clock.monotonic_s() >= HOUR_S
    assert (len(both.clock.sleeps), both.runs) == (9 * 12, 10 * 12)
    assert took_s < 1.0


def test_r79_breakers_budgets_and_timestamps_follow_the_clock(both: Any) -> None:
    executor = both.executor(
        retry=RetryPolicy(max_attempts=2, jitter=Jitter.NONE, budget=BudgetRef("bucket")),
        circuit=CircuitPolicy(threshold=2, cooldown_s=60.0),
        budgets={"bucket": TokenBucket(1, 0.1)},
    )
    first = both([ConnectionError], executor=executor)
    refused = both(["never"], executor=executor)
    both.clock.advance(60.0)
    probe = both([ConnectionError, "ok"], executor=executor)

    assert first.timeline.started_unix_ns == 0
    assert first.timeline.ended_unix_ns == 50_000_000
    assert isinstance(refused.error, CircuitOpenError)
    assert refused.error.retry_after_s == 60.0
    assert probe.timeline.started_unix_ns == 60_050_000_000
    assert [record.budget_reason for record in first.timeline.attempts][1:] == ["allowed"]


def test_r79_the_wall_clock_starts_where_it_is_told_to() -> None:
    clock = VirtualClock(start_unix_ns=1_000_000_000)

    clock.advance(timedelta(milliseconds=500))

    assert (clock.time_unix_ns(), clock.monotonic_s()) == (1_500_000_000, 0.5)
    assert repr(clock) == "VirtualClock(now_s=0.5)"


def test_time_is_not_turned_back() -> None:
    with pytest.raises(ValueError, match=r"advance -1 would turn the clock back; use 0 or more"):
        VirtualClock().advance(-1)


# ------------------------------------------------------------------------------ threads
def test_a_mailbox_gives_what_is_there_and_waits_in_virtual_time_for_the_rest() -> None:
    clock = VirtualClock()
    mailbox = clock.mailbox()

    mailbox.post("first")

    assert [mailbox.take(None), mailbox.take(0.0), mailbox.take(-1.0)] == ["first", None, None]
    assert (mailbox.take(2.5), clock.monotonic_s()) == (None, 2.5)


def test_spawned_threads_wait_in_the_order_of_their_moments() -> None:
    clock, seen = VirtualClock(), list[tuple[str, float]]()

    def wait(name: str, *seconds: float) -> None:
        for each in seconds:
            clock.advance(each)
            seen.append((name, clock.monotonic_s()))

    threads = [
        clock.spawn(lambda: wait("a", 1.0, 3.0), "a"),
        clock.spawn(lambda: wait("b", 2.0, 0.5), "b"),
    ]
    clock.advance(10.0)

    assert seen == [("a", 1.0), ("b", 2.0), ("b", 2.5), ("a", 4.0)]
    for thread in threads:
        thread.join()
        assert not thread.is_alive()
    assert clock.monotonic_s() == 10.0


def test_mail_is_delivered_after_all_else_that_happens_in_its_moment() -> None:
    clock = VirtualClock()
    mailbox = clock.mailbox()

    def post(text: str) -> None:
        clock.advance(1.0)
        mailbox.post(text)

    for text in ("one", "two", "three"):
        clock.spawn(lambda text=text: post(text), text)  # type: ignore[misc]  # mypy cannot type a lambda's default

    first = mailbox.take(None)

    assert sorted([first, mailbox.take(0.0), mailbox.take(0.0)]) == ["one", "three", "two"]
    assert clock.monotonic_s() == 1.0


def test_a_virtual_thread_is_joined_in_virtual_time_by_several_at_once() -> None:
    clock, joined = VirtualClock(), list[float]()
    slow = clock.spawn(lambda: clock.advance(5.0), "slow")

    def join() -> None:
        slow.join()
        joined.append(clock.monotonic_s())

    joiners = [clock.spawn(join, "joiner") for _ in range(2)]
    slow.join(1.0)
    early = (slow.is_alive(), clock.monotonic_s())
    for each in joiners:
        each.join()

    assert early == (True, 1.0)
    assert joined == [5.0, 5.0]


@pytest.mark.slow
def test_time_moves_on_without_a_thread_that_is_blocked_on_something_else() -> None:
    clock, go = VirtualClock(), threading.Event()
    seen: list[float] = []

    def blocked() -> None:
        go.wait(20.0)
        clock.advance(1.0)
        seen.append(clock.monotonic_s())

    thread = clock.spawn(blocked, "blocked")
    clock.advance(3.0)
    go.set()
    thread.join()

    assert seen == [4.0]


@pytest.mark.slow
def test_a_spawned_thread_is_more_patient_with_the_thread_that_is_at_work() -> None:
    clock, moved = VirtualClock(), threading.Event()

    def waiting() -> None:
        clock.advance(1.0)
        moved.set()

    clock.spawn(waiting, "waiting")

    # Nobody but the spawned thread waits on the clock: this one is at work, as far as it knows.
    assert not moved.wait(0.4)
    assert moved.wait(10.0)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Interrupts are ignored in jobs of the background."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_wait_leaves_the_clock_in_order() -> None:
    clock = VirtualClock()

    def interrupt() -> None:
        clock.advance(1.0)  # over when the other thread waits too
        _thread.interrupt_main()

    thread = clock.spawn(interrupt, "interrupts")

    with pytest.raises(KeyboardInterrupt):
        clock.mailbox().take(None)

    thread.join()
    clock.advance(1.0)
    assert clock.monotonic_s() == 2.0


# ------------------------------------------------------------------------------ loops
def test_timers_of_the_loop_jump() -> None:
    clock = VirtualClock()

    async def main() -> float:
        async with asyncio.timeout(2 * HOUR_S):
            await asyncio.sleep(HOUR_S)  # noqa: TID251  # on the virtual loop
        return asyncio.get_running_loop().time()

    assert clock.run(main()) == HOUR_S
    assert clock.monotonic_s() == HOUR_S


def test_a_clock_runs_one_loop_at_a_time() -> None:
    clock = VirtualClock()

    async def inner() -> None:
        pytest.fail("ran")

    async def main() -> None:
        with pytest.raises(RecourseError, match=r"runs a loop already; await inside it instead"):
            clock.run(inner())

    clock.run(main())


def test_an_operation_may_let_time_pass_inside_the_loop(async_side: Any) -> None:
    executor = async_side.executor()

    async def blocking() -> float:
        async_side.clock.advance(7.0)
        return float(async_side.clock.monotonic_s())

    assert async_side.clock.run(executor.acall(KEY, blocking)) == 7.0


def test_the_loop_waits_for_the_threads_that_it_has_spawned() -> None:
    clock = VirtualClock()

    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        came: asyncio.Future[float] = loop.create_future()

        def work() -> None:
            clock.advance(2.0)
            loop.call_soon_threadsafe(came.set_result, clock.monotonic_s())

        clock.spawn(work, "work")
        before = loop.create_task(asyncio.sleep(1.0, "before"))  # noqa: TID251  # on the virtual loop
        after = loop.create_task(asyncio.sleep(3.0, "after"))  # noqa: TID251  # on the virtual loop
        return [await before, await came, after.done(), await after, clock.monotonic_s()]

    assert clock.run(main()) == ["before", 2.0, False, "after", 3.0]


@pytest.mark.slow
def test_the_loop_moves_on_without_a_thread_that_is_blocked_on_something_else() -> None:
    clock, go = VirtualClock(), threading.Event()

    def blocked() -> None:
        go.wait(20.0)

    async def main() -> float:
        clock.spawn(blocked, "blocked")
        await asyncio.sleep(5.0)  # noqa: TID251  # on the virtual loop
        return clock.monotonic_s()

    assert clock.run(main()) == 5.0
    go.set()


@pytest.mark.slow
def test_a_loop_without_timers_waits_for_what_comes_from_outside() -> None:
    clock = VirtualClock()

    async def main() -> bool:
        return await asyncio.to_thread(threading.Event().wait, 0.3)

    assert clock.run(main()) is False
    assert clock.monotonic_s() == 0.0


def test_on_another_loop_waits_move_time_and_limits_ring() -> None:
    clock = VirtualClock()
    retry = RetryPolicy(max_attempts=2, jitter=Jitter.NONE, timeout_per_attempt_s=1.0)
    executor = Executor([Policy(KEY, retry=retry)], clock=clock)
    runs = 0

    async def operation() -> str:
        nonlocal runs
        runs += 1
        if runs == 1:
            clock.advance(1.0)
            await asyncio.Event().wait()
        return "ok"

    assert asyncio.run(executor.acall(KEY, operation)) == "ok"
    assert (clock.sleeps, clock.monotonic_s()) == ([0.05], 1.05)
    clock.advance(5.0)  # the limit of the second attempt rings for nobody


def test_timers_of_a_loop_that_is_gone_ring_for_nobody() -> None:
    clock = VirtualClock()

    async def main() -> None:
        clock.call_later(asyncio.get_running_loop(), 1.0, lambda: pytest.fail("rang"))

    asyncio.run(main())
    clock.advance(2.0)

    assert clock.monotonic_s() == 2.0
