from collections.abc import Callable
from typing import Any

import pytest

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


def test_r63_a_probe_may_pass_when_the_cooldown_is_over(drive: Drive) -> None:
    driven = drive(cooldown_s=10.0).opened(5.0)

    admissions = [driven.breaker.admit(15.0, "this call"), driven.breaker.admit(15.0)]

    assert admissions == [
        passed(BreakerState.HALF_OPEN, 2, probe=1),
        refused(BreakerState.HALF_OPEN, CircuitReason.HALF_OPEN_PROBE_LIMIT, 2),
    ]
    assert driven.heard[1:] == [
        Transition(
            "payments.Charge",
            BreakerState.OPEN,
            BreakerState.HALF_OPEN,
            CircuitCause.COOLDOWN_ELAPSED,
            2,
            {},
            15.0,
            "this call",
        )
    ]


def test_r63_as_many_healthy_probes_as_required_close_it(drive: Drive) -> None:
    driven = drive(required_successes=3, max_probes=2).opened()
    probes = [driven.breaker.admit(10.0) for _ in range(2)]
    for probe in probes:
        driven.breaker.settle(probe, GOOD, 0.1, 11.0)
    before = driven.state

    driven.breaker.settle(driven.breaker.admit(12.0), GOOD, 0.1, 12.5, "the third")

    assert before == "half_open"
    assert driven.heard[2:] == [
        Transition(
            "payments.Charge",
            BreakerState.HALF_OPEN,
            BreakerState.CLOSED,
            CircuitCause.PROBE_SUCCEEDED,
            3,
            {"successes": 3},
            12.5,
            "the third",
        )
    ]
    assert driven.breaker.calm is driven.breaker.free_pass
    assert driven.breaker.admit(13.0) == passed(BreakerState.CLOSED, 3)


def test_r63_one_unhealthy_probe_reopens_it_and_the_cooldown_starts_again(drive: Drive) -> None:
    driven = drive(required_successes=3, cooldown_s=10.0).opened()
    driven.attempt(GOOD, 10.0)

    driven.attempt(BAD, 12.0)

    assert driven.heard[2:] == [
        Transition(
            "payments.Charge",
            BreakerState.HALF_OPEN,
            BreakerState.OPEN,
            CircuitCause.PROBE_FAILED,
            3,
            {"successes": 1},
            12.0,
        )
    ]
    assert driven.breaker.admit(21.0).retry_after_s == 1.0
    assert driven.breaker.admit(22.0).probe is not None


def test_r63_healthy_probes_of_an_earlier_half_open_phase_do_not_count(drive: Drive) -> None:
    driven = drive(required_successes=2).opened()
    for health, now_s in ((GOOD, 10.0), (BAD, 10.0), (GOOD, 20.0)):
        driven.attempt(health, now_s)

    assert driven.state == "half_open"


def test_r63_probes_of_an_earlier_half_open_phase_hold_no_slots(drive: Drive) -> None:
    driven = drive(max_probes=2, probe_ttl_s=3600.0).opened()
    driven.breaker.admit(10.0)
    driven.attempt(BAD, 10.0)

    admissions = [driven.breaker.admit(20.0) for _ in range(3)]

    assert [admission.allowed for admission in admissions] == [True, True, False]


def test_r63_the_cooldown_grows_with_failed_probes_up_to_its_bound(drive: Drive) -> None:
    driven = drive(cooldown_s=10.0, cooldown_multiplier=2.0, max_cooldown_s=30.0).opened()

    cooldowns_s, now_s = [], 0.0
    for _ in range(4):
        cooldown_s = driven.breaker.admit(now_s).retry_after_s
        cooldowns_s.append(cooldown_s)
        now_s += cooldown_s
        driven.attempt(BAD, now_s)

    assert cooldowns_s == [10.0, 20.0, 30.0, 30.0]


def test_r63_the_cooldown_is_short_again_after_it_has_closed(drive: Drive) -> None:
    driven = drive(cooldown_s=10.0, cooldown_multiplier=3.0).opened()
    driven.attempt(BAD, 10.0)
    driven.attempt(GOOD, 40.0)

    driven.opened(50.0)

    assert driven.breaker.admit(50.0).retry_after_s == 10.0


def test_r63_jitter_takes_a_drawn_part_off_the_cooldown(drive: Drive) -> None:
    driven = drive(cooldown_s=10.0, cooldown_jitter=0.4)
    driven.draws.value = 0.25

    driven.opened()
    driven.draws.value = 0.9  # drawn once, when it opens

    assert driven.breaker.admit(0.0).retry_after_s == pytest.approx(9.0)


def test_r58_a_neutral_probe_gives_its_slot_back_at_once(drive: Drive) -> None:
    driven = drive().opened()
    probe = driven.breaker.admit(10.0)

    driven.breaker.settle(probe, NEUTRAL, 0.0, 10.0)

    assert (driven.state, driven.breaker.admit(10.0).probe) == ("half_open", 2)


@pytest.mark.parametrize(
    ("fields", "ttl_s"),
    [
        ({"probe_ttl_s": 3.0}, 3.0),
        ({"cooldown_s": 4.0}, 4.0),
        ({"cooldown_s": 4.0, "attempt_timeout_s": 6.0}, 6.0),
        ({"cooldown_s": 8.0, "attempt_timeout_s": 6.0}, 8.0),
        ({"probe_ttl_s": 3.0, "attempt_timeout_s": 6.0}, 3.0),
    ],
    ids=["given", "cooldown", "attempt_timeout", "longer_cooldown", "given_wins"],
)
def test_r58_a_probe_that_is_never_settled_gives_its_slot_back_after_its_time(
    drive: Drive, fields: dict[str, float], ttl_s: float
) -> None:
    breaker = drive(**fields).opened().breaker
    breaker.admit(100.0)

    assert breaker.admit(100.0 + ttl_s - 0.001).reason == CircuitReason.HALF_OPEN_PROBE_LIMIT
    assert breaker.admit(100.0 + ttl_s).probe == 2


def test_r58_a_probe_that_comes_late_still_counts_unless_the_state_has_changed(
    drive: Drive,
) -> None:
    driven = drive(probe_ttl_s=1.0, required_successes=2).opened()
    late = driven.breaker.admit(10.0)
    driven.attempt(GOOD, 20.0)

    driven.breaker.settle(late, GOOD, 15.0, 25.0)

    assert driven.state == "closed"


def test_r59_a_stale_success_does_not_close_and_a_stale_failure_does_not_reopen(
    drive: Drive,
) -> None:
    driven = drive(threshold=1)
    early = driven.breaker.admit(0.0)
    driven.attempt(BAD, 0.0)
    first = driven.breaker.admit(10.0)
    driven.breaker.settle(early, GOOD, 20.0, 10.0)
    driven.breaker.settle(early, BAD, 20.0, 10.0)
    half_open = driven.state
    driven.breaker.settle(first, BAD, 0.1, 11.0)
    second = driven.breaker.admit(30.0)
    driven.breaker.settle(first, GOOD, 0.1, 30.0)
    still_half_open = driven.state
    driven.breaker.settle(second, GOOD, 0.1, 31.0)
    driven.breaker.settle(second, BAD, 0.1, 31.0)
    driven.breaker.settle(early, BAD, 0.1, 31.0)

    assert (half_open, still_half_open, driven.state) == ("half_open", "half_open", "closed")


def test_r59_settling_a_probe_twice_counts_once(drive: Drive) -> None:
    driven = drive(required_successes=2, max_probes=2).opened()
    probe, other = driven.breaker.admit(10.0), driven.breaker.admit(10.0)
    for _ in range(3):
        driven.breaker.settle(probe, GOOD, 0.1, 10.0)
    driven.breaker.settle(probe, BAD, 0.1, 10.0)
    before = driven.state

    driven.breaker.settle(other, GOOD, 0.1, 10.0)

    assert (before, driven.state) == ("half_open", "closed")


def test_settling_a_refusal_does_nothing(drive: Drive) -> None:
    driven = drive(max_probes=1).opened()
    while_open = driven.breaker.admit(0.0)
    driven.breaker.settle(while_open, BAD, 0.1, 1.0)
    driven.breaker.admit(10.0)
    without_slot = driven.breaker.admit(10.0)

    driven.breaker.settle(without_slot, BAD, 0.1, 10.0)

    assert driven.path == ["closed>open", "open>half_open"]


def test_r60_every_transition_names_what_caused_it(drive: Drive) -> None:
    driven = drive(threshold=1, cooldown_s=10.0)

    def attempt(health: Health, now_s: float, origin: str) -> None:
        admission = driven.breaker.admit(now_s, origin)
        driven.breaker.settle(admission, health, 0.1, now_s, origin)

    attempt(Health.UNHEALTHY, 0.0, "first")
    attempt(Health.UNHEALTHY, 20.0, "second")
    attempt(Health.HEALTHY, 40.0, "third")

    assert [told.origin for told in driven.heard] == [
        *("first", "second", "second"),
        *("third", "third"),
    ]


def test_r58_a_probe_without_any_limit_lasts_as_long_as_a_cooldown(drive: Drive) -> None:
    driven = drive(cooldown_s=0.5).opened()
    driven.breaker.admit(1.0)

    assert [driven.breaker.admit(now_s).allowed for now_s in (1.4, 1.5)] == [False, True]
