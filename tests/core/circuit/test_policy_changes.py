from collections.abc import Callable
from typing import Any

import pytest

from recourse.outcome import Health
from recourse.policy.model import CircuitKind, CircuitPolicy

Drive = Callable[..., Any]
GOOD = Health.HEALTHY
BAD = Health.UNHEALTHY
NEUTRAL = Health.NEUTRAL


def test_r62_a_changed_threshold_keeps_what_was_counted(drive: Drive) -> None:
    driven = drive(threshold=5)
    for _ in range(3):
        driven.attempt(BAD)

    driven.breaker.apply(CircuitPolicy(threshold=4), None)
    driven.attempt(BAD)

    assert driven.heard[0].counters == {"failures": 4}


def test_r62_a_changed_cooldown_holds_for_a_breaker_that_is_open(drive: Drive) -> None:
    driven = drive(cooldown_s=100.0).opened()

    driven.breaker.apply(CircuitPolicy(cooldown_s=7.0), None)

    assert driven.breaker.admit(6.0).retry_after_s == 1.0
    assert driven.state == "open"


def test_r62_changed_probe_limits_hold_at_once(drive: Drive) -> None:
    driven = drive().opened()
    driven.breaker.admit(10.0)

    driven.breaker.apply(CircuitPolicy(max_probes=2, required_successes=2), 5.0)
    admissions = [driven.breaker.admit(10.0) for _ in range(2)]
    driven.breaker.settle(admissions[0], GOOD, 0.1, 10.0)

    assert [admission.allowed for admission in admissions] == [True, False]
    assert driven.state == "half_open"


def test_r62_a_changed_attempt_timeout_holds_for_the_next_probe(drive: Drive) -> None:
    policy = CircuitPolicy(cooldown_s=10.0)
    driven = drive(cooldown_s=10.0).opened()
    driven.breaker.apply(policy, None)

    driven.breaker.apply(policy, 60.0)
    driven.breaker.admit(10.0)

    assert [driven.breaker.admit(now_s).allowed for now_s in (69.0, 70.0)] == [False, True]


@pytest.mark.parametrize("kind", [CircuitKind.FAILURE_RATE, CircuitKind.SLOW_CALL_RATE])
def test_r62_another_kind_starts_counting_anew_in_the_old_state(
    drive: Drive, kind: CircuitKind
) -> None:
    driven = drive(threshold=2)
    driven.attempt(BAD)

    driven.breaker.apply(CircuitPolicy(kind=kind, min_calls=2, slow_call_s=0.05), None)
    quiet = driven.breaker.calm is not None
    driven.attempt(BAD)
    driven.attempt(BAD)
    driven.breaker.apply(CircuitPolicy(), None)

    assert (quiet, driven.state, driven.heard[0].counters["calls"]) == (False, "open", 2)
    assert driven.breaker.admit(4.0).retry_after_s == 6.0


def test_r62_back_to_failures_in_a_row_it_is_calm_again(drive: Drive) -> None:
    driven = drive(kind="failure_rate")
    before = driven.breaker.calm is not None

    driven.breaker.apply(CircuitPolicy(), None)

    assert (before, (driven.breaker.calm is not None)) == (False, True)
