from datetime import timedelta

import pytest

from recourse.budget import Ask, Decision, RetryRatio
from recourse.errors import PolicyError
from recourse.reasons import BudgetKind, BudgetReason


def wants(now_s: float, cost: int = 1) -> Ask:
    return Ask("payments.Charge", 1, BudgetKind.RETRY, cost, now_s)


def allowed(balance: float) -> Decision:
    return Decision(allowed=True, balance_after=balance)


def denied(balance: float) -> Decision:
    return Decision(allowed=False, reason=BudgetReason.BUDGET_DENIED, balance_after=balance)


def calls(budget: RetryRatio, count: int, now_s: float) -> None:
    for _ in range(count):
        budget.begin(now_s)


def test_r44_five_calls_at_a_fifth_are_worth_exactly_one_retry() -> None:
    budget = RetryRatio(ratio=0.2, min_retries_per_s=0)
    calls(budget, 4, 0.0)
    early = budget.ask(wants(0.0))
    calls(budget, 1, 0.0)

    assert [early, budget.ask(wants(0.0)), budget.ask(wants(0.0))] == [
        denied(0.8),
        allowed(0.0),
        denied(0.0),
    ]


def test_r44_the_reserve_lets_retries_through_without_any_call() -> None:
    budget = RetryRatio()

    decisions = [budget.ask(wants(0.0)) for _ in range(101)]

    assert [decision.allowed for decision in decisions] == [True] * 100 + [False]
    assert decisions[0] == allowed(99.0)


def test_r44_the_defaults_are_a_fifth_ten_a_second_and_ten_seconds() -> None:
    budget = RetryRatio()

    assert (budget.ratio, budget.min_retries_per_s, budget.ttl_s) == (0.2, 10, 10.0)


def test_r44_deposits_and_withdrawals_are_forgotten_after_the_ttl() -> None:
    budget = RetryRatio(ratio=0.5, min_retries_per_s=0.1, ttl_s=10)
    calls(budget, 2, 0.0)  # worth one retry, beside a reserve of one

    decisions = [budget.ask(wants(now_s)) for now_s in (5.0, 5.0, 5.0, 10.0, 14.9, 15.0, 15.0)]

    assert decisions == [
        allowed(1.0),
        allowed(0.0),
        denied(0.0),
        denied(0.0),  # the deposits are forgotten, their withdrawals are not
        denied(0.0),
        allowed(0.0),
        denied(0.0),
    ]


def test_r44_a_ratio_of_nothing_leaves_only_the_reserve() -> None:
    budget = RetryRatio(ratio=0, min_retries_per_s=1, ttl_s=timedelta(seconds=2))
    calls(budget, 1000, 0.0)

    decisions = [budget.ask(wants(0.0)) for _ in range(3)]

    assert decisions == [allowed(1.0), allowed(0.0), denied(0.0)]


def test_r44_a_ratio_above_one_gives_several_retries_per_call() -> None:
    budget = RetryRatio(ratio=1000, min_retries_per_s=0)
    calls(budget, 1, 0.0)

    assert budget.ask(wants(0.0, 1000)) == allowed(0.0)


def test_a_retry_withdraws_its_cost() -> None:
    budget = RetryRatio(ratio=1, min_retries_per_s=0)
    calls(budget, 3, 0.0)

    decisions = [budget.ask(wants(0.0, cost)) for cost in (4, 3)]

    assert decisions == [denied(3.0), allowed(0.0)]


def test_r45_time_that_goes_back_keeps_every_deposit() -> None:
    budget = RetryRatio(ratio=1, min_retries_per_s=0)
    calls(budget, 1, 100.0)
    calls(budget, 1, 1.0)

    assert [budget.ask(wants(now_s)) for now_s in (2.0, 109.0, 110.0)] == [
        allowed(1.0),
        allowed(0.0),
        denied(0.0),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"ratio": -0.1},
            "RetryRatio.ratio -0.1 is not allowed; use a finite number from 0 to 1000",
        ),
        (
            {"ratio": 1001},
            "RetryRatio.ratio 1001 is not allowed; use a finite number from 0 to 1000",
        ),
        (
            {"min_retries_per_s": -1},
            "RetryRatio.min_retries_per_s -1 is not allowed; use a finite number of at least 0",
        ),
        ({"ttl_s": 0.9}, "RetryRatio.ttl_s 0.9 is not allowed; use a finite number from 1 to 60"),
        ({"ttl_s": 61}, "RetryRatio.ttl_s 61.0 is not allowed; use a finite number from 1 to 60"),
        (
            {"ttl_s": "10s"},
            "RetryRatio.ttl_s '10s' is not allowed; use a finite number of seconds or a timedelta",
        ),
    ],
)
def test_a_ratio_that_cannot_be_says_which_argument_is_wrong(
    arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(PolicyError) as raised:
        RetryRatio(**arguments)

    assert str(raised.value) == message


@pytest.mark.parametrize("ttl_s", [1, 60])
def test_the_bounds_of_the_ttl_are_allowed(ttl_s: float) -> None:
    assert RetryRatio(ttl_s=ttl_s).ttl_s == ttl_s


def test_a_ratio_shows_its_state() -> None:
    budget = RetryRatio(0.5, 2, 5)
    calls(budget, 3, 0.0)

    assert repr(budget) == (
        "RetryRatio(ratio=0.5, min_retries_per_s=2, ttl_s=5, "
        "balance=SlidingSum(window_s=5, total=3000))"
    )


def test_a_ratio_of_nothing_counts_its_reserve_in_whole_retries() -> None:
    budget = RetryRatio(0, 0.15, 10.0)

    decision = budget.ask(Ask("a.B", 1, BudgetKind.RETRY, 1, 0.0))

    assert (decision.allowed, decision.balance_after) == (True, 0.0)
