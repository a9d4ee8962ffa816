from typing import Any

import grpc
import pytest
from hypothesis import given, strategies as st

from recourse import Executor, Policy, RetryPolicy
from recourse.classify import ClassifierRegistry
from recourse.errors import AttemptTimeout, CircuitOpenError, PolicyError
from recourse.integrations.grpc import GRPCClassifier
from recourse.integrations.grpc.classifier import CODES
from recourse.outcome import Health, Outcome, OutcomeKind


class Failed(grpc.RpcError):  # type: ignore[misc]  # grpcio ships no types
    def __init__(self, code: Any, trailing: Any = None, details: str = "") -> None:
        self._told = (code, trailing, details)

    def code(self) -> Any:
        return self._told[0]

    def trailing_metadata(self) -> Any:
        return self._told[1]

    def details(self) -> str:
        return self._told[2]


def failed(name: str, *trailing: tuple[str, Any], details: str = "") -> Failed:
    return Failed(grpc.StatusCode[name], trailing, details)


def judged(error: Exception, **options: Any) -> Outcome:
    return GRPCClassifier(**options).classify(None, error)


def test_every_code_of_grpc_is_known() -> None:
    assert {"OK", *CODES} == {code.name for code in grpc.StatusCode}


def test_what_may_pass_is_retried_and_the_rest_is_not() -> None:
    retried = {code for code in CODES if judged(failed(code)).kind is OutcomeKind.RETRYABLE}

    assert retried == {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}
    assert judged(failed("CANCELLED")) == Outcome(OutcomeKind.ABORT, "grpc_CANCELLED")
    assert GRPCClassifier().classify("value", None).kind is OutcomeKind.SUCCESS


def test_a_server_that_broke_counts_against_its_breaker_and_one_that_refused_does_not() -> None:
    unhealthy = {
        code for code in CODES if judged(failed(code)).effective_health is Health.UNHEALTHY
    }

    assert unhealthy == {
        "UNKNOWN",
        "INTERNAL",
        "DATA_LOSS",
        "DEADLINE_EXCEEDED",
        "UNAVAILABLE",
        "RESOURCE_EXHAUSTED",
    }


def test_further_codes_can_be_retried_and_misspelt_ones_are_refused() -> None:
    assert judged(failed("ABORTED"), extra_retryable=["ABORTED"]).kind is OutcomeKind.RETRYABLE

    with pytest.raises(PolicyError, match="extra_retryable 'aborted' is not allowed"):
        GRPCClassifier(["aborted"])


@pytest.mark.parametrize(
    ("asked", "kind", "wait_s"),
    [
        ("250", OutcomeKind.RETRYABLE, 0.25),
        (b"20", OutcomeKind.RETRYABLE, 0.02),
        ("0", OutcomeKind.RETRYABLE, 0.0),
        ("-1", OutcomeKind.NON_RETRYABLE, None),
        ("soon", OutcomeKind.NON_RETRYABLE, None),
        ("٣", OutcomeKind.NON_RETRYABLE, None),
    ],
)
def test_a_push_back_is_obeyed_and_a_negative_one_stops(
    asked: Any, kind: OutcomeKind, wait_s: float | None
) -> None:
    outcome = judged(failed("UNAVAILABLE", ("a", "b"), ("grpc-retry-pushback-ms", asked)))

    assert (outcome.kind, outcome.retry_after_s) == (kind, wait_s)


@given(
    asked=st.text(max_size=6) | st.just("9" * 5000),
    code=st.sampled_from(CODES),
    safe=st.booleans(),
)
def test_no_push_back_at_all_breaks_the_classifier(asked: str, code: str, *, safe: bool) -> None:
    outcome = judged(failed(code, ("grpc-retry-pushback-ms", asked)), replay_safe=safe)

    assert outcome.kind is not OutcomeKind.SUCCESS
    assert outcome.retry_after_s is None or outcome.retry_after_s >= 0


def test_a_push_back_does_not_make_a_final_status_pass() -> None:
    outcome = judged(failed("INVALID_ARGUMENT", ("grpc-retry-pushback-ms", "10")))

    assert outcome.kind is OutcomeKind.NON_RETRYABLE


def test_what_must_not_be_repeated_is_only_when_it_was_refused_or_never_sent() -> None:
    policy = Policy("payments.Charge", idempotent=False).normalize()
    classifier = GRPCClassifier().bound_to(policy)

    sent = classifier.classify(None, failed("UNAVAILABLE"))
    unsent = classifier.classify(
        None, failed("UNAVAILABLE", details="failed to connect to all addresses")
    )
    refused = classifier.classify(None, failed("UNAVAILABLE", ("grpc-retry-pushback-ms", "5")))
    timed_out = classifier.classify(None, AttemptTimeout(1.0))

    kinds = [one.kind.value for one in (sent, unsent, refused, timed_out)]
    assert kinds == ["non_retryable", "retryable", "retryable", "non_retryable"]
    assert classifier.bound_to(policy) is classifier
    plain = GRPCClassifier()
    assert plain.bound_to(Policy("a").normalize()) is plain


def test_a_status_among_the_causes_decides_and_other_errors_follow_the_default_rules() -> None:
    wrapped = RuntimeError("could not charge")
    wrapped.__cause__ = failed("NOT_FOUND")
    group = ExceptionGroup("two", [failed("UNAVAILABLE"), failed("NOT_FOUND")])
    refused = CircuitOpenError("a", "open", "circuit_open", 1.0)

    assert judged(wrapped).reason == "grpc_NOT_FOUND"
    assert judged(group).kind is OutcomeKind.NON_RETRYABLE
    assert judged(refused).kind is OutcomeKind.ABORT
    assert judged(ConnectionError()).kind is OutcomeKind.RETRYABLE
    assert judged(Failed(None)).kind is OutcomeKind.RETRYABLE


def test_a_policy_names_it_grpc() -> None:
    policy = Policy("payments.Charge", retry=RetryPolicy(classifier="grpc"))
    runs: list[int] = []

    def refused() -> None:
        runs.append(1)
        raise failed("PERMISSION_DENIED")

    with pytest.raises(Failed):
        Executor(policies=[policy], missing_classifier="deny").call("payments.Charge", refused)

    assert len(runs) == 1


def test_policies_find_it_by_name() -> None:
    assert isinstance(ClassifierRegistry().find("grpc"), GRPCClassifier)
