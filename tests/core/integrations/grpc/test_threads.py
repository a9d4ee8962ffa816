"""Against a real server: what a channel of threads does under policies."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
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
from recourse.errors import CircuitOpenError, DeadlineExceeded
from recourse.integrations.grpc import ClientInterceptor, without_own_retries
from recourse.testing import VirtualClock, script

CHARGE = "/payments.Payments/Charge"
KEY = "payments.Payments.Charge"


def executor_of(retry: RetryPolicy | None = None, **options: Any) -> Executor:
    policy = {
        name: options.pop(name) for name in ("hedge", "circuit", "idempotent") if name in options
    }
    quick = retry or RetryPolicy(max_attempts=3, initial_backoff_s=0.001, jitter="none")
    return Executor(policies=[Policy(KEY, retry=quick, **policy)], **options)


@contextmanager
def channel_of(server: Any, executor: Executor | None, *options: Any) -> Iterator[Any]:
    given = options or without_own_retries()
    with grpc.insecure_channel(server.address, options=given) as channel:
        yield grpc.intercept_channel(channel, ClientInterceptor(executor))


def charge(channel: Any, **options: Any) -> Any:
    return channel.unary_unary(CHARGE).with_call(b"1", wait_for_ready=True, **options)


def test_a_call_that_succeeds_gives_its_answer_and_its_metadata(server: Any) -> None:
    with record_timeline() as capture, channel_of(server, executor_of()) as channel:
        response, call = charge(channel)

    assert response == b"charged 1"
    assert dict(call.trailing_metadata()) == {"served-by": "one"}
    assert capture.timeline is not None
    assert (capture.timeline.key, capture.timeline.disposition) == (KEY, "success")


def test_a_failure_that_may_pass_is_retried_under_the_default_classifier(server: Any) -> None:
    server.script = ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "OK"]

    with record_timeline() as capture, channel_of(server, executor_of()) as channel:
        response, call = charge(channel)

    assert response == b"charged 1"
    assert dict(call.trailing_metadata()) == {"served-by": "one"}
    assert capture.timeline is not None
    attempts = capture.timeline.attempts
    reasons = [each.outcome.reason for each in attempts]
    assert reasons == ["grpc_UNAVAILABLE", "grpc_RESOURCE_EXHAUSTED", "success"]
    assert server.hits == 3


def test_the_last_failure_is_grpc_s_own_error(server: Any) -> None:
    server.script = ["UNAVAILABLE"] * 5

    with channel_of(server, executor_of()) as channel, pytest.raises(grpc.RpcError) as caught:
        charge(channel)

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert dict(caught.value.trailing_metadata()) == {"served-by": "one"}
    assert server.hits == 3


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "NOT_FOUND", "UNKNOWN", "DEADLINE_EXCEEDED"])
def test_a_final_status_is_not_retried_even_by_the_default_classifier(
    server: Any, code: str
) -> None:
    server.script = [code]

    with channel_of(server, executor_of()) as channel, pytest.raises(grpc.RpcError):
        charge(channel)

    assert server.hits == 1


def test_a_call_that_must_not_be_repeated_is_made_once(server: Any) -> None:
    server.script = ["UNAVAILABLE"]

    with (
        channel_of(server, executor_of(idempotent=False)) as channel,
        pytest.raises(grpc.RpcError),
    ):
        charge(channel)

    assert server.hits == 1


def test_a_policy_s_own_classifier_of_grpc_decides(server: Any) -> None:
    from recourse.integrations.grpc import GRPCClassifier

    server.script = ["ABORTED"]
    retry = RetryPolicy(initial_backoff_s=0.001, classifier="ours")
    executor = executor_of(retry, classifiers={"ours": GRPCClassifier(["ABORTED"])})

    with channel_of(server, executor) as channel:
        charge(channel)

    assert server.hits == 2


def test_the_server_s_push_back_is_waited_for(server: Any) -> None:
    server.script = ["UNAVAILABLE:70"]
    clock = VirtualClock()

    with channel_of(server, executor_of(clock=clock)) as channel:
        charge(channel)

    assert server.hits == 2
    assert 0.07 <= sum(clock.sleeps) <= 0.08


def test_a_server_that_says_stop_is_not_asked_again(server: Any) -> None:
    server.script = ["UNAVAILABLE:-1"]

    with channel_of(server, executor_of()) as channel, pytest.raises(grpc.RpcError):
        charge(channel)

    assert server.hits == 1


def test_twelve_hits_with_a_service_config_and_three_with_the_option(server: Any) -> None:
    config = """{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4,
        "initialBackoff": "0.01s", "maxBackoff": "0.01s", "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]}}]}"""
    stacked = [("grpc.service_config", config)]

    hits = []
    for options in (stacked, without_own_retries(stacked)):
        server.script, server.hits = ["UNAVAILABLE"] * 20, 0
        with channel_of(server, executor_of(), *options) as channel:
            with pytest.raises(grpc.RpcError):
                charge(channel)
            hits.append(server.hits)

    assert hits == [12, 3]


def test_an_attempt_that_takes_too_long_is_cut_and_retried(server: Any) -> None:
    server.script = ["SLOW"]
    retry = RetryPolicy(timeout_per_attempt_s=0.15, initial_backoff_s=0.001)

    with record_timeline() as capture, channel_of(server, executor_of(retry)) as channel:
        charge(channel)

    assert capture.timeline is not None
    first = capture.timeline.attempts[0]
    assert (first.outcome.reason, first.error_type) == (
        "grpc_DEADLINE_EXCEEDED",
        "grpc._channel._InactiveRpcError",
    )
    assert server.hits == 2
    assert server.deadlines_s[0] < 0.15


def test_the_end_of_the_caller_s_time_is_not_retried(server: Any) -> None:
    server.script = ["SLOW", "SLOW"]

    with channel_of(server, executor_of()) as channel, pytest.raises(grpc.RpcError) as caught:
        charge(channel, timeout=0.1)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert server.hits == 1


def test_the_caller_s_timeout_bounds_all_attempts_together(server: Any) -> None:
    server.script = ["UNAVAILABLE"] * 5
    retry = RetryPolicy(max_attempts=5, initial_backoff_s=10, max_backoff_s=10, jitter="none")

    with (
        record_timeline() as capture,
        channel_of(server, executor_of(retry)) as channel,
        pytest.raises(grpc.RpcError),
    ):
        charge(channel, timeout=5)

    assert capture.timeline is not None
    assert capture.timeline.disposition == "deadline_would_exceed"
    assert server.hits == 1


def test_an_ambient_deadline_reaches_the_server(server: Any) -> None:
    with recourse.deadline(3.0), channel_of(server, executor_of()) as channel:
        charge(channel)

    assert 2.0 < server.deadlines_s[0] < 3.0


def test_no_time_left_means_no_call(server: Any) -> None:
    with channel_of(server, executor_of()) as channel, pytest.raises(DeadlineExceeded):
        charge(channel, timeout=0)

    assert server.hits == 0


def test_a_budget_denies_the_retry(server: Any) -> None:
    server.script = ["UNAVAILABLE"] * 5
    retry = RetryPolicy(initial_backoff_s=0.001, budget="payments")
    budgets = {"payments": TokenBucket(capacity=1, refill_per_s=0.001)}

    with (
        record_timeline() as capture,
        channel_of(server, executor_of(retry, budgets=budgets)) as channel,
        pytest.raises(grpc.RpcError),
    ):
        charge(channel)

    assert capture.timeline is not None
    assert capture.timeline.disposition == "budget_denied"
    assert server.hits == 2


def test_an_open_breaker_keeps_the_call_from_the_server(server: Any) -> None:
    server.script = ["UNAVAILABLE"] * 5
    executor = executor_of(circuit=CircuitPolicy(threshold=2, cooldown_s=60))

    with channel_of(server, executor) as channel:
        with pytest.raises(grpc.RpcError):
            charge(channel)
        with pytest.raises(CircuitOpenError):
            charge(channel)

    assert server.hits == 2


def test_a_hedge_wins_against_a_slow_server(server: Any) -> None:
    server.script = ["SLOW", "OK"]
    hedge = HedgePolicy(hedge_delay_s=0.02)
    executor = executor_of(hedge=hedge, sync_timeout="thread")

    with record_timeline() as capture, channel_of(server, executor) as channel:
        response, _ = charge(channel)
        server.over.set()

    assert response == b"charged 1"
    assert capture.timeline is not None
    assert [each.is_hedge for each in capture.timeline.attempts] == [False, True]
    executor.close()


def test_an_error_of_another_interceptor_follows_the_default_rules(server: Any) -> None:
    tried: list[int] = []

    class Token(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpcio ships no types
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            tried.append(1)
            if len(tried) == 1:
                raise ConnectionError
            return continuation(details, request)

    with grpc.insecure_channel(server.address) as channel:
        both = grpc.intercept_channel(channel, ClientInterceptor(executor_of()), Token())
        response, _ = charge(both)

    assert (response, len(tried)) == (b"charged 1", 2)


def test_a_future_gives_the_same_and_is_done_at_once(server: Any) -> None:
    server.script = ["UNAVAILABLE"]

    with channel_of(server, executor_of()) as channel:
        future = channel.unary_unary(CHARGE).future(b"1", wait_for_ready=True)

    assert future.done()
    assert future.result() == b"charged 1"


def test_the_process_s_own_executor_carries_out_what_names_none(server: Any) -> None:
    def named(method: str) -> str:
        assert method == CHARGE
        return "ours.Charge"

    options = without_own_retries()
    mine = Executor(default_policy=Policy("any"))
    with (
        recourse.using(mine),
        record_timeline() as capture,
        grpc.insecure_channel(server.address, options=options) as channel,
    ):
        ours = grpc.intercept_channel(channel, ClientInterceptor(key=named))
        ours.unary_unary(CHARGE)(b"1", wait_for_ready=True)

    assert capture.timeline is not None
    assert capture.timeline.key == "ours.Charge"


def test_a_test_may_script_what_the_server_says(server: Any) -> None:
    with channel_of(server, executor_of()) as channel:
        method = channel.unary_unary(CHARGE)
        with script(KEY, [ConnectionError(), b"scripted"]):
            response, call = method.with_call(b"1")
        with script(KEY, [b"scripted"]):
            assert method(b"1", timeout=1) == b"scripted"

    assert (response, call.trailing_metadata(), server.hits) == (b"scripted", None, 0)


def test_streams_pass_through_and_are_told_as_one_attempt(server: Any) -> None:
    with record_timeline() as capture, channel_of(server, executor_of()) as channel:
        listed = list(channel.unary_stream("/payments.Payments/List")(b"1", timeout=5))
        sent = channel.stream_unary("/payments.Payments/Upload")(iter([b"a", b"b"]))
        said = list(channel.stream_stream("/payments.Payments/Chat")(iter([b"a", b"b"])))

    assert (listed, sent, said) == ([b"1", b"1"], b"ab", [b"a", b"b"])
    told = {(each.key, each.attempts_run, each.disposition) for each in capture.timelines}
    assert told == {
        ("payments.Payments.List", 1, "success"),
        ("payments.Payments.Upload", 1, "success"),
        ("payments.Payments.Chat", 1, "success"),
    }


def test_a_stream_that_breaks_is_never_begun_again(server: Any) -> None:
    server.script = ["UNAVAILABLE"]
    over = threading.Event()

    class Heard:
        def on_event(self, event: Any) -> None:
            if type(event).__name__ == "CallEnd":
                over.set()

    received = []
    with (
        record_timeline() as capture,
        channel_of(server, executor_of(observers=[Heard()])) as channel,
        recourse.deadline(5.0),
    ):
        with pytest.raises(grpc.RpcError):
            received.extend(channel.unary_stream("/payments.Payments/List")(b"1"))
        assert over.wait(5)

    assert capture.timeline is not None
    [attempt] = capture.timeline.attempts
    assert attempt.outcome.reason == "grpc_UNAVAILABLE"
    assert server.hits == 1
    assert 3 < server.deadlines_s[0] <= 5
