import pytest
import redis.exceptions as errors

from recourse import Policy
from recourse.classify import ClassifierRegistry
from recourse.errors import CircuitOpenError
from recourse.integrations.redis import RedisClassifier
from recourse.outcome import SUCCESS, Outcome, OutcomeKind

RETRYABLE, FINAL = OutcomeKind.RETRYABLE, OutcomeKind.NON_RETRYABLE


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.ConnectionError("Connection closed by server."), RETRYABLE),
        (errors.TimeoutError("Timeout reading from socket"), RETRYABLE),
        (errors.BusyLoadingError("LOADING"), RETRYABLE),
        (errors.ReadOnlyError("READONLY"), RETRYABLE),
        (errors.AuthenticationError("WRONGPASS"), FINAL),
        (errors.ResponseError("WRONGTYPE"), FINAL),
        (errors.WatchError("changed"), FINAL),
        (CircuitOpenError("a", "open", "circuit_open", 1.0), OutcomeKind.ABORT),
        (OSError(), RETRYABLE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_pass_is_retried(error: Exception, kind: OutcomeKind) -> None:
    assert RedisClassifier().classify(None, error).kind is kind


def test_a_command_that_must_not_be_repeated_is_when_it_never_arrived() -> None:
    classifier = RedisClassifier().bound_to(Policy("cache", idempotent=False).normalize())
    lost = errors.ConnectionError("Error while reading from 127.0.0.1:6379")
    unsent = errors.ConnectionError("Error 111 connecting to 127.0.0.1:6379. Connection refused.")

    assert classifier.classify(None, lost).reason == "redis_non_idempotent"
    assert classifier.classify(None, unsent).kind is RETRYABLE
    assert classifier.classify(None, errors.BusyLoadingError()).kind is RETRYABLE


def test_values_groups_and_causes_are_judged_like_everywhere() -> None:
    classifier = RedisClassifier()
    wrapped = RuntimeError()
    wrapped.__cause__ = errors.ResponseError("WRONGTYPE")
    group = ExceptionGroup("two", [errors.TimeoutError(), errors.ResponseError()])
    told = ValueError()
    told.__dict__["recourse_outcome"] = Outcome(OutcomeKind.ABORT, "said")

    assert classifier.classify(1, None) is SUCCESS
    assert classifier.classify(None, wrapped).reason == "redis_ResponseError"
    assert classifier.classify(None, group).kind is FINAL
    assert classifier.classify(None, told).reason == "said"
    assert classifier.bound_to(Policy("cache").normalize()) is classifier


def test_policies_find_it_by_name() -> None:
    assert isinstance(ClassifierRegistry().find("redis"), RedisClassifier)
