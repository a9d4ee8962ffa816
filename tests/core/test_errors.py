import pickle

import pytest

from recourse import errors
from recourse.outcome import Outcome, OutcomeKind

EVERY_ERROR = [
    errors.RecourseError("something"),
    errors.PolicyError("retry.max_attempts", "many", "a whole number"),
    errors.KeyCardinalityError("GET /users/123", "has a space"),
    errors.PolicyNotFoundError("payments.Charge"),
    errors.NoPolicyError("payments.Charge", "not_found"),
    errors.ClassifierError("http", "raised ValueError"),
    errors.ResultRejected(Outcome(OutcomeKind.RETRYABLE, "empty"), {"rows": 0}),
    errors.AttemptTimeout(1.5),
    errors.AttemptTimeout(1.5, {"method": "POST"}),
    errors.DeadlineExceeded("payments.Charge", 2.0),
    errors.CircuitOpenError("payments.Charge", "open", "circuit_open", 1.25),
    errors.CircuitOpenError("payments.Charge", "isolated", "circuit_forced_open", None),
    errors.CapacityError(32),
    errors.ExecutorClosed(),
    errors.ExecutorClosed("payments.Charge"),
]


def test_every_class_of_the_tree_has_an_example_here() -> None:
    shown = {type(error).__name__ for error in EVERY_ERROR} | {"RetryExhausted"}

    assert shown == set(errors.__all__)


@pytest.mark.parametrize("error", EVERY_ERROR)
def test_r78_an_error_survives_pickling_by_type_args_and_text(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), copy.args, str(copy)) == (type(error), error.args, str(error))
    assert vars(copy) == vars(error)


def test_r78_a_group_of_attempts_survives_pickling_with_its_errors() -> None:
    group = errors.RetryExhausted("2 attempts failed", [ValueError("a"), OSError("b")])

    copy = pickle.loads(pickle.dumps(group))

    assert (type(copy), copy.message) == (errors.RetryExhausted, "2 attempts failed")
    assert [(type(e), e.args) for e in copy.exceptions] == [(ValueError, ("a",)), (OSError, ("b",))]


def test_a_part_of_a_group_is_a_group_of_the_same_kind() -> None:
    group = errors.RetryExhausted("2 attempts failed", [ValueError("a"), OSError("b")])

    part = group.subgroup(OSError)

    assert isinstance(part, errors.RetryExhausted)
    assert [str(e) for e in part.exceptions] == ["b"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            errors.PolicyError("retry.max_attempts", "many", "a whole number from 1 to 10"),
            "retry.max_attempts 'many' is not allowed; use a whole number from 1 to 10",
        ),
        (
            errors.KeyCardinalityError("GET /users", "has a space"),
            (
                "policy key 'GET /users' has a space; "
                "use the name of an operation, for example 'user-service.GetUser'"
            ),
        ),
        (
            errors.PolicyNotFoundError("a.B"),
            "no policy for key 'a.B'; add one, or configure default_policy",
        ),
        (
            errors.NoPolicyError("a.B", "not_found"),
            (
                "call 'a.B' was refused without a policy (not_found); "
                "add a policy for the key, or choose missing_policy='allow' or 'fallback'"
            ),
        ),
        (
            errors.NoPolicyError("a.B", "provider_error"),
            (
                "call 'a.B' was refused without a policy (provider_error); mend the provider, "
                "which raised the error's cause, or choose missing_policy='allow' or 'fallback'"
            ),
        ),
        (
            errors.NoPolicyError("a.B", "classifier_not_found"),
            (
                "call 'a.B' was refused without a policy (classifier_not_found); register the "
                "classifier that the policy names, or choose missing_classifier='fallback'"
            ),
        ),
        (
            errors.ClassifierError("http", "raised ValueError"),
            "classifier 'http' raised ValueError; it must give an Outcome",
        ),
        (
            errors.ResultRejected(Outcome(OutcomeKind.RETRYABLE, "empty"), "secret"),
            "the result was classified retryable (empty)",
        ),
        (errors.AttemptTimeout(0.25), "the attempt took longer than 0.25 s"),
        (errors.DeadlineExceeded("a.B", 2.0), "call 'a.B' did not finish within 2 s"),
        (
            errors.CircuitOpenError("a.B", "open", "circuit_open", 1.234567),
            "the circuit of 'a.B' is open (circuit_open); a probe may pass in 1.23 s",
        ),
        (
            errors.CircuitOpenError("a.B", "isolated", "circuit_forced_open", None),
            "the circuit of 'a.B' is isolated (circuit_forced_open)",
        ),
        (
            errors.CapacityError(32),
            "32 abandoned runs are still going on; raise max_abandoned or mend the operation",
        ),
        (errors.ExecutorClosed(), "the executor is closed"),
        (errors.ExecutorClosed("a.B"), "call 'a.B' met a closed executor"),
    ],
)
def test_a_message_names_the_thing_what_is_wrong_and_what_to_do(
    error: Exception, text: str
) -> None:
    assert str(error) == text


def test_people_can_catch_errors_by_their_everyday_kind() -> None:
    assert issubclass(errors.PolicyError, ValueError)
    assert issubclass(errors.PolicyNotFoundError, LookupError)
    assert issubclass(errors.AttemptTimeout, TimeoutError)
    assert issubclass(errors.DeadlineExceeded, TimeoutError)
    assert all(isinstance(error, errors.RecourseError) for error in EVERY_ERROR)
