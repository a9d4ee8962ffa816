from concurrent.futures import ThreadPoolExecutor

import pytest

from recourse.budget import Ask, InflightRatio, Unlimited
from recourse.errors import PolicyError
from recourse.reasons import BudgetKind, BudgetReason


def wants(cost: int = 1) -> Ask:
    return Ask("payments.Charge", 1, BudgetKind.RETRY, cost, 0.0)


def test_r44_three_retries_may_be_in_flight_however_little_else_is() -> None:
    budget = InflightRatio()

    decisions = [budget.ask(wants()) for _ in range(4)]

    assert [(d.allowed, d.reason, d.balance_after) for d in decisions] == [
        (True, BudgetReason.ALLOWED, 2),
        (True, BudgetReason.ALLOWED, 1),
        (True, BudgetReason.ALLOWED, 0),
        (False, BudgetReason.BUDGET_DENIED, 0),
    ]
    assert decisions[3].release is None


def test_r44_a_fifth_of_what_is_in_flight_may_be_retries() -> None:
    budget = InflightRatio()
    for _ in range(16):
        budget.begin(0.0)

    # 16 first attempts: 3 by the minimum, and a fourth, because 16 + 3 are not yet 20.
    assert [budget.ask(wants()).allowed for _ in range(4)] == [True, True, True, False]

    budget.begin(0.0)

    assert [budget.ask(wants()).allowed for _ in range(2)] == [True, False]


def test_a_released_retry_makes_room_once() -> None:
    budget = InflightRatio(min_concurrency=1)
    release = budget.ask(wants()).release
    assert release is not None

    release()
    release()

    assert repr(budget) == "InflightRatio(budget_ratio=0.2, min_concurrency=1, firsts=0, held=0)"
    assert [budget.ask(wants()).allowed for _ in range(2)] == [True, False]


def test_a_first_attempt_counts_until_it_has_stopped_once() -> None:
    budget = InflightRatio(budget_ratio=0.5, min_concurrency=0)
    stop = budget.begin(0.0)
    budget.begin(0.0)
    with_two = budget.ask(wants())
    assert with_two.release is not None
    with_two.release()

    stop()
    stop()

    assert (with_two.allowed, budget.ask(wants()).allowed) == (True, False)


def test_a_retry_holds_its_cost() -> None:
    budget = InflightRatio(min_concurrency=5)

    assert [budget.ask(wants(cost)).allowed for cost in (6, 4, 2, 1)] == [False, True, False, True]


def test_a_shrunken_allowance_is_shown_as_nothing_left() -> None:
    budget = InflightRatio(budget_ratio=0.5, min_concurrency=0)
    stops = [budget.begin(0.0) for _ in range(4)]
    for _ in range(3):
        budget.ask(wants())
    for stop in stops:
        stop()

    decision = budget.ask(wants())

    assert (decision.allowed, decision.balance_after) == (False, 0.0)


def test_r43_what_eight_threads_acquire_and_release_adds_up() -> None:
    budget = InflightRatio(budget_ratio=0.5)

    def work(_: int) -> int:
        acquired = 0
        for _ in range(200):
            stop = budget.begin(0.0)
            decision = budget.ask(wants())
            if decision.release is not None:
                acquired += 1
                decision.release()
            stop()
        return acquired

    with ThreadPoolExecutor(8) as pool:
        acquired = sum(pool.map(work, range(8)))

    assert acquired > 0
    assert repr(budget) == "InflightRatio(budget_ratio=0.5, min_concurrency=3, firsts=0, held=0)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"budget_ratio": 1.1},
            "InflightRatio.budget_ratio 1.1 is not allowed; use a finite number from 0 to 1",
        ),
        (
            {"min_concurrency": -1},
            "InflightRatio.min_concurrency -1 is not allowed; use a finite number of at least 0",
        ),
    ],
)
def test_a_ratio_that_cannot_be_says_which_argument_is_wrong(
    arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(PolicyError) as raised:
        InflightRatio(**arguments)

    assert str(raised.value) == message


def test_a_ratio_shows_its_state() -> None:
    budget = InflightRatio(0.25, 2)
    budget.begin(0.0)
    budget.ask(wants(2))

    assert repr(budget) == "InflightRatio(budget_ratio=0.25, min_concurrency=2, firsts=1, held=2)"


def test_the_unlimited_budget_allows_everything_and_holds_nothing() -> None:
    decision = Unlimited().ask(wants(1000))

    assert tuple(decision) == (True, BudgetReason.ALLOWED, None, None)
    assert repr(Unlimited()) == "Unlimited()"


def test_one_release_leaves_what_others_hold() -> None:
    budget = InflightRatio(min_concurrency=5)
    first, second = (
        budget.ask(Ask("a.B", 1, BudgetKind.RETRY, cost, 0.0)).release for cost in (1, 3)
    )
    assert first is not None
    assert second is not None

    first()

    assert "held=3" in repr(budget)
