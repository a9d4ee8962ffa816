"""Reference sequences of the kinds that open at a share of attempts."""

from collections.abc import Callable
from typing import Any

import pytest

from recourse.outcome import Health
from recourse.policy.model import CircuitKind, CircuitPolicy
from recourse.reasons import CircuitCause

Drive = Callable[..., Any]
GOOD = Health.HEALTHY
BAD = Health.UNHEALTHY
NEUTRAL = Health.NEUTRAL


def states(driven: Any, sequence: str, now_s: float = 0.0) -> str:
    """Attempt G(ood), B(ad) and N(eutral) ones; the first letter of the state after each."""
    health = {"G": GOOD, "B": BAD, "N": NEUTRAL}
    after = []
    for letter in sequence:
        driven.attempt(health[letter], now_s)
        after.append(driven.state[0])
    return "".join(after)


def test_r61_a_rate_is_not_looked_at_below_the_least_number_of_attempts(drive: Drive) -> None:
    driven = drive(kind="failure_rate", min_calls=4)

    assert states(driven, "BBBN") == "cccc"
    assert states(driven, "G") == "o"
    assert (driven.heard[0].cause, driven.heard[0].counters) == (
        CircuitCause.FAILURE_RATE,
        {"failures": 3, "calls": 4},
    )


@pytest.mark.parametrize(("sequence", "after"), [("GGGGGBB", "ccccccc"), ("GGGGGBBB", "ccccccco")])
def test_r61_a_rate_opens_at_its_share_and_not_below(
    drive: Drive, sequence: str, after: str
) -> None:
    driven = drive(kind="failure_rate", min_calls=2, failure_ratio=0.375)

    assert states(driven, sequence) == after


def test_r61_a_share_is_exact_where_floats_are_not(drive: Drive) -> None:
    driven = drive(kind="failure_rate", min_calls=30, failure_ratio=0.1)

    assert states(driven, "BBB" + "G" * 27)[-2:] == "co"


def test_r61_a_count_window_forgets_the_oldest_attempt(drive: Drive) -> None:
    driven = drive(kind="failure_rate", window_calls=4, min_calls=4, failure_ratio=0.75)

    assert states(driven, "BBGGBGBB") == "ccccccco"
    assert driven.heard[0].counters == {"failures": 3, "calls": 4}


def test_r61_a_full_count_window_is_always_believed(drive: Drive) -> None:
    driven = drive(kind="failure_rate", window_calls=3, min_calls=20, failure_ratio=1.0)

    assert states(driven, "GBBB") == "ccco"


def test_r61_a_time_window_forgets_what_is_older(drive: Drive) -> None:
    driven = drive(kind="failure_rate", window_s=10.0, min_calls=3)

    assert states(driven, "BB", 0.5) == "cc"
    assert states(driven, "G", 10.0) == "c"  # the two are forgotten: one attempt is too few
    assert states(driven, "B", 10.5) == "c"
    assert states(driven, "B", 11.0) == "o"
    assert driven.heard[0].counters == {"failures": 2, "calls": 3}


def test_r61_a_breaker_that_closes_again_starts_counting_anew(drive: Drive) -> None:
    driven = drive(kind="failure_rate", min_calls=2, window_s=3600.0)
    states(driven, "BB")
    driven.attempt(GOOD, 10.0)

    assert states(driven, "BG", 11.0) == "co"
    assert driven.heard[-1].counters == {"failures": 1, "calls": 2}


def test_r61_a_count_window_is_empty_after_it_has_closed_again(drive: Drive) -> None:
    driven = drive(kind="failure_rate", min_calls=2, window_calls=2)
    states(driven, "BB")
    driven.attempt(GOOD, 10.0)

    assert states(driven, "BG", 11.0) == "co"
    assert driven.heard[-1].counters == {"failures": 1, "calls": 2}


@pytest.mark.parametrize("health", [GOOD, BAD])
def test_r61_slow_attempts_open_however_they_end(drive: Drive, health: Health) -> None:
    driven = drive(kind="slow_call_rate", min_calls=4, slow_call_s=1.0)
    for duration_s in (0.2, 0.999, 1.0):
        driven.attempt(health, 0.0, duration_s)
    before = driven.state

    driven.attempt(health, 0.0, 5.0)

    assert (before, driven.state) == ("closed", "open")
    assert (driven.heard[0].cause, driven.heard[0].counters) == (
        CircuitCause.SLOW_CALL_RATE,
        {"slow_calls": 2, "calls": 4},
    )


def test_r61_the_slow_share_is_its_own(drive: Drive) -> None:
    driven = drive(kind="slow_call_rate", min_calls=2, slow_ratio=1.0, failure_ratio=0.01)
    driven.attempt(GOOD, 0.0, 0.5)
    driven.attempt(GOOD, 0.0, 1.5)

    assert driven.state == "closed"


@pytest.mark.parametrize(
    ("kind", "health", "duration_s", "state"),
    [
        ("slow_call_rate", GOOD, 0.999, "closed"),
        ("slow_call_rate", GOOD, 1.0, "open"),
        ("slow_call_rate", BAD, 0.1, "open"),
        ("failure_rate", GOOD, 5.0, "closed"),
        ("consecutive", GOOD, 5.0, "closed"),
    ],
)
def test_r63_a_slow_probe_fails_only_where_slowness_is_what_counts(
    drive: Drive, kind: str, health: Health, duration_s: float, state: str
) -> None:
    driven = drive(kind=kind, threshold=2, min_calls=2, slow_call_s=1.0)
    while driven.state == "closed":
        driven.attempt(BAD, 0.0, 2.0)

    driven.attempt(health, 10.0, duration_s)

    assert driven.state == state


def test_a_rate_is_never_calm(drive: Drive) -> None:
    driven = drive(kind="failure_rate")

    assert ((driven.breaker.calm is not None), driven.breaker.free_pass is None) == (False, False)


def test_r62_a_changed_share_keeps_what_was_counted(drive: Drive) -> None:
    driven = drive(kind="failure_rate", min_calls=10)
    states(driven, "BBGGG")

    driven.breaker.apply(
        CircuitPolicy(kind=CircuitKind.FAILURE_RATE, min_calls=6, failure_ratio=0.3), None
    )

    assert states(driven, "G") == "o"
    assert driven.heard[0].counters == {"failures": 2, "calls": 6}


@pytest.mark.parametrize("changed", [{"window_s": 60.0}, {"window_calls": 50}])
def test_r62_another_window_starts_empty(drive: Drive, changed: dict[str, Any]) -> None:
    driven = drive(kind="failure_rate", min_calls=3)
    states(driven, "BB")

    driven.breaker.apply(CircuitPolicy(kind=CircuitKind.FAILURE_RATE, min_calls=3, **changed), None)
    shown = repr(driven.breaker)

    assert "counters={'failures': 0, 'calls': 0}" in shown
    assert states(driven, "BBB") == "cco"


def test_a_rate_has_counted_nothing_at_first_and_after_a_reset(drive: Drive) -> None:
    driven = drive(kind="failure_rate", window_calls=10, min_calls=5)

    driven.breaker.isolate()
    driven.breaker.reset()
    driven.attempt(Health.UNHEALTHY)
    driven.breaker.reset()
    driven.breaker.isolate()

    nothing = {"failures": 0, "calls": 0}
    assert [told.counters for told in driven.heard] == [nothing, {}, nothing]
