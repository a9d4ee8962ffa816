import pickle
from datetime import timedelta

import pytest

from recourse.errors import PolicyError
from recourse.outcome import SUCCESS, Health, Outcome, OutcomeKind


@pytest.mark.parametrize(
    ("kind", "reason", "health"),
    [
        (OutcomeKind.SUCCESS, "success", Health.HEALTHY),
        (OutcomeKind.RETRYABLE, "retryable_error", Health.UNHEALTHY),
        (OutcomeKind.NON_RETRYABLE, "non_retryable_error", Health.HEALTHY),
        (OutcomeKind.ABORT, "abort", Health.NEUTRAL),
        (OutcomeKind.CANCELLED, "cancelled", Health.NEUTRAL),
        (OutcomeKind.ABANDONED, "abandoned", Health.NEUTRAL),
    ],
)
def test_r12_r57_an_empty_reason_and_health_follow_the_kind(
    kind: OutcomeKind, reason: str, health: Health
) -> None:
    outcome = Outcome(kind)

    assert (outcome.reason, outcome.effective_health) == (reason, health)


def test_r57_a_given_health_wins_over_the_kind() -> None:
    outcome = Outcome(OutcomeKind.NON_RETRYABLE, "http_non_idempotent", health=Health.UNHEALTHY)

    assert outcome.effective_health is Health.UNHEALTHY


def test_an_unknown_kind_keeps_its_empty_reason() -> None:
    odd = Outcome("sideways")  # type: ignore[arg-type]  # what a careless classifier may give

    assert odd.reason == ""


def test_r12_names_stand_for_kind_and_health() -> None:
    told = Outcome("retryable", health="neutral")  # type: ignore[arg-type]  # as many write it

    assert told == Outcome(OutcomeKind.RETRYABLE, "retryable_error", health=Health.NEUTRAL)
    assert (type(told.kind), type(told.health)) == (OutcomeKind, Health)


def test_r12_a_wait_that_was_asked_for_is_seconds_or_a_timedelta() -> None:
    outcome = Outcome(OutcomeKind.RETRYABLE, retry_after_s=timedelta(minutes=1))  # type: ignore[arg-type]

    assert outcome.retry_after_s == 60.0


@pytest.mark.parametrize("wrong", ["5", True, float("nan"), float("inf")])
def test_r13_a_wait_that_is_no_duration_is_refused(wrong: object) -> None:
    with pytest.raises(PolicyError, match="retry_after_s"):
        Outcome(OutcomeKind.RETRYABLE, retry_after_s=wrong)  # type: ignore[arg-type]


def test_r78_an_outcome_survives_pickling() -> None:
    outcome = Outcome(OutcomeKind.RETRYABLE, "http_503", {"family": "5xx"}, 2.0, Health.NEUTRAL)

    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_equal_outcomes_have_equal_hashes_though_attributes_cannot_be_hashed() -> None:
    first = Outcome(OutcomeKind.RETRYABLE, "http_503", {"family": "5xx"})
    second = Outcome(OutcomeKind.RETRYABLE, "http_503", {"family": "5xx"})

    assert {first, second} == {first}
    assert Outcome(OutcomeKind.SUCCESS) == SUCCESS
