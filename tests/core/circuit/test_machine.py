from collections.abc import Callable
from typing import Any

from recourse.circuit import Admission, Transition
from recourse.outcome import Health
from recourse.reasons import BreakerState, CircuitCause, CircuitReason

Drive = Callable[..., Any]
GOOD = Health.HEALTHY
BAD = Health.UNHEALTHY
NEUTRAL = Health.NEUTRAL


def passed(state: BreakerState, generation: int, probe: int | None = None) -> Admission:
    return Admission(allowed=True, state=state, reason="", generation=generation, probe=probe)


def refused(
    state: BreakerState, reason: str, generation: int, retry_after_s: float | None = None
) -> Admission:
    return Admission(
        allowed=False,
        state=state,
        reason=reason,
        generation=generation,
        retry_after_s=retry_after_s,
    )


def test_a_closed_breaker_gives_everybody_the_same_free_pass(drive: Drive) -> None:
    breaker = drive().breaker

    first = breaker.admit(0.0)

    assert first == passed(BreakerState.CLOSED, 0)
    assert breaker.admit(9.0) is first is breaker.free_pass


def test_a_breaker_is_calm_while_a_healthy_outcome_would_change_nothing(drive: Drive) -> None:
    driven = drive(threshold=2)
    seen = [(driven.breaker.calm is not None)]
    for health in (GOOD, BAD, NEUTRAL, GOOD):
        driven.attempt(health)
        seen.append(driven.breaker.calm is not None)
    driven.opened()

    assert [*seen, (driven.breaker.calm is not None)] == [True, True, False, False, True, False]
    assert driven.breaker.free_pass is None


def test_r61_failures_in_a_row_open_at_the_threshold(drive: Drive) -> None:
    driven = drive(threshold=3)
    for now_s in (1.0, 2.0):
        driven.attempt(BAD, now_s)
    before = driven.state

    driven.attempt(BAD, 3.0)

    assert before == "closed"
    assert driven.heard == [
        Transition(
            "payments.Charge",
            BreakerState.CLOSED,
            BreakerState.OPEN,
            CircuitCause.FAILURE_THRESHOLD,
            1,
            {"failures": 3},
            3.0,
        )
    ]


def test_r61_a_healthy_outcome_ends_the_row(drive: Drive) -> None:
    driven = drive(threshold=2)

    for health in (BAD, GOOD, BAD, GOOD, BAD):
        driven.attempt(health)

    assert driven.heard == []


def test_r57_a_neutral_outcome_neither_counts_nor_ends_the_row(drive: Drive) -> None:
    driven = drive(threshold=2)

    for health in (BAD, NEUTRAL, BAD):
        driven.attempt(health)

    assert driven.path == ["closed>open"]


def test_r56_an_open_breaker_refuses_and_tells_how_long(drive: Drive) -> None:
    breaker = drive(cooldown_s=10.0).opened(5.0).breaker

    assert [breaker.admit(now_s) for now_s in (5.0, 7.5, 14.5)] == [
        refused(BreakerState.OPEN, CircuitReason.CIRCUIT_OPEN, 1, retry_after_s)
        for retry_after_s in (10.0, 7.5, 0.5)
    ]


def test_a_breaker_shows_its_state(drive: Drive) -> None:
    driven = drive(required_successes=2).opened(1.5)
    driven.attempt(GOOD, 12.0)

    assert repr(driven.breaker) == (
        "CircuitBreaker('payments.Charge', half_open, generation=2, since_s=12, "
        "counters={'successes': 1}, held=False)"
    )


def test_a_pass_taken_while_it_closes_is_the_new_one(drive: Drive) -> None:
    driven = drive().opened()
    driven.breaker.reset()
    driven.breaker.free_pass = None  # as a thread sees it that looked a moment earlier

    assert driven.breaker.admit(0.0) == passed(BreakerState.CLOSED, 2)
