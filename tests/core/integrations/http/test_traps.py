"""What goes wrong around HTTP clients, one test each: named after the trouble, proving its absence.

The other traps have their tests where the subject is: bodies, failed responses, keys, SDKs.
"""

import asyncio
import contextlib
import subprocess
import sys
import threading
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
from requests.adapters import HTTPAdapter

import recourse
from recourse import HedgePolicy
from recourse.integrations.httpx import AsyncRecourseTransport


@pytest.mark.parametrize("name", ["httpx", "httpx2", "httpxyz", "httpx async", "httpx2 async"])
def test_a_failed_response_left_open_would_end_in_a_pool_timeout(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    big = answer(status=503, body=b"x" * 1_000_000)
    server.answers(big, big)

    reply = opened(name, executor=governing(), pool=1).send("GET", server.url, timeout=1.0)

    assert reply == (200, b"fine")


def test_a_leaked_response_would_hang_a_blocking_pool_of_requests(
    server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    big = answer(status=503, body=b"x" * 1_000_000)
    server.answers(big, big)

    assert opened("requests", executor=governing(), pool=1).send("GET", server.url).status == 200


def test_reading_a_small_failed_body_spares_a_new_connection(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"x" * 60_000), answer(status=503, body=b"x" * 60_000))

    opened(name, executor=governing(), pool=1).send("GET", server.url)

    assert server.connections == 1


@pytest.mark.parametrize("name", ["requests", "aiohttp"])
def test_a_generator_would_be_sent_again_empty_and_answered_200(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503))
    client = opened(name, executor=governing(idempotent=True))

    async def apieces() -> Any:
        yield b"order"

    body = apieces() if client.is_async else (piece for piece in [b"order"])

    assert client.send("POST", server.url, content=body).status == 503
    assert [hit.body for hit in server.hits] == [b"order"]


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_a_file_as_content_would_die_on_its_second_attempt(
    name: str, server: Any, opened: Any, governing: Any, answer: Any, tmp_path: Any
) -> None:
    server.answers(answer(status=503))
    path = tmp_path / "order"
    path.write_bytes(b"order")
    client = opened(name, executor=governing(), spool_body_bytes=1 << 20)

    with path.open("rb") as file:
        assert client.send("PUT", server.url, content=file) == (200, b"fine")

    assert [hit.body for hit in server.hits] == [b"order", b"order"]


def test_a_generator_would_raise_stream_consumed(
    server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(resets=True))
    client = opened("httpx", executor=governing())

    with pytest.raises(httpx.TransportError):  # the first attempt's own error
        client.send("PUT", server.url, content=(piece for piece in [b"order"]))


def test_a_timed_out_post_would_be_charged_twice(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(hangs=True))
    client = opened(name, executor=governing(retry={"timeout_per_attempt_s": 0.15}))

    with pytest.raises(client.timeout_error):
        client.send("POST", server.url, content=b"charge")

    assert len(server.hits) == 1


def test_a_post_whose_connection_broke_would_be_charged_twice(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(resets=True))
    client = opened(name, executor=governing())

    with pytest.raises(client.transport_error):
        client.send("POST", server.url, content=b"charge")

    assert len(server.hits) == 1


def test_aiohttp_would_repeat_a_broken_connection_by_itself(
    server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(then=answer(resets=True))
    client = opened("aiohttp", executor=governing())

    with pytest.raises(aiohttp.ClientConnectionError):
        client.send("GET", server.url)

    assert len(server.hits) == 3


@pytest.mark.parametrize("name", ["httpx async", "httpx2 async", "httpxyz async", "aiohttp"])
def test_a_cancelled_hedge_would_hold_its_connection(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(*[answer(hangs=True), answer()] * 3)
    hedge = HedgePolicy(hedge_delay_s=0.02, max_hedges=1)
    client = opened(name, executor=governing(hedge=hedge), pool=2)

    assert [client.send("GET", server.url).status for _ in range(3)] == [200] * 3


def test_a_loser_that_fails_late_would_hold_its_connection(
    server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    late = answer(status=500, body=b"x" * 1_000_000, late_s=0.1)
    server.answers(late, answer())
    hedge = HedgePolicy(hedge_delay_s=0.02, max_hedges=1)
    executor = governing(hedge=hedge, retry={"max_attempts": 1}, options={"sync_timeout": "thread"})
    client = opened("httpx", executor=executor, pool=2)

    assert client.send("GET", server.url).status == 200
    for thread in threading.enumerate():
        if thread.name.startswith("recourse-"):
            thread.join()

    get = client.client.stream
    with get("GET", server.url, timeout=1.0) as one, get("GET", server.url, timeout=1.0) as two:
        assert (one.status_code, two.status_code) == (200, 200)


@pytest.mark.slow
def test_a_client_that_is_not_httpx_would_not_be_recognised() -> None:
    code = (
        "import sys, httpx2\n"
        "from recourse import Executor, Policy, RetryPolicy\n"
        "from recourse.integrations.httpx import RecourseTransport\n"
        "tries = []\n"
        "class Down:\n"
        "    def handle_request(self, request):\n"
        "        tries.append(1)\n"
        "        raise httpx2.ConnectError('refused')\n"
        "retry = RetryPolicy(initial_backoff_s=0.001)\n"
        "executor = Executor(default_policy=Policy('p', retry=retry))\n"
        "client = httpx2.Client(transport=RecourseTransport(Down(), executor=executor))\n"
        "try:\n"
        "    client.post('http://shop.test')\n"
        "except httpx2.ConnectError:\n"
        "    print(len(tries), 'httpx' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == "3 False\n", done.stderr


@pytest.mark.slow
def test_the_integrations_would_import_clients_that_nobody_uses() -> None:
    code = (
        "import sys\n"
        "import recourse.integrations.httpx, recourse.integrations.requests\n"
        "import recourse.integrations.aiohttp\n"
        "print([n for n in ('httpx', 'httpx2', 'requests', 'aiohttp', 'urllib3') if n in sys.modules])\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_an_attempt_would_wait_for_each_of_four_timeouts_in_turn(
    server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    # 5 s each by httpx's own default; the deadline bounds them all.
    server.answers(then=answer(hangs=True))
    client = opened("httpx", executor=governing())

    with recourse.deadline(0.15), pytest.raises(httpx.ReadTimeout) as raised:
        client.send("GET", server.url)

    timeline = recourse.timeline_of(raised.value)
    assert timeline is not None
    assert timeline.duration_s < 2


def test_a_path_in_the_key_would_make_a_key_per_user(
    name: str, server: Any, opened: Any, governing: Any
) -> None:
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        for user in range(3):
            client.send("GET", f"{server.url}/users/{user}?q={user}")

    assert {timeline.key for timeline in capture.timelines} == {"http.GET"}


def test_a_fresh_idempotency_key_per_attempt_would_be_no_key(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503), answer(status=503))
    given: list[str] = []

    def give(_: Any) -> str:
        given.append("k")
        return f"k{len(given)}"

    opened(name, executor=governing(), idempotency_key=give).send("POST", server.url)

    assert [hit.headers["idempotency-key"] for hit in server.hits] == ["k1"] * 3


def test_retries_of_urllib3_that_are_left_on_multiply(
    server: Any, governing: Any, answer: Any
) -> None:
    from urllib3.util import Retry

    from recourse.integrations.requests import RecourseAdapter

    server.answers(then=answer(status=503))
    stacked = HTTPAdapter(max_retries=Retry(2, status_forcelist=[503], backoff_factor=0))
    with requests.Session() as session, contextlib.suppress(requests.RequestException):
        session.mount("http://", RecourseAdapter(stacked, executor=governing()))
        session.get(server.url)

    assert len(server.hits) == 9


def test_a_redirect_would_be_taken_for_an_attempt(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=302, headers={"Location": "/elsewhere"}))
    client = opened(name, executor=governing())
    follow = {"follow_redirects": True} if name.startswith("httpx") else {}

    with recourse.record_timeline() as capture:
        assert client.send("GET", server.url, **follow).status == 200

    assert [timeline.attempts_run for timeline in capture.timelines] == [1, 1]


def test_a_cancelled_body_would_leak_its_connection(
    server: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"x" * 1000, drips=True))

    async def main() -> int:
        limits = httpx2.Limits(max_connections=1)
        transport = AsyncRecourseTransport(
            httpx2.AsyncHTTPTransport(limits=limits), executor=governing()
        )
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            task = asyncio.create_task(client.get(server.url))
            while not server.hits:  # noqa: ASYNC110  # the server is in a thread of its own
                await asyncio.sleep(0.001)  # noqa: TID251  # as above
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            return (await client.get(server.url, timeout=1.0)).status_code

    assert asyncio.run(main()) == 200
