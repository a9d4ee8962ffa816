"""Against a server in the shape of S3: what an AWS client does under policies."""

import io
import json
from typing import Any

import botocore
import botocore.exceptions
import pytest

import recourse
from recourse import (
    CircuitPolicy,
    Executor,
    HedgePolicy,
    Policy,
    RetryPolicy,
    TokenBucket,
    record_timeline,
)
from recourse.errors import CircuitOpenError, DeadlineExceeded, PolicyError
from recourse.integrations.botocore import BotocoreClassifier, govern, own_attempts
from recourse.outcome import SUCCESS, Outcome, OutcomeKind
from recourse.testing import VirtualClock

ClientError = botocore.exceptions.ClientError


# urllib3 leaves the socket of a broken connection to the garbage collector, which comes in any test.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def executor_of(policy: dict[str, Any] | None = None, **options: Any) -> Executor:
    retry = {"max_attempts": 3, "initial_backoff_s": 0.001, "jitter": "none", **(policy or {})}
    blocks = {name: retry.pop(name) for name in ("hedge", "circuit", "idempotent") if name in retry}
    return Executor(default_policy=Policy("any", retry=RetryPolicy(**retry), **blocks), **options)


# Without these botocore itself reads a body before it sends it, for checksums.
UNSIGNED = {"request_checksum_calculation": "when_required", "signature_version": botocore.UNSIGNED}


def get(client: Any) -> Any:
    return client.get_object(Bucket="b", Key="k")


def test_an_operation_that_succeeds_is_one_attempt(aws: Any) -> None:
    client = govern(aws.client(), executor_of())

    with record_timeline() as capture:
        assert get(client)["ResponseMetadata"]["HTTPStatusCode"] == 200

    assert capture.timeline is not None
    assert (capture.timeline.key, capture.timeline.attempts_run) == ("s3.GetObject", 1)


def test_what_may_pass_is_retried_and_the_last_failure_is_botocore_s_own(aws: Any) -> None:
    aws.script = ["503 SlowDown", "500", "200", "500", "500", "500"]
    client = govern(aws.client(), executor_of())

    with record_timeline() as capture:
        get(client)
        with pytest.raises(ClientError):
            get(client)

    first, second = capture.timelines
    reasons = [each.outcome.reason for each in first.attempts]
    assert reasons == ["http_503", "http_500", "success"]
    assert first.attempts[0].outcome.attributes["code"] == "SlowDown"
    assert (second.disposition, aws.hits) == ("exhausted", 6)


def test_what_is_missing_is_not_asked_for_again(aws: Any) -> None:
    aws.script = ["404 NoSuchKey"]

    with pytest.raises(ClientError):
        get(govern(aws.client(), executor_of()))

    assert aws.hits == 1


def test_a_connection_that_breaks_is_retried_unless_the_policy_forbids_it(aws: Any) -> None:
    aws.script = ["drop"]
    get(govern(aws.client(), executor_of()))
    assert aws.hits == 2

    aws.script = ["drop", "200", "429 SlowDown"]
    once = govern(aws.client(), executor_of({"idempotent": False}))
    with record_timeline() as capture, pytest.raises(botocore.exceptions.ConnectionClosedError):
        get(once)
    get(once)
    get(once)

    assert capture.timeline is not None
    assert capture.timeline.attempts[0].outcome.reason == "aws_non_idempotent"
    assert aws.hits == 6


def test_a_refused_port_is_asked_three_times(aws: Any) -> None:
    client = govern(aws.client(), executor_of({"idempotent": False}))
    aws.close()

    with (
        record_timeline() as capture,
        pytest.raises(botocore.exceptions.EndpointConnectionError),
    ):
        get(client)

    assert capture.timeline is not None
    assert capture.timeline.attempts_run == 3


def test_the_server_s_retry_after_is_waited_for(aws: Any) -> None:
    aws.script = ["503 SlowDown 7"]
    clock = VirtualClock()

    get(govern(aws.client(), executor_of(clock=clock)))

    assert 7.0 <= sum(clock.sleeps) < 8.0


def test_a_client_that_retries_itself_is_refused_because_attempts_multiply(aws: Any) -> None:
    client = aws.client(attempts=5)

    with pytest.raises(PolicyError, match="5 attempts of its own"):
        govern(client)

    one = govern(aws.client(), executor_of())
    with pytest.raises(PolicyError, match="governed already"):
        govern(one)


@pytest.mark.parametrize(
    ("retries", "attempts"),
    [
        ({"total_max_attempts": 2}, 2),
        ({"max_attempts": 2}, 3),
        ({"mode": "standard"}, 3),
        ({"mode": "legacy"}, 5),
        (None, 5),
    ],
    ids=str,
)
def test_a_client_s_own_attempts_are_known(retries: Any, attempts: int) -> None:
    class Client:
        class meta:  # noqa: N801 -- botocore's name
            class config:  # noqa: N801 -- likewise
                pass

    Client.meta.config.retries = retries  # type: ignore[attr-defined]  # as botocore sets it

    assert own_attempts(Client()) == attempts


def test_a_file_is_sent_again_from_where_it_began(aws: Any) -> None:
    aws.script = ["500"]
    body = io.BytesIO(b"skipped, sent")
    body.seek(9)

    govern(aws.client(), executor_of()).put_object(Bucket="b", Key="k", Body=body)

    assert aws.bodies == [b"sent", b"sent"]


def test_a_body_that_cannot_be_sent_again_gets_one_attempt(aws: Any) -> None:
    aws.script = ["500", "404 NoSuchBucket"]

    class Pipe(io.BytesIO):
        """Something that is read once."""

        def seekable(self) -> bool:
            return False

        def seek(self, *place: int) -> int:
            raise io.UnsupportedOperation

    client = govern(aws.client(**UNSIGNED), executor_of())
    with record_timeline() as capture:
        for _ in range(2):
            with pytest.raises(ClientError):
                client.put_object(Bucket="b", Key="k", Body=Pipe(b"once"))

    reasons = [each.attempts[0].outcome.reason for each in capture.timelines]
    assert reasons == ["http_body_not_replayable", "http_404"]
    assert aws.hits == 2


def test_every_attempt_of_a_call_carries_the_same_client_token(aws: Any) -> None:
    aws.script = ["500"]
    client = govern(aws.client("secretsmanager"), executor_of())

    client.create_secret(Name="n", SecretString="s")
    client.create_secret(Name="n", SecretString="s", ClientRequestToken="mine-" + "0" * 32)

    first, second, third = (json.loads(body)["ClientRequestToken"] for body in aws.bodies)
    assert first == second
    assert third.startswith("mine-")


def test_paginators_are_governed_page_by_page(aws: Any) -> None:
    aws.script = ["500"]
    client = govern(aws.client("secretsmanager"), executor_of(), key="aws.{1}".format)

    with record_timeline() as capture:
        list(client.get_paginator("list_secrets").paginate())

    assert [(each.key, each.attempts_run) for each in capture.timelines] == [("aws.ListSecrets", 2)]


def test_a_read_that_takes_too_long_is_given_up_by_botocore_s_own_timeout(aws: Any) -> None:
    aws.script = ["slow"]

    with record_timeline() as capture:
        get(govern(aws.client(read_timeout=0.1), executor_of()))

    assert capture.timeline is not None
    assert capture.timeline.attempts[0].outcome.reason == "aws_ReadTimeoutError"


def test_no_time_left_means_no_request(aws: Any) -> None:
    client = govern(aws.client(), executor_of())

    with recourse.deadline(0), pytest.raises(DeadlineExceeded):
        get(client)

    assert aws.hits == 0


def test_a_hedge_wins_against_a_slow_server(aws: Any) -> None:
    aws.script = ["slow", "200"]
    executor = executor_of({"hedge": HedgePolicy(hedge_delay_s=0.05)}, sync_timeout="thread")

    with record_timeline() as capture:
        get(govern(aws.client(), executor))
    aws.over.set()
    executor.close()

    assert capture.timeline is not None
    assert [each.is_hedge for each in capture.timeline.attempts] == [False, True]


def test_a_budget_denies_the_retry_and_a_breaker_the_operation(aws: Any) -> None:
    aws.script = ["500"] * 9
    executor = executor_of(
        {"budget": "aws", "circuit": CircuitPolicy(threshold=3, cooldown_s=60)},
        budgets={"aws": TokenBucket(capacity=1, refill_per_s=0.001)},
    )
    client = govern(aws.client(), executor)

    with record_timeline() as capture:
        for error in (ClientError, ClientError, CircuitOpenError):
            with pytest.raises(error):
                get(client)

    dispositions = [each.disposition for each in capture.timelines]
    assert dispositions == ["budget_denied", "circuit_open", "circuit_open"]


def test_values_groups_and_other_errors_are_judged_like_everywhere() -> None:
    classifier = BotocoreClassifier()
    timed_out = ClientError(
        {"Error": {"Code": "RequestTimeout"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "Put"
    )
    told = ValueError()
    told.__dict__["recourse_outcome"] = Outcome(OutcomeKind.ABORT, "said")
    group = ExceptionGroup("two", [timed_out, botocore.exceptions.NoCredentialsError()])

    assert classifier.classify(1, None) is SUCCESS
    assert classifier.classify(None, timed_out).kind is OutcomeKind.RETRYABLE
    assert classifier.classify(None, group).kind is OutcomeKind.NON_RETRYABLE
    assert classifier.classify(None, told).reason == "said"
    assert classifier.classify(None, OSError()).kind is OutcomeKind.RETRYABLE
    assert classifier.answered({"ResponseMetadata": {"HTTPStatusCode": 204}}) is SUCCESS
    assert classifier.bound_to(Policy("a").normalize()) is classifier
