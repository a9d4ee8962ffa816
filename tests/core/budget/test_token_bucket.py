import math

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from recourse.budget import Ask, Decision, TokenBucket
from recourse.errors import PolicyError
from recourse.reasons import BudgetKind, BudgetReason


def wants(now_s: float, cost: int = 1) -> Ask:
    return Ask("payments.Charge", 1, BudgetKind.RETRY, cost, now_s)


def allowed(balance: float) -> Decision:
    return Decision(allowed=True, balance_after=balance)


def denied(balance: float, reason: str = BudgetReason.BUDGET_DENIED) -> Decision:
    return Decision(allowed=False, reason=reason, balance_after=balance)


def test_r44_a_bucket_starts_full_empties_and_refills_with_time() -> None:
    bucket = TokenBucket(capacity=2, refill_per_s=0.5)

    decisions = [bucket.ask(wants(now_s)) for now_s in (7.0, 7.0, 7.0, 8.0, 9.0, 9.0)]

    assert decisions == [
        allowed(1.0),
        allowed(0.0),
        denied(0.0),
        denied(0.5),
        allowed(0.0),
        denied(0.0),
    ]


def test_r44_a_retry_takes_its_cost_and_a_denied_one_nothing() -> None:
    bucket = TokenBucket(10, 1)

    decisions = [bucket.ask(wants(1.0, cost)) for cost in (7, 4, 3)]

    assert decisions == [allowed(3.0), denied(3.0), allowed(0.0)]


def test_r44_a_bucket_fills_from_the_first_moment_of_its_clock() -> None:
    bucket = TokenBucket(1, 2)

    decisions = [bucket.ask(wants(now_s)) for now_s in (0.25, 0.5, 0.75)]

    assert decisions == [allowed(0.0), denied(0.5), allowed(0.0)]


def test_r45_a_bucket_never_holds_more_than_its_capacity() -> None:
    bucket = TokenBucket(2, 1)
    bucket.ask(wants(0.0, 2))

    assert bucket.ask(wants(1e300)) == allowed(1.0)


def test_r45_time_that_was_paid_for_is_not_paid_for_again_after_the_clock_went_back() -> None:
    bucket = TokenBucket(4, 1)
    bucket.ask(wants(100.0, 4))

    decisions = [bucket.ask(wants(now_s)) for now_s in (50.0, 100.5, 101.0, 100.0, 102.0)]

    assert decisions == [denied(0.0), denied(0.5), allowed(0.0), denied(0.0), allowed(0.0)]


def test_r45_a_clock_that_is_no_number_changes_nothing() -> None:
    bucket = TokenBucket(2, 1)

    assert [bucket.ask(wants(math.nan)), bucket.ask(wants(0.0))] == [allowed(1.0), allowed(0.0)]


@pytest.mark.parametrize("cost", [3, 1000])
def test_r39_a_cost_above_the_capacity_is_denied_with_its_own_reason(cost: int) -> None:
    bucket = TokenBucket(2, 1)

    assert bucket.ask(wants(5.0, cost)) == denied(2.0, BudgetReason.COST_EXCEEDS_CAPACITY)


def test_a_cost_of_the_whole_capacity_is_allowed() -> None:
    assert TokenBucket(2, 1).ask(wants(0.0, 2)) == allowed(0.0)


def test_r36_a_peek_looks_at_the_moment_after_the_wait_and_takes_nothing() -> None:
    bucket = TokenBucket(1, 0.5)
    bucket.ask(wants(1.0))

    assert [bucket.peek(wants(now_s)) for now_s in (1.0, 2.9, 3.0, 3.0)] == [
        False,
        False,
        True,
        True,
    ]


def test_a_bucket_without_refill_is_a_stock() -> None:
    bucket = TokenBucket(1, 0)
    bucket.ask(wants(0.0))

    assert bucket.ask(wants(1e9)) == denied(0.0)


@pytest.mark.parametrize(
    ("capacity", "refill_per_s", "message"),
    [
        (0.5, 1, "TokenBucket.capacity 0.5 is not allowed; use a finite number of at least 1"),
        (math.inf, 1, "TokenBucket.capacity inf is not allowed; use a finite number of at least 1"),
        (True, 1, "TokenBucket.capacity True is not allowed; use a finite number of at least 1"),
        (1, -1, "TokenBucket.refill_per_s -1 is not allowed; use a finite number of at least 0"),
        (1, "5", "TokenBucket.refill_per_s '5' is not allowed; use a finite number of at least 0"),
    ],
)
def test_a_bucket_that_cannot_be_says_which_argument_is_wrong(
    capacity: float, refill_per_s: float, message: str
) -> None:
    with pytest.raises(PolicyError) as raised:
        TokenBucket(capacity, refill_per_s)

    assert str(raised.value) == message


def test_a_bucket_shows_its_state() -> None:
    bucket = TokenBucket(capacity=50, refill_per_s=2.5)
    bucket.ask(wants(3.0, 2))

    assert repr(bucket) == "TokenBucket(capacity=50, refill_per_s=2.5, tokens=48, at_s=3)"


class BucketMachine(RuleBasedStateMachine):
    """No order of asks, peeks and clock movements yields more than was ever poured in."""

    CAPACITY = 8
    REFILL_PER_S = 2.0

    def __init__(self) -> None:
        super().__init__()
        self.bucket = TokenBucket(self.CAPACITY, self.REFILL_PER_S)
        self.now_s = 1_000.0
        self.first_s = self.latest_s = self.now_s
        self.taken = 0
        self.balance = float(self.CAPACITY)

    @rule(step_s=st.floats(-100.0, 100.0) | st.sampled_from([-1e6, 1e6, 0.5]))
    def move_clock(self, step_s: float) -> None:
        self.now_s += step_s

    @rule(cost=st.integers(1, 10))
    def ask(self, cost: int) -> None:
        hopeful = self.bucket.peek(wants(self.now_s, cost))
        decision = self.bucket.ask(wants(self.now_s, cost))
        assert decision.balance_after is not None
        self.balance = decision.balance_after
        if decision.allowed:
            self.taken += cost
            self.latest_s = max(self.latest_s, self.now_s)
            self.first_s = min(self.first_s, self.now_s)
        assert decision.allowed == hopeful
        assert decision.allowed == (decision.reason == BudgetReason.ALLOWED)
        assert (cost > self.CAPACITY) == (decision.reason == BudgetReason.COST_EXCEEDS_CAPACITY)

    @invariant()
    def the_balance_is_within_the_bucket(self) -> None:
        assert 0.0 <= self.balance <= self.CAPACITY

    @invariant()
    def no_more_was_taken_than_was_poured_in(self) -> None:
        poured = self.CAPACITY + (self.latest_s - self.first_s) * self.REFILL_PER_S
        assert self.taken <= poured + 1e-6


TestBucketMachine = pytest.mark.slow(BucketMachine.TestCase)
