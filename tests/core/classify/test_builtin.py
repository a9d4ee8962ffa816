from typing import Any

import pytest

from recourse.classify import (
    AlwaysRetryOnError,
    AutoClassifier,
    ByException,
    ByResult,
    Classifier,
    PolicyAware,
)
from recourse.errors import CircuitOpenError, PolicyError
from recourse.outcome import SUCCESS, Outcome, OutcomeKind
from recourse.policy import Policy

RETRYABLE, FINAL, ABORT = OutcomeKind.RETRYABLE, OutcomeKind.NON_RETRYABLE, OutcomeKind.ABORT
REFUSED = CircuitOpenError("a.B", "open", "circuit_open", None)


def judge(classifier: Classifier, error: Exception) -> tuple[OutcomeKind, str]:
    outcome = classifier.classify(None, error)
    return outcome.kind, outcome.reason


@pytest.mark.parametrize("classifier", [AlwaysRetryOnError(), ByException({})])
def test_a_value_is_the_one_success(classifier: Classifier) -> None:
    assert classifier.classify(None, None) is SUCCESS


def test_always_retries_every_error_of_the_operation() -> None:
    always = AlwaysRetryOnError()

    assert judge(always, KeyError("x")) == (RETRYABLE, "retryable_error")
    assert judge(always, ExceptionGroup("", [KeyError()])) == (RETRYABLE, "exception_group")
    assert judge(always, REFUSED) == (ABORT, "circuit_open")


def test_the_nearest_listed_class_decides() -> None:
    busy = Outcome(RETRYABLE, "busy", retry_after_s=1.0)
    by_class = ByException(
        {OSError: FINAL, ConnectionError: "retryable", BlockingIOError: busy, KeyError: "abort"}
    )

    assert judge(by_class, ConnectionResetError()) == (RETRYABLE, "retryable_error")
    assert judge(by_class, FileNotFoundError()) == (FINAL, "non_retryable_error")
    assert by_class.classify(None, BlockingIOError()) is busy
    assert judge(by_class, KeyError()) == (ABORT, "abort")


def test_an_unlisted_error_is_final_unless_said_otherwise() -> None:
    assert judge(ByException({OSError: "retryable"}), KeyError())[0] is FINAL
    assert judge(ByException({OSError: "abort"}, otherwise="retryable"), KeyError())[0] is RETRYABLE


def test_a_refusal_of_recourse_aborts_unless_it_is_listed() -> None:
    assert judge(ByException({}), REFUSED) == (ABORT, "circuit_open")
    assert judge(ByException({CircuitOpenError: "retryable"}), REFUSED)[0] is RETRYABLE


def test_r17_a_group_is_judged_by_its_leaves_unless_it_is_listed() -> None:
    group = ExceptionGroup("", [OSError(), KeyError()])

    assert judge(ByException({OSError: "retryable"}), group) == (FINAL, "exception_group")
    assert judge(ByException({ExceptionGroup: "retryable"}), group)[0] is RETRYABLE


@pytest.mark.parametrize(
    ("outcomes", "wrong"),
    [
        ({KeyboardInterrupt: "retryable"}, "KeyboardInterrupt"),
        ({"OSError": "retryable"}, "'OSError'"),
        ({OSError: "sometimes"}, "'sometimes'"),
        ({OSError: OutcomeKind.CANCELLED}, "cancelled"),
    ],
)
def test_r05_a_wrong_table_is_refused_with_the_value(outcomes: Any, wrong: str) -> None:
    with pytest.raises(PolicyError, match=f"outcomes .*{wrong}.* is not allowed"):
        ByException(outcomes)


def test_r05_a_wrong_kind_for_all_others_is_refused() -> None:
    with pytest.raises(PolicyError, match="use an Outcome or one of success, retryable"):
        ByException({}, otherwise="sometimes")


def test_r05_what_is_no_table_or_no_question_is_refused_with_the_value() -> None:
    nothing: Any = 3

    with pytest.raises(PolicyError, match="outcomes 3 is not allowed; use a mapping from"):
        ByException(nothing)
    with pytest.raises(PolicyError, match="rejects 3 is not allowed; use a function that says"):
        ByResult(nothing)


def test_a_value_that_is_rejected_is_retried() -> None:
    not_none = ByResult(lambda value: value is None)

    assert not_none.classify(None, None) == Outcome(RETRYABLE, "result_rejected")
    assert not_none.classify(0, None) is SUCCESS


def test_errors_are_left_to_the_other_classifier(http_error: Any) -> None:
    by_default = ByResult(lambda value: value is None)
    always = ByResult(lambda value: value is None, errors=AlwaysRetryOnError())

    assert judge(by_default, http_error(404)) == (FINAL, "http_404")
    assert judge(always, http_error(404)) == (RETRYABLE, "retryable_error")


def test_the_policy_reaches_the_judge_of_errors_if_it_wants_it(http_error: Any) -> None:
    policy = Policy("a.B", idempotent=True).normalize()
    aware = ByResult(lambda value: value is None, errors=AutoClassifier())
    unaware = ByResult(lambda value: value is None, errors=AlwaysRetryOnError())
    assert isinstance(aware, PolicyAware)

    bound = aware.bound_to(policy)

    assert judge(bound, http_error(503, "POST")) == (RETRYABLE, "http_503")
    assert bound.classify(None, None).kind is RETRYABLE
    assert unaware.bound_to(policy) is unaware
