"""Every client, sync and async, against a real server with faults."""

import asyncio
import contextlib
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

import recourse
from recourse import BudgetRef, CircuitOpenError, CircuitPolicy, HedgePolicy, TokenBucket
from recourse.testing import VirtualClock
from recourse.timeline import Timeline

ASYNC = ("httpx async", "aiohttp")
FAMILY = ("httpx", "httpx2", "httpxyz", "httpx async", "httpx2 async", "httpxyz async")
EVERY = (*FAMILY, "requests", "aiohttp")


def told(capture: Any) -> Timeline:
    assert capture.timeline is not None
    timeline: Timeline = capture.timeline
    return timeline


def reasons(capture: Any) -> list[str]:
    return [attempt.outcome.reason for attempt in told(capture).attempts]


@pytest.mark.parametrize("name", EVERY)
def test_a_success_is_one_attempt(name: str, server: Any, opened: Any, governing: Any) -> None:
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        reply = client.send("GET", server.url + "/users/7")

    assert reply == (200, b"fine")
    assert reasons(capture) == ["success"]
    assert told(capture).key == "http.GET"
    assert told(capture).attempts[0].annotations == {
        "method": "GET",
        "peer": "127.0.0.1",
        "status": 200,
    }


@pytest.mark.parametrize("name", EVERY)
def test_a_failure_is_repeated_on_the_same_connection(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"busy"), answer(status=500, body=b"oops" * 1000))
    client = opened(name, executor=governing(), pool=1)

    with recourse.record_timeline() as capture:
        reply = client.send("GET", server.url)

    assert reply == (200, b"fine")
    assert reasons(capture) == ["http_503", "http_500", "success"]
    assert server.connections == 1


def test_without_anybody_who_listens_it_is_repeated_as_well(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503), answer(status=502))

    assert opened(name, executor=governing()).send("GET", server.url) == (200, b"fine")
    assert len(server.hits) == 3


def test_when_attempts_are_exhausted_the_caller_reads_the_last_response(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"first"), then=answer(status=500, body=b"x" * 300_000))
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        reply = client.send("GET", server.url)

    assert reply == (500, b"x" * 300_000)
    assert told(capture).disposition == "exhausted"
    assert len(server.hits) == 3


def test_an_answer_that_is_final_passes_untouched(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=404, body=b"x" * 300_000))
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        reply = client.send("GET", server.url)

    assert reply == (404, b"x" * 300_000)
    assert told(capture).disposition == "terminal"
    assert reasons(capture) == ["http_404"]


def test_a_post_is_not_repeated(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"who knows"))
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        reply = client.send("POST", server.url, content=b"order")

    assert reply == (503, b"who knows")
    assert reasons(capture) == ["http_non_idempotent"]
    assert len(server.hits) == 1


def test_a_post_that_the_policy_calls_idempotent_is_repeated_with_its_body(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503))
    client = opened(name, executor=governing(idempotent=True))

    assert client.send("POST", server.url, content=b"order") == (200, b"fine")
    assert [hit.body for hit in server.hits] == [b"order", b"order"]


def test_a_broken_connection_is_repeated(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(resets=True))
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        assert client.send("GET", server.url) == (200, b"fine")

    assert reasons(capture) == ["http_transport_error", "success"]


@pytest.mark.parametrize("name", EVERY)
def test_the_clients_own_error_is_raised_when_nobody_answers(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(then=answer(resets=True))
    client = opened(name, executor=governing())

    with pytest.raises(client.transport_error) as raised:
        client.send("GET", server.url)

    assert len(server.hits) == 3
    timeline = recourse.timeline_of(raised.value)
    assert (
        timeline is None or timeline.disposition == "exhausted"
    )  # aiohttp wraps what an OSError is


@pytest.mark.parametrize("name", EVERY)
def test_a_post_that_was_never_sent_is_repeated(
    name: str, server: Any, opened: Any, governing: Any
) -> None:
    url = server.url
    server.close()
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture, pytest.raises(client.transport_error):
        client.send("POST", url, content=b"order")

    assert reasons(capture) == ["http_transport_error"] * 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_read_in_both_forms(
    name: str, server: Any, opened: Any, governing: Any, answer: Any, form: str
) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    date = format_datetime(now + timedelta(seconds=120), usegmt=True)
    headers = {"Retry-After": "120" if form == "seconds" else date}
    server.answers(
        answer(status=429, headers={**headers, "Date": format_datetime(now, usegmt=True)})
    )
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        reply = client.send("POST", server.url)

    assert reply.status == 429
    assert told(capture).disposition == "retry_after_too_long"
    assert told(capture).attempts[0].outcome.retry_after_s == 120.0


@pytest.mark.parametrize("name", ["httpx", "requests"])
def test_what_the_server_asks_for_is_waited_and_no_less(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    clock = VirtualClock(start_unix_ns=1_893_456_000 * 10**9)  # 2030-01-01
    dated = answer(status=503, headers={"Retry-After": "Tue, 01 Jan 2030 00:00:10 GMT"})
    server.answers(answer(status=429, headers={"Retry-After": "2"}), dated)
    client = opened(name, executor=governing(options={"clock": clock}))

    assert client.send("GET", server.url) == (200, b"fine")
    assert clock.sleeps[0] == pytest.approx(2.0, rel=0.1)
    assert sum(clock.sleeps) == pytest.approx(10.0, rel=0.1)
    assert sum(clock.sleeps) >= 10.0


@pytest.mark.parametrize("name", EVERY)
def test_an_attempt_that_takes_too_long_is_repeated(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(hangs=True))
    client = opened(name, executor=governing(retry={"timeout_per_attempt_s": 0.15}), pool=1)

    with recourse.record_timeline() as capture:
        assert client.send("GET", server.url) == (200, b"fine")

    first = "attempt_timeout" if client.is_async else "timeout_error"
    assert reasons(capture) == [first, "success"]


@pytest.mark.parametrize("name", EVERY)
def test_a_post_that_takes_too_long_is_not_repeated_and_gives_the_clients_timeout(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(hangs=True))
    client = opened(name, executor=governing(retry={"timeout_per_attempt_s": 0.15}))

    with recourse.record_timeline() as capture, pytest.raises(client.timeout_error) as raised:
        client.send("POST", server.url, content=b"order")

    assert reasons(capture) == ["http_non_idempotent"]
    timeline = recourse.timeline_of(raised.value)
    assert timeline is not None
    assert timeline.disposition == "terminal"


def test_the_deadline_of_a_call_gives_the_clients_timeout(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(then=answer(hangs=True))
    client = opened(name, executor=governing(retry={"overall_timeout_s": 0.1}))

    with pytest.raises(client.timeout_error) as raised:
        client.send("GET", server.url)

    timeline = recourse.timeline_of(raised.value)
    assert timeline is not None
    assert timeline.disposition == "deadline_exceeded"
    assert isinstance(raised.value.__cause__, recourse.DeadlineExceeded)


def test_an_ambient_deadline_bounds_a_request(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(then=answer(hangs=True))
    client = opened(name, executor=governing())

    with recourse.deadline(0.1), pytest.raises(client.timeout_error):
        client.send("GET", server.url)

    assert len(server.hits) == 1


def test_a_denied_retry_gives_the_last_response(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(then=answer(status=503, body=b"busy"))
    retry = {"budget": BudgetRef("few")}
    budgets = {"few": TokenBucket(capacity=1, refill_per_s=0.001)}
    client = opened(name, executor=governing(retry=retry, options={"budgets": budgets}))

    with recourse.record_timeline() as capture:
        reply = client.send("GET", server.url)

    assert reply == (503, b"busy")
    assert told(capture).disposition == "budget_denied"
    assert len(server.hits) == 2


def test_an_open_circuit_refuses_without_a_request(
    name: str, server: Any, opened: Any, governing: Any
) -> None:
    executor = governing(circuit=CircuitPolicy(threshold=1))
    client = opened(name, executor=executor)
    client.send("GET", server.url)
    executor.circuits["http.GET"].isolate()

    with pytest.raises(CircuitOpenError):
        client.send("GET", server.url)

    assert len(server.hits) == 1


def hedging(governing: Any) -> Any:
    hedge = HedgePolicy(hedge_delay_s=0.05, max_hedges=1)
    return governing(hedge=hedge, options={"sync_timeout": "thread"})


@pytest.mark.parametrize("name", EVERY)
def test_the_response_of_a_hedge_that_wins_is_readable(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    body = b"x" * 500_000
    server.answers(answer(hangs=True), answer(body=body))
    client = opened(name, executor=hedging(governing))

    with recourse.record_timeline() as capture:
        reply = client.send("GET", server.url)

    assert reply == (200, body)
    # Whichever of the two comes first to the server is the one that hangs.
    assert sorted(reasons(capture)) == ["hedge_lost", "success"]


@pytest.mark.parametrize("name", ASYNC)
def test_a_hedge_that_lost_gives_its_connection_back(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(*[answer(hangs=True), answer()] * 5)
    client = opened(name, executor=hedging(governing), pool=2)

    replies = [client.send("GET", server.url) for _ in range(5)]

    assert replies == [(200, b"fine")] * 5


@pytest.mark.parametrize("name", ASYNC)
def test_a_caller_who_cancels_ends_the_request_and_the_pool_lives_on(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"x" * 300_000), answer(hangs=True))
    client = opened(name, executor=governing(), pool=1)

    async def cancelled() -> str:
        with recourse.record_timeline() as capture:
            task = asyncio.create_task(client.send_async("GET", server.url))
            while len(server.hits) < 2:  # noqa: ASYNC110  # the server is in a thread of its own
                await asyncio.sleep(0.001)  # noqa: TID251  # as above
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return told(capture).disposition

    assert client.run(cancelled) == "cancelled"
    assert client.send("GET", server.url) == (200, b"fine")


def test_a_pool_of_one_never_starves(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    big = answer(status=503, body=b"x" * 1_000_000)
    server.answers(*[big, big, answer()] * 4)
    client = opened(name, executor=governing(), pool=1)

    replies = [client.send("GET", server.url) for _ in range(4)]

    assert replies == [(200, b"fine")] * 4


@pytest.mark.parametrize("name", ["httpx", "requests"])
def test_a_pool_of_one_serves_threads_while_one_of_them_waits(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"x" * 1_000_000))
    waiting = {"initial_backoff_s": 0.3, "max_backoff_s": 0.3}
    client = opened(name, executor=governing(retry=waiting), pool=1)
    order: list[str] = []

    def ask(who: str) -> None:
        assert client.send("GET", server.url) == (200, b"fine")
        order.append(who)

    first = threading.Thread(target=ask, args=("first",))
    first.start()
    while not server.hits:
        first.join(0.001)
    ask("second")
    first.join()

    assert order == ["second", "first"]


def test_errors_of_recourse_are_raised_on_request(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    from recourse.integrations.http import StatusError

    server.answers(then=answer(status=503, body=b"busy", headers={"Retry-After": "0"}))
    client = opened(name, executor=governing(), errors="recourse", pool=1)

    with pytest.raises(StatusError) as raised:
        client.send("GET", server.url)

    error = raised.value
    assert (error.status, error.method, error.retry_after_s) == (503, "GET", 0.0)
    assert str(error) == "a GET request was answered 503; it asks to wait 0 s"
    assert len(server.hits) == 3


def test_an_executor_that_wraps_errors_still_gives_the_client_its_response(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(then=answer(status=503, body=b"busy"))
    client = opened(name, executor=governing(options={"errors": "wrap"}))

    assert client.send("GET", server.url) == (503, b"busy")
