"""What type checkers see of the public API. Checked by mypy and pyright, never run."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, assert_type

import recourse
from recourse import (
    AttemptInfo,
    AttemptRecord,
    BaseObserver,
    BudgetRef,
    ByException,
    ByResult,
    CircuitPolicy,
    Circuits,
    EffectivePolicy,
    Event,
    Executor,
    HedgePolicy,
    InflightRatio,
    LatencyPercentile,
    Outcome,
    OutcomeKind,
    Policy,
    PolicyKey,
    RetryPolicy,
    Timeline,
    TokenBucket,
)
from recourse.reasons import BreakerState
from recourse.testing import VirtualClock


def find(user_id: int, *, timeout: float = 1.0) -> str:
    """Find a user."""
    return f"{user_id} {timeout}"


async def afind(user_id: int, *, within_s: float = 1.0) -> str:
    """Find a user, awaiting."""
    return f"{user_id} {within_s}"


def scan(table: str) -> Iterator[bytes]:
    """Give a table's rows."""
    yield table.encode()


async def ascan(table: str) -> AsyncIterator[bytes]:
    """Give a table's rows as they come."""
    yield table.encode()


class Shop:
    """Guarded methods."""

    @recourse.guard("shop.Sell")
    def sell(self, what: str, price: float) -> int:
        """Sell, synchronously."""
        return len(what) + int(price)

    @recourse.guard("shop.Ship")
    async def ship(self, what: str) -> bytes:
        """Ship, awaiting."""
        return what.encode()

    @classmethod
    @recourse.guard("shop.Open")
    def open(cls) -> "Shop":
        """Open one."""
        return cls()

    @staticmethod
    @recourse.guard("shop.Close")
    def close(at: int) -> bool:
        """Close one."""
        return bool(at)


@recourse.guard("users.Find")
def guarded(user_id: int) -> str | None:
    """Find a user, guarded."""
    return find(user_id)


@recourse.guard(PolicyKey("users.Find"))
async def aguarded(user_id: int) -> list[str]:
    """Find a user, awaiting and guarded."""
    return [await afind(user_id)]


@recourse.guard("users.Scan")
def guarded_rows(table: str) -> Iterator[bytes]:
    """Give rows, guarded."""
    yield from scan(table)


@recourse.guard("users.Scan")
async def aguarded_rows(table: str) -> AsyncIterator[bytes]:
    """Give rows as they come, guarded."""
    async for row in ascan(table):
        yield row


def calls(executor: Executor) -> None:
    """Check what calls give."""
    assert_type(recourse.call("users.Find", find, 7), str)
    assert_type(recourse.call("users.Find", find, 7, timeout=3), str)
    assert_type(recourse.call(PolicyKey("users.Find"), find, user_id=7), str)
    assert_type(executor.call("users.Find", find, 7), str)
    assert_type(executor.call("users.Find", lambda: 7), int)
    assert_type(executor.call("users.Find", functools.partial(find, 7)), str)
    assert_type(executor.call("users.Find", Shop.open), Shop)
    assert_type(executor.call("users.Find", print, "text"), None)
    assert_type(recourse.stream("users.Scan", scan, "users"), Iterator[bytes])
    assert_type(executor.stream("users.Scan", scan, table="users"), Iterator[bytes])
    assert_type(recourse.astream("users.Scan", ascan, "users"), AsyncIterator[bytes])
    assert_type(executor.astream("users.Scan", ascan, "users"), AsyncIterator[bytes])


async def acalls(executor: Executor) -> None:
    """Check what awaited calls give."""
    assert_type(await recourse.acall("users.Find", afind, 7, within_s=3), str)
    assert_type(await executor.acall("users.Find", afind, 7), str)
    assert_type(await executor.acall("users.Find", functools.partial(afind, 7)), str)
    async for row in executor.astream("users.Scan", ascan, "users"):
        assert_type(row, bytes)


async def guards(shop: Shop, executor: Executor) -> None:
    """Check that guarding keeps signatures and types."""
    assert_type(guarded(7), str | None)
    assert_type(await aguarded(7), list[str])
    assert_type(guarded_rows("users"), Iterator[bytes])
    async for row in aguarded_rows("users"):
        assert_type(row, bytes)
    assert_type(shop.sell("tea", price=1.5), int)
    assert_type(await shop.ship("tea"), bytes)
    assert_type(Shop.open(), Shop)
    assert_type(Shop.close(22), bool)
    own = executor.guard("users.Find")(find)
    assert_type(own(7, timeout=2), str)


def wrong(executor: Executor) -> None:
    """Check that mistakes are seen."""
    executor.call("users.Find", find)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # the argument is missing
    executor.call("users.Find", find, "seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # no number
    executor.call("users.Find", find, 7, retries=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # no such argument
    executor.acall("users.Find", find, 7)  # type: ignore[arg-type,unused-coroutine]  # pyright: ignore[reportArgumentType, reportUnusedCoroutine]  # not to be awaited
    guarded("seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # no number


class Noticing(BaseObserver):
    """An observer with a callback of its own."""

    def on_event(self, event: Event) -> None:
        """Take one event."""
        assert_type(event.call_id, str)
        assert_type(event.seq, int)
        super().on_event(event)


class Mine:
    """A classifier."""

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """Judge by whether there is an error."""
        del value
        return Outcome(OutcomeKind.SUCCESS if error is None else OutcomeKind.RETRYABLE)


class Elsewhere:
    """A provider, for threads and for coroutines."""

    def get(self, key: PolicyKey) -> Policy:
        """Give one policy to every key."""
        return Policy(key)

    async def aget(self, key: PolicyKey) -> Policy | EffectivePolicy:
        """Give one policy to every key."""
        return Policy(key).normalize()


def configured() -> Executor:
    """Check that executors take what they are documented to take."""
    policy = Policy(
        "payments.Charge",
        retry=RetryPolicy(
            max_attempts=4,
            timeout_per_attempt_s=timedelta(seconds=2),
            jitter="full",
            budget=BudgetRef("payments"),
        ),
        hedge=HedgePolicy(trigger="mine", hedge_delay_s=0.2),
        circuit=CircuitPolicy(kind="failure_rate"),
        idempotent=True,
    )
    assert_type(policy.normalize(), EffectivePolicy)
    Executor(provider=Elsewhere(), default_policy=policy, missing_policy="allow")
    return Executor(
        policies=[policy],
        fallback_policy=policy,
        observers=[Noticing()],
        classifiers={
            "mine": Mine(),
            "by_class": ByException({OSError: "retryable"}),
            "by_value": ByResult(lambda value: value is None),
        },
        budgets={"payments": TokenBucket(capacity=50, refill_per_s=5), "load": InflightRatio()},
        triggers={"mine": LatencyPercentile("p95")},
        circuits=Circuits(),
        resolve_timeout_s=timedelta(milliseconds=250),
        redact=str.upper,
        clock=VirtualClock(),
    )


async def blocks(executor: Executor) -> None:
    """Check what blocks give."""
    with recourse.record_timeline(nested=True) as capture, recourse.deadline(2.0):
        assert_type(capture.timeline, Timeline | None)
        assert_type(capture.timelines, tuple[Timeline, ...])
    async with recourse.record_timeline() as capture:
        pass
    with recourse.deadline(timedelta(seconds=2)), recourse.using(executor) as used:
        assert_type(used, Executor)
    with executor as entered:
        assert_type(entered, Executor)
    async with executor as entered:
        assert_type(entered, Executor)
    assert_type(recourse.get_executor(), Executor)
    assert_type(executor.circuits["payments.Charge"].state, BreakerState)


def told(error: Exception, timeline: Timeline) -> None:
    """Check what is told afterwards."""
    assert_type(recourse.timeline_of(error), Timeline | None)
    assert_type(timeline.attempts, tuple[AttemptRecord, ...])
    assert_type(timeline.attempts[0].outcome, Outcome)
    assert_type(timeline.error, BaseException | None)
    info = recourse.current_attempt()
    assert_type(info, AttemptInfo | None)
    if info is not None:
        assert_type(info.remaining_s(), float | None)


async def passed_on(operations: list[Callable[[int], Awaitable[str]]], rows: Iterable[int]) -> None:
    """Check that operations of any kind keep their types."""
    for operation in operations:
        assert_type(await recourse.acall("users.Find", operation, 7), str)
    assert_type(recourse.stream("users.Scan", lambda: rows), Iterator[int])
