"""What survives pickling, and what stays behind."""

import copy
import pickle
from collections.abc import Iterator
from typing import Any, Final

import pytest

from recourse import (
    AttemptTimeout,
    BudgetRef,
    CapacityError,
    CircuitOpenError,
    CircuitPolicy,
    ClassifierError,
    DeadlineExceeded,
    EffectivePolicy,
    ExecutorClosed,
    HedgePolicy,
    KeyCardinalityError,
    NoPolicyError,
    Outcome,
    OutcomeKind,
    Policy,
    PolicyError,
    PolicyKey,
    PolicyNotFoundError,
    RecourseError,
    ResultRejected,
    RetryExhausted,
    RetryPolicy,
    timeline_of,
)
from recourse.outcome import Health
from recourse.policy.problems import PolicyFileError, Problem
from recourse.testing import http
from recourse.timeline import ErrorText

FULL: Final = Policy(
    "svc.Op",
    retry=RetryPolicy(max_attempts=99, budget=BudgetRef("b", 2), overall_timeout_s=4.0),
    hedge=HedgePolicy(trigger="p95", budget=BudgetRef("h")),
    circuit=CircuitPolicy(kind="failure_rate"),
    idempotent=True,
    id="full",
)
REJECTED: Final = Outcome(OutcomeKind.RETRYABLE, "no", {"family": "5xx"}, 2.0, Health.NEUTRAL)

PROBLEM: Final = Problem(
    file="policies.toml",
    line=3,
    rule="unknown_field",
    key="svc.Op",
    field="retry.max_attemps",
    value=3,
    wrong="is no field",
    advice="use retry.max_attempts",
)
ERRORS: Final[list[Exception]] = [
    PolicyError("retry.max_attempts", "three", "a whole number"),
    KeyCardinalityError("GET /7", "has a space"),
    PolicyNotFoundError("svc.Op"),
    NoPolicyError("svc.Op", "not_found"),
    ClassifierError("Mine", "raised ValueError"),
    ResultRejected(REJECTED, {"any": "value"}),
    AttemptTimeout(0.5, {"method": "GET"}),
    DeadlineExceeded("svc.Op", 2.0),
    CircuitOpenError("svc.Op", "open", "circuit_open", 3.0),
    RetryExhausted("svc.Op: 2 attempts failed", [OSError("a"), ValueError("b")]),
    CapacityError(32),
    ExecutorClosed("svc.Op"),
    ErrorText("OSError", "a text"),
    http(503, "POST", 2.0),
    PolicyFileError([PROBLEM]),
]


def again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def families(kind: type[RecourseError]) -> Iterator[type[RecourseError]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("recourse."):
            yield child
            yield from families(child)


@pytest.mark.parametrize(
    "value",
    [
        PolicyKey("svc.Op"),
        RetryPolicy.http(),
        HedgePolicy(),
        CircuitPolicy(),
        BudgetRef("b", 3),
        FULL,
        FULL.normalize(),
        FULL.normalize().normalization,
        REJECTED,
        *OutcomeKind,
        *Health,
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:40]}",
)
def test_r78_policies_keys_and_outcomes_survive(value: Any) -> None:
    assert again(value) == value
    assert copy.deepcopy(value) == value


def test_a_policy_that_has_travelled_is_followed_all_the_same(both: Any) -> None:
    class Sent:
        immediate = True

        def get(self, key: PolicyKey) -> EffectivePolicy:
            policy: EffectivePolicy = again(Policy("svc.Op").normalize("remote"))
            return policy

    told = both([OSError, "done"], provider=Sent())

    assert told.value == "done"
    assert told.timeline.attributes["policy_source"] == "remote"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_r78_exceptions_survive_by_type_and_arguments(error: Exception) -> None:
    back = again(error)

    assert type(back) is type(error)
    assert [repr(part) for part in back.args] == [repr(part) for part in error.args]
    assert str(back) == str(error)
    fields = {name for name in vars(error) if not name.startswith("_")}
    assert {name: repr(getattr(back, name)) for name in fields} == {
        name: repr(getattr(error, name)) for name in fields
    }


def test_r78_no_exception_class_is_forgotten_here() -> None:
    shown = {type(error) for error in ERRORS}

    core = {kind for kind in families(RecourseError) if ".integrations." not in kind.__module__}
    assert core - shown == set()


def test_r78_a_timeline_and_its_records_survive(both: Any) -> None:
    told = both([(0.1, http(503)), OSError("b"), "done"], circuit=CircuitPolicy())

    timeline = told.timeline
    back = again(timeline)

    assert str(back) == str(timeline)
    assert back.shape() == timeline.shape()
    assert (back.attributes, back.error) == (timeline.attributes, None)
    assert back.attempts[2] == timeline.attempts[2]
    assert [str(record.error) for record in back.attempts[:2]] == ["GET answered 503", "b"]
    assert [record.line() for record in back.attempts] == [
        record.line() for record in timeline.attempts
    ]


def test_r78_a_timeline_of_a_success_is_equal_afterwards(both: Any) -> None:
    told = both(["done"])

    assert again(told.timeline) == told.timeline


def test_the_timeline_of_an_exception_does_not_travel_with_it(both: Any) -> None:
    told = both([OSError("a", "b")])

    back = again(told.error)

    assert timeline_of(told.error) is not None
    assert timeline_of(back) is None
    assert back.args == ("a", "b")
    assert back.__notes__ == told.error.__notes__


def test_a_shallow_copy_of_an_exception_keeps_its_timeline(both: Any) -> None:
    told = both([OSError("a")])

    assert timeline_of(copy.copy(told.error)) == timeline_of(told.error)
