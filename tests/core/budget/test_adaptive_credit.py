import pytest

from recourse.budget import AdaptiveCredit, Ask, Decision
from recourse.errors import PolicyError
from recourse.outcome import OutcomeKind
from recourse.reasons import BudgetKind, BudgetReason


def wants(cost: int = 1) -> Ask:
    return Ask("payments.Charge", 1, BudgetKind.RETRY, cost, 0.0)


def allowed(balance: float) -> Decision:
    return Decision(allowed=True, balance_after=balance)


def denied(balance: float, reason: str = BudgetReason.BUDGET_DENIED) -> Decision:
    return Decision(allowed=False, reason=reason, balance_after=balance)


def succeed(budget: AdaptiveCredit, times: int) -> None:
    for _ in range(times):
        budget.feed(OutcomeKind.SUCCESS, 0, 0.0)


def test_r44_a_retry_spends_one_credit_and_ten_successes_earn_one() -> None:
    budget = AdaptiveCredit(capacity=2)
    spent = [budget.ask(wants()) for _ in range(3)]
    succeed(budget, 9)
    early = budget.ask(wants())
    succeed(budget, 1)

    assert [*spent, early, budget.ask(wants())] == [
        allowed(1.0),
        allowed(0.0),
        denied(0.0),
        denied(0.9),
        allowed(0.0),
    ]


def test_r44_nothing_but_a_success_earns() -> None:
    budget = AdaptiveCredit(capacity=1)
    budget.ask(wants())
    for kind in set(OutcomeKind) - {OutcomeKind.SUCCESS}:
        budget.feed(kind, 0, 0.0)

    assert budget.ask(wants()) == denied(0.0)


def test_r45_credit_never_exceeds_the_capacity() -> None:
    budget = AdaptiveCredit(capacity=3, credit_per_success=2.0)
    budget.ask(wants())

    succeed(budget, 1)

    assert budget.ask(wants()) == allowed(2.0)


def test_a_retry_spends_its_cost_and_a_denied_one_nothing() -> None:
    budget = AdaptiveCredit()

    assert [budget.ask(wants(cost)) for cost in (7, 4, 3)] == [
        allowed(3.0),
        denied(3.0),
        allowed(0.0),
    ]


def test_r39_a_cost_above_the_capacity_is_denied_with_its_own_reason() -> None:
    budget = AdaptiveCredit(capacity=3)

    assert budget.ask(wants(4)) == denied(3.0, BudgetReason.COST_EXCEEDS_CAPACITY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"capacity": 0},
            "AdaptiveCredit.capacity 0 is not allowed; use a finite number of at least 1",
        ),
        (
            {"credit_per_success": 0},
            (
                "AdaptiveCredit.credit_per_success 0 is not allowed; "
                "use a finite number of at least 0.001"
            ),
        ),
    ],
)
def test_credit_that_cannot_be_says_which_argument_is_wrong(
    arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(PolicyError) as raised:
        AdaptiveCredit(**arguments)

    assert str(raised.value) == message


def test_credit_shows_its_state() -> None:
    budget = AdaptiveCredit()
    budget.ask(wants(2))
    succeed(budget, 1)

    assert repr(budget) == "AdaptiveCredit(capacity=10, credit_per_success=0.1, credit=8.1)"
