"""Keys, idempotency keys, options, and errors of the integrations."""

import asyncio
import pickle
from typing import Any

import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Timeout

import recourse
from recourse import Executor, Policy, PolicyError, using
from recourse.integrations.aiohttp import RecourseMiddleware
from recourse.integrations.http import (
    BodyNotReplayable,
    StatusError,
    key_of,
    new_idempotency_key,
    timeout_s,
)
from recourse.integrations.httpx import AsyncRecourseTransport, RecourseTransport
from recourse.integrations.requests import RecourseAdapter


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("api.example.com", "api.example.com.GET"),
        ("API.Example.com", "api.example.com.GET"),
        ("localhost", "localhost.GET"),
        ("10.0.0.7", "http.GET"),
        ("::1", "http.GET"),
        ("", "http.GET"),
        (None, "http.GET"),
    ],
)
def test_a_key_is_host_and_method_but_never_an_address(host: str | None, key: str) -> None:
    assert key_of(host, "GET") == key


def test_a_key_of_the_users_own_goes_first(
    name: str, server: Any, opened: Any, governing: Any
) -> None:
    client = opened(
        name,
        executor=governing(),
        key_func=lambda request: "users.Get" if "users" in str(request.url) else None,
    )

    with recourse.record_timeline() as capture:
        client.send("GET", server.url + "/users/7?full=1")
        client.send("GET", server.url + "/orders/7")

    assert [timeline.key for timeline in capture.timelines] == ["users.Get", "http.GET"]


@pytest.mark.parametrize("name", ["httpx", "httpx2 async"])
def test_a_request_can_bring_its_key(name: str, server: Any, opened: Any, governing: Any) -> None:
    client = opened(name, executor=governing(), key_func=lambda _: "other")

    with recourse.record_timeline() as capture:
        client.send("GET", server.url, extensions={"recourse.key": "users.Get"})

    assert capture.timelines[-1].key == "users.Get"


def test_a_post_with_an_idempotency_key_is_repeated_with_the_same_key(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503), answer(resets=True))
    client = opened(name, executor=governing(), idempotency_key=new_idempotency_key)

    first = client.send("POST", server.url, content=b"order")
    second = client.send("POST", server.url, content=b"order")

    keys = [hit.headers["idempotency-key"] for hit in server.hits]
    assert (first, second) == ((200, b"fine"), (200, b"fine"))
    assert keys[0] == keys[1] == keys[2]
    assert keys[3] != keys[0]


def test_a_post_with_an_idempotency_key_is_repeated_when_it_takes_too_long(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(hangs=True))
    client = opened(name, executor=governing(retry={"timeout_per_attempt_s": 0.15}))

    reply = client.send("POST", server.url, content=b"1", headers={"Idempotency-Key": "mine"})

    assert reply == (200, b"fine")
    assert [hit.headers["idempotency-key"] for hit in server.hits] == ["mine", "mine"]


def test_a_get_gets_no_idempotency_key(name: str, server: Any, opened: Any, governing: Any) -> None:
    opened(name, executor=governing(), idempotency_key=new_idempotency_key).send("GET", server.url)

    assert "idempotency-key" not in server.hits[0].headers


def test_the_executor_is_looked_up_at_each_call(name: str, server: Any, opened: Any) -> None:
    client = opened(name)

    with using(Executor(default_policy=Policy("mine"))), recourse.record_timeline() as capture:
        client.send("GET", server.url)

    assert capture.timelines[-1].policy_id == "mine"


@pytest.mark.parametrize(
    "integration", [RecourseTransport, AsyncRecourseTransport, RecourseAdapter]
)
def test_an_unknown_way_to_fail_is_refused(integration: Any) -> None:
    with pytest.raises(PolicyError, match=r"errors 'raise' is not allowed; use client or recourse"):
        integration(None, errors="raise")


def test_the_middleware_refuses_it_as_well() -> None:
    with pytest.raises(PolicyError):
        RecourseMiddleware(errors="raise")  # type: ignore[arg-type]  # on purpose


def test_a_status_error_survives_pickling() -> None:
    error = StatusError(503, "GET", 2.0)
    error.response = object()

    copy = pickle.loads(pickle.dumps(error))

    assert (copy.args, copy.response) == ((503, "GET", 2.0), None)
    assert str(StatusError(404, "GET")) == "a GET request was answered 404"


def test_a_body_that_is_gone_says_what_to_do() -> None:
    assert "spool_body_bytes" in str(BodyNotReplayable())


@pytest.mark.parametrize(
    ("own_s", "remaining_s", "expected"),
    [(None, 2.0, 2.0), (5.0, 2.0, 2.0), (1.0, 2.0, 1.0), (None, 0.0, 0.001)],
)
def test_a_clients_timeout_is_bounded_by_what_is_left(
    own_s: float | None, remaining_s: float, expected: float
) -> None:
    assert timeout_s(own_s, remaining_s) == expected


class Asked(HTTPAdapter):
    """An adapter that notes the timeouts it is given."""

    timeout: Any = None

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        self.timeout = options["timeout"]
        return super().send(request, *args, **options)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (None, (60, 60)),
        (5, (5, 5)),
        ((5, 100), (5, 60)),
        (Timeout(connect=5, read=100), (5, 60)),
        (Timeout(), (60, 60)),
    ],
)
def test_every_form_of_timeout_of_requests_is_bounded(
    server: Any, governing: Any, own: Any, expected: Any
) -> None:
    adapter = Asked()
    with requests.Session() as session:
        session.mount(
            "http://", RecourseAdapter(adapter, executor=governing(retry={"overall_timeout_s": 60}))
        )
        session.get(server.url, timeout=own)

    assert adapter.timeout == pytest.approx(expected, abs=1.0)


def test_timeouts_of_httpx_are_bounded_each_and_the_users_request_is_left_alone(
    server: Any, governing: Any
) -> None:
    sent: list[Any] = []

    class Inner(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            sent.append(request.extensions["timeout"])
            return super().handle_request(request)

    transport = RecourseTransport(Inner(), executor=governing(retry={"overall_timeout_s": 60}))
    with httpx.Client(transport=transport) as client:
        request = client.build_request("GET", server.url, timeout=httpx.Timeout(None, connect=5))
        client.send(request)

    assert sent[0] == pytest.approx({"connect": 5, "read": 60, "write": 60, "pool": 60}, abs=1.0)
    assert request.extensions["timeout"]["read"] is None


def test_transports_open_close_and_show_what_they_govern() -> None:
    class Inner:
        def __init__(self) -> None:
            self.told: list[str] = []

        def __enter__(self) -> None:
            self.told.append("enter")

        def __exit__(self, *_: object) -> None:
            self.told.append("exit")

        def close(self) -> None:
            self.told.append("close")

        async def __aenter__(self) -> None:
            self.told.append("aenter")

        async def __aexit__(self, *_: object) -> None:
            self.told.append("aexit")

        async def aclose(self) -> None:
            self.told.append("aclose")

        def __repr__(self) -> str:
            return "inner"

    inner = Inner()

    async def asynchronously() -> None:
        async with AsyncRecourseTransport(inner) as transport:
            await transport.aclose()

    with RecourseTransport(inner) as transport:
        transport.close()
    asyncio.run(asynchronously())

    assert inner.told == ["enter", "close", "exit", "aenter", "aclose", "aexit"]
    assert repr(transport) == "RecourseTransport(inner)"
    assert repr(RecourseAdapter(inner)) == "RecourseAdapter(inner)"
