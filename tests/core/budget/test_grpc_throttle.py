import pytest

from recourse.budget import Ask, Decision, GrpcThrottle
from recourse.errors import PolicyError
from recourse.outcome import OutcomeKind
from recourse.reasons import BudgetKind, BudgetReason

ASK = Ask("payments.Charge", 1, BudgetKind.HEDGE, 1000, 0.0)


def feed(budget: GrpcThrottle, kind: OutcomeKind, times: int) -> None:
    for _ in range(times):
        budget.feed(kind, 0, 0.0)


def test_r44_a_throttle_allows_while_more_than_half_of_the_tokens_are_left() -> None:
    budget = GrpcThrottle(max_tokens=10, token_ratio=0.1)
    decisions = [budget.ask(ASK)]
    for _ in range(5):
        feed(budget, OutcomeKind.RETRYABLE, 1)
        decisions.append(budget.ask(ASK))

    assert decisions == [
        Decision(allowed=True, balance_after=10.0),
        Decision(allowed=True, balance_after=9.0),
        Decision(allowed=True, balance_after=8.0),
        Decision(allowed=True, balance_after=7.0),
        Decision(allowed=True, balance_after=6.0),
        Decision(allowed=False, reason=BudgetReason.BUDGET_DENIED, balance_after=5.0),
    ]


def test_r44_ten_successes_at_a_tenth_give_exactly_one_token_back() -> None:
    budget = GrpcThrottle(max_tokens=2, token_ratio=0.1)
    feed(budget, OutcomeKind.RETRYABLE, 2)

    feed(budget, OutcomeKind.SUCCESS, 10)
    at_half = budget.ask(ASK)
    feed(budget, OutcomeKind.SUCCESS, 1)

    assert [at_half, budget.ask(ASK)] == [
        Decision(allowed=False, reason=BudgetReason.BUDGET_DENIED, balance_after=1.0),
        Decision(allowed=True, balance_after=1.1),
    ]


def test_r44_only_retryable_failures_count_as_failures() -> None:
    budget = GrpcThrottle()
    for kind in set(OutcomeKind) - {OutcomeKind.SUCCESS, OutcomeKind.RETRYABLE}:
        feed(budget, kind, 3)

    assert budget.ask(ASK).balance_after == 10.0


def test_r45_the_tokens_stay_between_nothing_and_the_most() -> None:
    budget = GrpcThrottle(max_tokens=3, token_ratio=0.5)

    feed(budget, OutcomeKind.RETRYABLE, 5)
    empty = budget.ask(ASK).balance_after
    feed(budget, OutcomeKind.SUCCESS, 9)

    assert (empty, budget.ask(ASK).balance_after) == (0.0, 3.0)


@pytest.mark.parametrize(
    ("max_tokens", "token_ratio", "message"),
    [
        (0, 0.1, "GrpcThrottle.max_tokens 0 is not allowed; use a finite number from 1 to 1000"),
        (
            1001,
            0.1,
            "GrpcThrottle.max_tokens 1001 is not allowed; use a finite number from 1 to 1000",
        ),
        (
            1,
            0.0009,
            "GrpcThrottle.token_ratio 0.0009 is not allowed; use a finite number from 0.001 to 1000",
        ),
        (
            1,
            1001,
            "GrpcThrottle.token_ratio 1001 is not allowed; use a finite number from 0.001 to 1000",
        ),
    ],
)
def test_a_throttle_that_cannot_be_says_which_argument_is_wrong(
    max_tokens: float, token_ratio: float, message: str
) -> None:
    with pytest.raises(PolicyError) as raised:
        GrpcThrottle(max_tokens, token_ratio)

    assert str(raised.value) == message


def test_a_throttle_shows_its_state() -> None:
    budget = GrpcThrottle()
    feed(budget, OutcomeKind.RETRYABLE, 1)
    feed(budget, OutcomeKind.SUCCESS, 1)

    assert repr(budget) == "GrpcThrottle(max_tokens=10, token_ratio=0.1, tokens=9.1)"
