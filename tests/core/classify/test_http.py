import socket
import urllib.error
from email.message import Message
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from recourse.classify import HTTPClassifier, PolicyAware
from recourse.clock import SystemClock
from recourse.errors import AttemptTimeout, CircuitOpenError, DeadlineExceeded, PolicyError
from recourse.outcome import SUCCESS, Health, Outcome, OutcomeKind
from recourse.policy import Policy

RETRYABLE, FINAL = OutcomeKind.RETRYABLE, OutcomeKind.NON_RETRYABLE
NOT_HTTP = Outcome(FINAL, "classifier_type_mismatch", health=Health.NEUTRAL)


def client_error(name: str, *bases: type[Exception]) -> Any:
    return type(name, bases or (Exception,), {})


def judge(error: Exception, **options: Any) -> Outcome:
    return HTTPClassifier(**options).classify(None, error)


def verdict(error: Exception, **options: Any) -> tuple[str, str]:
    outcome = judge(error, **options)
    return outcome.kind.value, outcome.reason


def with_method(error: Any, method: str) -> Exception:
    error.request = SimpleNamespace(method=method)
    assert isinstance(error, Exception)
    return error


@pytest.mark.parametrize("value", [None, 503, object(), SimpleNamespace(status_code=503)])
def test_every_value_is_the_one_success(value: object) -> None:
    assert HTTPClassifier().classify(value, None) is SUCCESS


@given(st.integers(100, 599))
def test_r16_of_a_get_5xx_but_501_and_505_and_408_and_429_are_retryable(status: int) -> None:
    error = with_method(Exception(), "GET")
    error.status_code = status  # type: ignore[attr-defined]  # as clients do

    outcome = judge(error)

    may_pass = status in {408, 429} or (status >= 500 and status not in {501, 505})
    assert outcome == Outcome(
        RETRYABLE if may_pass else FINAL, f"http_{status}", {"family": f"{status // 100}xx"}
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "get"])
def test_r16_an_idempotent_method_is_retried_on_5xx(method: str, http_error: Any) -> None:
    assert verdict(http_error(503, method)) == ("retryable", "http_503")


@pytest.mark.parametrize("method", ["POST", "PATCH", "post"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_r16_a_post_that_met_5xx_is_final_and_the_dependency_unhealthy(
    method: str, status: int, http_error: Any
) -> None:
    assert judge(http_error(status, method)) == Outcome(
        FINAL,
        "http_non_idempotent",
        {"family": "5xx", "method": method.upper(), "cause": f"http_{status}"},
        health=Health.UNHEALTHY,
    )


@pytest.mark.parametrize("status", [408, 429])
def test_r16_a_post_that_was_refused_unread_is_retried(status: int, http_error: Any) -> None:
    assert verdict(http_error(status, "POST")) == ("retryable", f"http_{status}")


@pytest.mark.parametrize("status", [400, 404, 501, 505])
def test_r16_a_final_answer_to_a_post_keeps_its_own_reason(status: int, http_error: Any) -> None:
    assert verdict(http_error(status, "POST")) == ("non_retryable", f"http_{status}")


def test_a_post_with_an_idempotency_key_is_retried(http_error: Any) -> None:
    keyed = http_error(503, "POST", request_headers={"Idempotency-Key": "k-1"})

    assert verdict(keyed) == ("retryable", "http_503")


@pytest.mark.parametrize("method", [None, "user.get", "LIST"])
def test_a_request_whose_method_http_does_not_know_is_retried(
    method: str | None, http_error: Any
) -> None:
    assert verdict(http_error(503, method)) == ("retryable", "http_503")


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        client_error("ReadTimeout")(),
        client_error("WriteTimeout")(),
        client_error("ServerTimeoutError", TimeoutError)(),
    ],
    ids=["TimeoutError", "ReadTimeout", "WriteTimeout", "ServerTimeoutError"],
)
def test_r16_a_timeout_is_retried_for_a_get_only(error: Exception) -> None:
    assert verdict(with_method(error, "GET")) == ("retryable", "timeout_error")
    assert verdict(with_method(error, "POST")) == ("non_retryable", "http_non_idempotent")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        client_error("RemoteProtocolError", client_error("TransportError"))(),
        client_error("RequestException", OSError)(),
        client_error("ClientPayloadError")(),
        client_error("HTTPException")(),
        urllib.error.URLError("no route"),
    ],
    ids=["reset", "httpx", "requests", "aiohttp", "http.client", "urllib"],
)
def test_r16_a_broken_connection_is_retried_for_a_get_only(error: Exception) -> None:
    assert verdict(with_method(error, "GET")) == ("retryable", "http_transport_error")
    assert verdict(with_method(error, "POST")) == ("non_retryable", "http_non_idempotent")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        socket.gaierror(),
        client_error("ConnectError")(),
        client_error("ConnectTimeout", TimeoutError)(),
        client_error("NameResolutionError", client_error("NewConnectionError"))(),
        client_error("ClientConnectorError", OSError)(),
        client_error("PoolTimeout")(),
        urllib.error.URLError(ConnectionRefusedError()),
        client_error("ConnectionError", OSError)(
            client_error("MaxRetryError")("url", client_error("NewConnectionError")())
        ),
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_r16_a_request_that_was_never_sent_is_retried_whatever_its_method(
    error: Any, method: str
) -> None:
    if type(error).__name__ == "ConnectionError":  # requests keeps urllib3's reason two levels down
        error.args[0].reason = error.args[0].args[1]

    outcome = judge(with_method(error, method), replay_safe=False)

    assert outcome == Outcome(RETRYABLE, "http_transport_error")


def test_what_a_client_keeps_inside_an_error_is_looked_at_three_levels_deep() -> None:
    error: Exception = ConnectionRefusedError()
    wrap = client_error("TransportError")
    three = wrap(wrap(wrap(error)))

    assert verdict(with_method(three, "POST")) == ("retryable", "http_transport_error")
    assert verdict(with_method(wrap(three), "POST")) == ("non_retryable", "http_non_idempotent")


def test_a_complaint_about_the_request_itself_is_no_transport_error() -> None:
    invalid_url = client_error("InvalidURL", client_error("RequestException"), ValueError)()

    assert judge(invalid_url) == NOT_HTTP


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError(), ValueError()], ids=repr)
def test_an_error_that_is_not_of_http_is_final_and_says_nothing_of_the_dependency(
    error: Exception,
) -> None:
    assert judge(error) == NOT_HTTP


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, ("retryable", "attempt_timeout")),
        ({"method": "GET"}, ("retryable", "attempt_timeout")),
        ({"method": "post"}, ("non_retryable", "http_non_idempotent")),
        ({"method": "POST", "idempotent": True}, ("retryable", "attempt_timeout")),
        ({"method": "GET", "idempotent": False}, ("non_retryable", "http_non_idempotent")),
        ({"method": 7, "idempotent": "yes"}, ("retryable", "attempt_timeout")),
        ({"method": "PUT", "replayable": False}, ("non_retryable", "http_body_not_replayable")),
        ({"method": "PUT", "replayable": True}, ("retryable", "attempt_timeout")),
    ],
)
def test_r16_an_attempt_timeout_is_judged_by_what_the_operation_noted(
    annotations: dict[str, object], expected: tuple[str, str]
) -> None:
    assert verdict(AttemptTimeout(1.0, annotations)) == expected


def test_an_error_that_says_itself_what_it_means_is_believed() -> None:
    error = ConnectionError()
    said = Outcome(OutcomeKind.NON_RETRYABLE, "http_body_not_replayable")
    error.__dict__["recourse_outcome"] = said

    assert HTTPClassifier().classify(None, error) is said


def test_a_nested_call_out_of_time_is_judged_like_a_timeout(http_error: Any) -> None:
    out_of_time = DeadlineExceeded("a.B", 1.0)

    assert verdict(out_of_time) == ("retryable", "context_deadline_exceeded")
    out_of_time.__cause__ = http_error(404, "POST")
    assert verdict(out_of_time) == ("non_retryable", "http_non_idempotent")


def test_r14_the_first_error_with_a_status_among_the_causes_decides(http_error: Any) -> None:
    wrapped = RuntimeError("while charging")
    wrapped.__cause__ = LookupError()
    wrapped.__cause__.__cause__ = http_error(503, "GET")
    wrapped.__cause__.__cause__.__cause__ = http_error(404, "GET")

    assert verdict(wrapped) == ("retryable", "http_503")


@pytest.mark.parametrize(("depth", "reason"), [(8, "http_503"), (9, "classifier_type_mismatch")])
def test_r14_causes_are_followed_eight_deep(depth: int, reason: str, http_error: Any) -> None:
    error: Exception = http_error(503)
    for _ in range(depth):
        outer = RuntimeError()
        outer.__cause__ = error
        error = outer

    assert judge(error).reason == reason


def test_r14_a_cause_that_is_no_exception_of_an_operation_ends_the_chain() -> None:
    error = RuntimeError()
    error.__cause__ = KeyboardInterrupt()

    assert judge(error) == NOT_HTTP


def test_r14_a_context_is_not_looked_at(http_error: Any) -> None:
    error = RuntimeError("while cleaning up")
    error.__context__ = http_error(503)

    assert judge(error) == NOT_HTTP


def test_the_method_may_be_known_to_another_error_of_the_chain(http_error: Any) -> None:
    error = with_method(RuntimeError(), "POST")
    error.__cause__ = http_error(503)

    assert verdict(error) == ("non_retryable", "http_non_idempotent")


@pytest.mark.parametrize("status", [408, 429, 503, 301])
def test_r16_retry_after_is_read_where_http_gives_it(
    status: int, http_error: Any, clock: SystemClock
) -> None:
    error = http_error(status, headers={"Retry-After": "Sun, 06 Nov 1994 12:00:30 GMT"})

    assert judge(error, clock=clock).retry_after_s == 30.0


@pytest.mark.parametrize("status", [404, 500, 502])
def test_retry_after_of_another_status_is_ignored(status: int, http_error: Any) -> None:
    assert judge(http_error(status, headers={"Retry-After": "3"})).retry_after_s is None


def test_retry_after_may_stand_on_the_error_itself() -> None:
    by_headers = urllib.error.HTTPError("http://x", 429, "slow down", Message(), None)
    by_headers.headers["Retry-After"] = "4"
    by_attribute = urllib.error.HTTPError("http://x", 429, "slow down", Message(), None)
    by_attribute.retry_after_s = -3  # type: ignore[attr-defined]  # as somebody's own client says it

    assert judge(by_headers).retry_after_s == 4.0
    assert judge(by_attribute).retry_after_s == 0.0


def test_the_shapes_of_aiohttp_and_of_a_nested_request_are_known() -> None:
    aiohttp: Any = Exception()
    aiohttp.status, aiohttp.request_info = 503, SimpleNamespace(method="POST")
    botched: Any = Exception()
    request = SimpleNamespace(method="PATCH")
    botched.response = SimpleNamespace(status=502, request=request)

    assert verdict(aiohttp) == ("non_retryable", "http_non_idempotent")
    assert verdict(botched) == ("non_retryable", "http_non_idempotent")


@pytest.mark.parametrize("status", ["503", True, 99, 600, 5.03, None])
def test_what_is_no_status_is_not_taken_for_one(status: object) -> None:
    error: Any = Exception()
    error.status = status

    assert judge(error) == NOT_HTTP


def test_a_property_that_raises_says_nothing() -> None:
    class Unset(client_error("ReadError", client_error("TransportError"))):  # type: ignore[misc]  # a class made at run time
        @property
        def request(self) -> object:
            raise RuntimeError("the request instance has not been set")

    assert verdict(Unset()) == ("retryable", "http_transport_error")


def test_further_statuses_can_be_retried_whatever_the_method(http_error: Any) -> None:
    error = http_error(404, "POST", headers={"Retry-After": "2"})

    outcome = judge(error, extra_retryable=(404,))

    assert outcome == Outcome(RETRYABLE, "http_404", {"family": "4xx"}, 2.0)


@pytest.mark.parametrize("status", [399, 500, "404"])
def test_a_further_status_that_is_no_4xx_is_refused(status: Any) -> None:
    with pytest.raises(PolicyError, match="statuses from 400 to 499"):
        HTTPClassifier(extra_retryable=[status])


def test_replay_safe_decides_before_the_method_does(http_error: Any) -> None:
    keyed = http_error(503, "GET", request_headers={"Idempotency-Key": "k-1"})

    assert verdict(http_error(503, "POST"), replay_safe=True) == ("retryable", "http_503")
    assert verdict(keyed, replay_safe=False) == ("non_retryable", "http_non_idempotent")
    assert verdict(http_error(429, "GET"), replay_safe=False) == ("retryable", "http_429")


def test_the_policy_says_whether_an_operation_may_be_repeated(http_error: Any) -> None:
    classifier = HTTPClassifier(extra_retryable=(404,))
    assert isinstance(classifier, PolicyAware)

    bound = {
        said: classifier.bound_to(Policy("a.B", idempotent=said).normalize())
        for said in (True, False, None)
    }

    assert bound[None] is classifier
    assert bound[True].classify(None, http_error(503, "POST")).kind is RETRYABLE
    assert bound[False].classify(None, http_error(503, "GET")).kind is FINAL
    assert bound[False].classify(None, http_error(404, "GET")).kind is RETRYABLE


def test_a_refusal_by_recourse_decides_before_the_answer_it_was_raised_from(
    http_error: Any,
) -> None:
    refused = CircuitOpenError("a.B", "open", "circuit_open", 2.0)
    refused.__cause__ = http_error(503, "GET")

    assert judge(refused) == Outcome(OutcomeKind.ABORT, "circuit_open", retry_after_s=2.0)


def test_r17_a_group_is_judged_by_its_leaves(http_error: Any) -> None:
    group = ExceptionGroup("both", [http_error(503, "GET"), http_error(503, "POST")])

    assert judge(group) == Outcome(FINAL, "exception_group", health=Health.UNHEALTHY)
