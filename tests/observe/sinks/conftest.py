"""Six calls that between them show everything."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from recourse import (
    BudgetRef,
    CircuitPolicy,
    Executor,
    HedgePolicy,
    Observer,
    Policy,
    RetryPolicy,
    Timeline,
    TokenBucket,
)
from recourse.errors import CircuitOpenError
from recourse.testing import HTTPFailure, VirtualClock, http, script
from recourse_observe.testing import TimelineRecorder

KEY = "payments.Charge"
HTTP = RetryPolicy(max_attempts=3, jitter="none", classifier="http")

Scenario = Callable[[Observer], Timeline]


def _recorded(policy: Policy, observer: Observer, call: Callable[[Executor], object]) -> Timeline:
    recorder = TimelineRecorder()
    executor = Executor(
        policies=[policy],
        observers=[observer, recorder],
        clock=VirtualClock(1_000_000_000),
        budgets={"payments": TokenBucket(capacity=1, refill_per_s=0.001)},
    )
    call(executor)
    timelines = [timeline for timeline in recorder if timeline.key == KEY]
    return timelines[-1]


def success(observer: Observer) -> Timeline:
    return _recorded(Policy(KEY, retry=HTTP), observer, lambda e: e.call(KEY, lambda: "paid"))


def retry(observer: Observer) -> Timeline:
    def call(executor: Executor) -> None:
        with script(KEY, [http(503), http(429, retry_after_s=0.3), "paid"]):
            executor.call(KEY, lambda: None)

    return _recorded(Policy(KEY, retry=HTTP), observer, call)


def hedge(observer: Observer) -> Timeline:
    policy = Policy(KEY, retry=HTTP, hedge=HedgePolicy(enabled=True, hedge_delay_s=0.1))

    def call(executor: Executor) -> None:
        delays = iter([5.0, 0.01])

        async def charge() -> str:
            await asyncio.sleep(next(delays))  # noqa: TID251  # virtual
            return "paid"

        clock: Any = executor.clock
        clock.run(executor.acall(KEY, charge))

    return _recorded(policy, observer, call)


def budget_denial(observer: Observer) -> Timeline:
    retrying = RetryPolicy(
        max_attempts=4, jitter="none", classifier="http", budget=BudgetRef("payments")
    )

    def call(executor: Executor) -> None:
        with script(KEY, [http(503)] * 4), pytest.raises(HTTPFailure):
            executor.call(KEY, lambda: None)

    return _recorded(Policy(KEY, retry=retrying), observer, call)


def circuit_open(observer: Observer) -> Timeline:
    policy = Policy(
        KEY,
        retry=RetryPolicy(max_attempts=1, classifier="http"),
        circuit=CircuitPolicy(enabled=True, threshold=1),
    )

    def call(executor: Executor) -> None:
        with script(KEY, [http(500)]), pytest.raises(HTTPFailure):
            executor.call(KEY, lambda: None)
        with pytest.raises(CircuitOpenError):
            executor.call(KEY, lambda: None)

    return _recorded(policy, observer, call)


def cancellation(observer: Observer) -> Timeline:
    def call(executor: Executor) -> None:
        async def charge() -> None:
            await asyncio.sleep(60)  # noqa: TID251  # virtual

        async def caller() -> None:
            task = asyncio.ensure_future(executor.acall(KEY, charge))
            await asyncio.sleep(0.5)  # noqa: TID251  # virtual
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        clock: Any = executor.clock
        clock.run(caller())

    return _recorded(Policy(KEY, retry=HTTP), observer, call)


SCENARIOS: dict[str, Scenario] = {
    each.__name__: each
    for each in (success, retry, hedge, budget_denial, circuit_open, cancellation)
}


@pytest.fixture(params=SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return SCENARIOS[request.param]


@pytest.fixture
def scenarios() -> dict[str, Scenario]:
    return SCENARIOS
