from collections.abc import Callable
from typing import Any

import pytest

from recourse.circuit import Admission, Transition
from recourse.outcome import Health
from recourse.reasons import BreakerState, CircuitCause, CircuitReason

Drive = Callable[..., Any]
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


def test_r61_an_isolated_breaker_refuses_everything_and_counts_nothing(drive: Drive) -> None:
    driven = drive(threshold=1)
    early = driven.breaker.admit(0.0)

    driven.breaker.isolate()
    driven.breaker.settle(early, BAD, 0.1, 1.0)

    assert driven.breaker.admit(1e9) == refused(BreakerState.ISOLATED, CircuitReason.FORCED_OPEN, 1)
    assert driven.heard == [
        Transition(
            "payments.Charge",
            BreakerState.CLOSED,
            BreakerState.ISOLATED,
            CircuitCause.MANUAL,
            1,
            {"failures": 0},
            500.0,
        )
    ]


def test_r61_a_disabled_breaker_lets_everything_pass_and_counts_nothing(drive: Drive) -> None:
    driven = drive(threshold=1).opened()

    driven.breaker.disable()
    for _ in range(5):
        driven.attempt(BAD)

    assert driven.breaker.admit(0.0) == passed(BreakerState.DISABLED, 2)
    assert driven.breaker.admit(0.0) is driven.breaker.free_pass
    assert driven.breaker.calm is None
    assert driven.path == ["closed>open", "open>disabled"]


def test_r61_a_breaker_forced_closed_counts_but_does_not_open(drive: Drive) -> None:
    driven = drive(threshold=2).opened()

    driven.breaker.force_closed()
    for _ in range(3):
        driven.attempt(BAD)

    assert driven.path == ["closed>open", "open>closed"]
    assert driven.breaker.calm is None
    assert repr(driven.breaker) == (
        "CircuitBreaker('payments.Charge', closed, generation=2, since_s=500, "
        "counters={'failures': 3}, held=True)"
    )


def test_r61_a_reset_gives_the_breaker_back_to_itself(drive: Drive) -> None:
    driven = drive(threshold=2)
    driven.breaker.force_closed()
    driven.attempt(BAD)

    driven.breaker.reset()
    quiet = driven.breaker.calm is not None
    driven.attempt(BAD)
    before = driven.state
    driven.attempt(BAD)

    assert (quiet, before, driven.path) == (True, "closed", ["closed>open"])


def test_r61_a_reset_makes_the_cooldown_short_again(drive: Drive) -> None:
    driven = drive(cooldown_multiplier=5.0).opened()
    driven.attempt(BAD, 10.0)

    driven.breaker.reset()
    driven.opened(600.0)

    assert driven.breaker.admit(600.0).retry_after_s == 10.0
    assert driven.path[-2:] == ["open>closed", "closed>open"]


@pytest.mark.parametrize("action", ["isolate", "force_closed", "disable", "reset"])
def test_r61_doing_by_hand_what_is_so_already_is_no_transition(drive: Drive, action: str) -> None:
    driven = drive()
    getattr(driven.breaker, action)()
    told = len(driven.heard)

    getattr(driven.breaker, action)()

    assert len(driven.heard) == told


def test_r61_from_isolated_it_can_be_led_anywhere(drive: Drive) -> None:
    driven = drive()
    for action in ("isolate", "disable", "isolate", "force_closed", "isolate", "reset"):
        getattr(driven.breaker, action)()

    assert driven.path == [
        "closed>isolated",
        "isolated>disabled",
        "disabled>isolated",
        "isolated>closed",
        "closed>isolated",
        "isolated>closed",
    ]
