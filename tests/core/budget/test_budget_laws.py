"""What holds for every budget, whatever happens to its clock, from every thread."""

import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, strategies as st

from recourse.budget import (
    AdaptiveCredit,
    Ask,
    Feedback,
    GrpcThrottle,
    InflightRatio,
    RetryRatio,
    TokenBucket,
    Tracking,
)
from recourse.errors import PolicyError
from recourse.outcome import OutcomeKind
from recourse.reasons import BudgetKind

MAKERS: dict[str, tuple[Callable[[], Any], float]] = {
    "token_bucket": (lambda: TokenBucket(5, 0.5), 5),
    "retry_ratio": (lambda: RetryRatio(0.5, 0.2, 5), math.inf),
    "grpc_throttle": (lambda: GrpcThrottle(5, 0.3), 5),
    "adaptive_credit": (lambda: AdaptiveCredit(5, 0.3), 5),
    "inflight_ratio": (lambda: InflightRatio(0.5, 2), math.inf),
}

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "begin", "feed", "release"]),
        st.integers(1, 7),
        st.sampled_from(OutcomeKind),
        st.floats(-1e12, 1e12),
    ),
    max_size=30,
)


@pytest.mark.parametrize("name", MAKERS)
@given(steps=STEPS)
def test_r45_no_balance_is_negative_above_capacity_or_nan_wherever_the_clock_jumps(
    name: str, steps: list[tuple[str, int, OutcomeKind, float]]
) -> None:
    make, capacity = MAKERS[name]
    budget = make()
    releases: list[Callable[[], None] | None] = []

    for action, cost, kind, now_s in steps:
        if action == "ask":
            decision = budget.ask(Ask("k", 1, BudgetKind.RETRY, cost, now_s))
            releases.append(decision.release)
            assert 0.0 <= decision.balance_after <= capacity
        elif action == "begin" and isinstance(budget, Tracking):
            releases.append(budget.begin(now_s))
        elif action == "feed" and isinstance(budget, Feedback):
            budget.feed(kind, 0, now_s)
        elif action == "release" and releases and (release := releases.pop()) is not None:
            release()


@pytest.fixture
def switch_threads_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize(
    "make",
    [lambda: TokenBucket(1000, 0), lambda: AdaptiveCredit(1000), lambda: RetryRatio(0, 100)],
    ids=["token_bucket", "adaptive_credit", "retry_ratio"],
)
@pytest.mark.usefixtures("switch_threads_often")
def test_r76_eight_threads_get_exactly_what_is_there(make: Callable[[], Any]) -> None:
    budget = make()

    def work(_: int) -> int:
        wanted = Ask("k", 1, BudgetKind.RETRY, 1, 0.0)
        return sum(budget.ask(wanted).allowed for _ in range(200))

    with ThreadPoolExecutor(8) as pool:
        allowed = sum(pool.map(work, range(8)))

    assert allowed == 1000


@pytest.mark.usefixtures("switch_threads_often")
def test_r76_eight_threads_lose_no_feedback() -> None:
    budget = GrpcThrottle(1000, 1)
    credit = AdaptiveCredit(1600, 1)
    credit.ask(Ask("k", 1, BudgetKind.RETRY, 1600, 0.0))

    def work(_: int) -> None:
        for _ in range(100):
            budget.feed(OutcomeKind.RETRYABLE, 0, 0.0)
            credit.feed(OutcomeKind.SUCCESS, 0, 0.0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert repr(budget) == "GrpcThrottle(max_tokens=1000, token_ratio=1, tokens=200)"
    assert repr(credit) == "AdaptiveCredit(capacity=1600, credit_per_success=1, credit=800)"


@given(
    number=st.floats() | st.integers() | st.sampled_from([1e308, 5e-324, 1 << 70, 10**400]),
    place=st.sampled_from([0, 1]),
    kind=st.sampled_from([TokenBucket, RetryRatio, GrpcThrottle, AdaptiveCredit, InflightRatio]),
)
def test_r39_any_number_makes_a_budget_that_answers_or_is_refused_with_its_bounds(
    number: float, place: int, kind: Callable[..., Any]
) -> None:
    arguments: list[float] = [1, 1]
    arguments[place] = number
    refusal = ""

    try:
        balance = kind(*arguments).ask(Ask("k", 1, BudgetKind.RETRY, 1, 0.0)).balance_after
    except PolicyError as refused:
        refusal, balance = str(refused), 0.0

    assert balance >= 0.0
    assert not refusal or "is not allowed; use a finite number" in refusal
