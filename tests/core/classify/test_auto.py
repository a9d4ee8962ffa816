import concurrent.futures
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from recourse.classify import AutoClassifier, HTTPClassifier, PolicyAware
from recourse.errors import (
    AttemptTimeout,
    CapacityError,
    CircuitOpenError,
    ClassifierError,
    DeadlineExceeded,
    ExecutorClosed,
    KeyCardinalityError,
    NoPolicyError,
    PolicyError,
    PolicyNotFoundError,
    RecourseError,
    ResultRejected,
    RetryExhausted,
)
from recourse.outcome import SUCCESS, Health, Outcome, OutcomeKind
from recourse.policy import Policy

RETRYABLE, FINAL, ABORT = OutcomeKind.RETRYABLE, OutcomeKind.NON_RETRYABLE, OutcomeKind.ABORT
OPEN = CircuitOpenError("a.B", "open", "circuit_open", 2.0)


def judge(error: Exception) -> Outcome:
    return AutoClassifier().classify(None, error)


def under(policy: Policy) -> AutoClassifier:
    classifier = AutoClassifier()
    assert isinstance(classifier, PolicyAware)
    return classifier.bound_to(policy.normalize())


def test_every_value_is_the_one_success() -> None:
    assert AutoClassifier().classify("value", None) is SUCCESS


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("x"), "retryable_error"),
        (ConnectionRefusedError(), "retryable_error"),
        (ConnectionResetError(), "retryable_error"),
        (TypeError(), "retryable_error"),
        (RecourseError("of somebody's own"), "retryable_error"),
        (TimeoutError(), "timeout_error"),
        (AttemptTimeout(1.0), "attempt_timeout"),
        (DeadlineExceeded("a.B", 1.0), "context_deadline_exceeded"),
    ],
    ids=repr,
)
def test_an_error_that_is_not_of_http_is_retried(error: Exception, reason: str) -> None:
    assert judge(error) == Outcome(RETRYABLE, reason)


def test_an_error_means_the_same_whether_its_class_was_seen_before_or_not() -> None:
    classifier = AutoClassifier()
    plain, telling = RuntimeError(), RuntimeError()
    telling.status = 404  # type: ignore[attr-defined]  # as an error of a client would

    outcomes = [classifier.classify(None, e).reason for e in (plain, telling, plain, telling)]

    assert outcomes == ["retryable_error", "http_404", "retryable_error", "http_404"]


def test_a_class_that_says_its_status_is_judged_by_http() -> None:
    class NotFound(Exception):
        status = 404

    assert judge(NotFound()) == Outcome(FINAL, "http_404", {"family": "4xx"})


def test_r14_an_answer_among_the_causes_is_judged_by_http(http_error: Any) -> None:
    wrapped = RuntimeError("while charging")
    wrapped.__cause__ = http_error(404)
    with_context = RuntimeError("while cleaning up")
    with_context.__context__ = http_error(404)

    assert judge(wrapped).reason == "http_404"
    assert judge(with_context).reason == "retryable_error"


def test_r16_a_timeout_of_a_post_is_final() -> None:
    timeout: Any = TimeoutError()
    timeout.request = SimpleNamespace(method="POST")

    assert judge(timeout).reason == "http_non_idempotent"
    assert judge(AttemptTimeout(1.0, {"method": "POST"})).reason == "http_non_idempotent"


def test_an_http_client_is_known_by_the_names_of_its_errors() -> None:
    connect_error = type("ConnectError", (Exception,), {})
    transport_error = type("TransportError", (Exception,), {})

    assert judge(connect_error()).reason == "http_transport_error"
    assert judge(transport_error(ConnectionRefusedError())).reason == "http_transport_error"


@pytest.mark.parametrize("wait", [3, timedelta(seconds=3)])
def test_an_error_may_ask_for_a_wait_by_itself(wait: Any) -> None:
    busy: Any = RuntimeError("busy")
    busy.retry_after_s = wait

    assert judge(busy) == Outcome(RETRYABLE, "retryable_error", retry_after_s=3.0)


@pytest.mark.parametrize(
    "error", [RuntimeError(), TimeoutError(), AttemptTimeout(1.0), AttemptTimeout(1.0, {"a": 1})]
)
def test_what_must_not_be_repeated_is_final_and_the_dependency_unhealthy(error: Exception) -> None:
    outcome = under(Policy("a.B", idempotent=False)).classify(None, error)

    assert outcome == Outcome(
        FINAL, "non_retryable_error", {"idempotent": "false"}, health=Health.UNHEALTHY
    )


def test_what_must_not_be_repeated_may_be_when_it_was_never_sent(http_error: Any) -> None:
    classifier = under(Policy("a.B", idempotent=False))

    assert classifier.classify(None, ConnectionRefusedError()).kind is RETRYABLE
    assert classifier.classify(None, http_error(429)).kind is RETRYABLE


def test_a_policy_that_allows_repeating_lets_a_post_be_retried(http_error: Any) -> None:
    classifier = under(Policy("a.B", idempotent=True))

    assert classifier.classify(None, http_error(503, "POST")).kind is RETRYABLE


def test_a_policy_that_says_nothing_leaves_the_classifier_as_it_is() -> None:
    classifier = AutoClassifier(HTTPClassifier(extra_retryable=(404,)))

    assert classifier.bound_to(Policy("a.B").normalize()) is classifier


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (concurrent.futures.CancelledError(), Outcome(ABORT, "inner_cancelled")),
        (OPEN, Outcome(ABORT, "circuit_open", retry_after_s=2.0)),
        (NoPolicyError("a.B", "not_found"), Outcome(ABORT, "no_policy")),
        (PolicyNotFoundError("a.B"), Outcome(ABORT, "no_policy")),
        (PolicyError("key", "", "a text"), Outcome(ABORT, "abort")),
        (KeyCardinalityError("a b", "has a space"), Outcome(ABORT, "abort")),
        (ClassifierError("http", "raised"), Outcome(ABORT, "classifier_error")),
        (ExecutorClosed(), Outcome(ABORT, "executor_closed")),
        (CapacityError(32), Outcome(ABORT, "no_capacity")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_r19_a_cancelled_future_and_every_refusal_of_recourse_abort_without_blame(
    error: Exception, expected: Outcome
) -> None:
    outcome = judge(error)

    assert outcome == expected
    assert outcome.effective_health is Health.NEUTRAL


def test_a_refusal_is_known_when_it_was_wrapped() -> None:
    wrapped = RuntimeError("while charging")
    wrapped.__cause__ = OPEN

    assert judge(wrapped).reason == "circuit_open"


def test_a_rejected_result_of_a_nested_call_means_what_was_found_there() -> None:
    found = Outcome(RETRYABLE, "empty", retry_after_s=1.0)

    assert judge(ResultRejected(found, None)) is found


@pytest.mark.parametrize(
    ("leaves", "kind", "retry_after_s"),
    [
        ([503, 503], RETRYABLE, None),
        ([503, 404], FINAL, None),
        ([404, 404], FINAL, None),
        ([503, OPEN], ABORT, 2.0),
        ([404, OPEN], ABORT, 2.0),
    ],
)
def test_r17_a_group_is_as_retryable_as_its_least_retryable_leaf(
    leaves: list[Any], kind: OutcomeKind, retry_after_s: float | None, http_error: Any
) -> None:
    errors = [http_error(leaf) if isinstance(leaf, int) else leaf for leaf in leaves]

    outcome = judge(ExceptionGroup("several", errors))

    assert (outcome.kind, outcome.reason) == (kind, "exception_group")
    assert outcome.retry_after_s == retry_after_s


def test_r17_leaves_of_nested_groups_count_and_the_longest_wait_is_asked_for(
    http_error: Any,
) -> None:
    patient = http_error(429, headers={"Retry-After": "9"})
    hasty = http_error(503, headers={"Retry-After": "1"})
    group = ExceptionGroup("outer", [hasty, ExceptionGroup("inner", [patient, ValueError()])])

    assert judge(group) == Outcome(RETRYABLE, "exception_group", retry_after_s=9.0)


def test_r17_a_healthy_group_stays_healthy_and_a_failed_one_does_not(http_error: Any) -> None:
    answered = ExceptionGroup("answered", [http_error(404), http_error(409)])
    mixed = ExceptionGroup("mixed", [http_error(404), http_error(503)])

    assert judge(answered).effective_health is Health.HEALTHY
    assert judge(mixed).effective_health is Health.UNHEALTHY


def test_r17_exhausted_retries_of_a_nested_call_are_judged_by_their_attempts(
    http_error: Any,
) -> None:
    exhausted = RetryExhausted("2 attempts failed", [http_error(503), http_error(503)])

    assert judge(exhausted) == Outcome(RETRYABLE, "exception_group")


def test_an_error_or_its_cause_may_say_itself_what_it_means() -> None:
    said = Outcome(OutcomeKind.NON_RETRYABLE, "grpc_NOT_FOUND")
    error, wrapped, odd = ValueError(), RuntimeError(), ValueError()
    error.__dict__["recourse_outcome"] = said
    odd.__dict__["recourse_outcome"] = "retryable"
    wrapped.__cause__ = error

    class Gone(Exception):
        recourse_outcome = said

    judged = [AutoClassifier().classify(None, each) for each in (error, wrapped, Gone())]

    assert judged == [said, said, said]
    assert AutoClassifier().classify(None, odd).kind is OutcomeKind.RETRYABLE
