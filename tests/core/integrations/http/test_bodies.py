"""Bodies that can be sent again, in turn, or never: against a real server, by every client."""

import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import recourse
from recourse import AlwaysRetryOnError, HedgePolicy

GONE = "http_body_not_replayable"
HTTPX = ("httpx", "httpx2 async")
SPOOLING = (*HTTPX, "requests")


def pieces() -> Iterator[bytes]:
    yield b"one "
    yield b"two"


async def apieces() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


def generator(client: Any) -> Any:
    return apieces() if client.is_async else pieces()


class Unseekable(io.RawIOBase):
    """A file as a pipe is one."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


def reasons(capture: Any) -> list[str]:
    return [attempt.outcome.reason for attempt in capture.timelines[-1].attempts]


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_generator_gets_one_attempt_and_the_reason_says_why(
    name: str, server: Any, opened: Any, governing: Any, answer: Any, method: str
) -> None:
    server.answers(answer(status=503, body=b"busy"))
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        reply = client.send(method, server.url, content=generator(client))

    assert reply == (503, b"busy")
    assert reasons(capture) == [GONE]
    assert capture.timelines[-1].attempts[0].outcome.attributes["cause"] == "http_503"
    assert [hit.body for hit in server.hits] == [b"one two"]


def test_a_generator_of_a_call_that_the_policy_repeats_is_never_sent_again_empty(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503, body=b"busy"))
    options = {"classifiers": {"all": AlwaysRetryOnError()}}
    executor = governing(retry={"classifier": "all"}, options=options)
    client = opened(name, executor=executor)

    reply = client.send("PUT", server.url, content=generator(client))

    assert reply == (503, b"busy")
    assert [hit.body for hit in server.hits] == [b"one two"]


def test_a_generator_whose_attempt_takes_too_long_is_not_sent_again(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(hangs=True))
    client = opened(name, executor=governing(retry={"timeout_per_attempt_s": 0.15}))

    with recourse.record_timeline() as capture, pytest.raises(client.timeout_error):
        client.send("PUT", server.url, content=generator(client))

    assert reasons(capture) == [GONE]
    assert len(server.hits) == 1


@pytest.mark.parametrize("name", ["httpx async", "aiohttp"])
def test_a_generator_cut_off_under_a_classifier_that_repeats_gives_the_clients_timeout(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(hangs=True))
    retry = {"timeout_per_attempt_s": 0.15, "classifier": "all"}
    executor = governing(retry=retry, options={"classifiers": {"all": AlwaysRetryOnError()}})
    client = opened(name, executor=executor)

    with pytest.raises(client.timeout_error):
        client.send("PUT", server.url, content=generator(client))

    assert len(server.hits) == 1


def test_a_generator_that_is_refused_for_good_keeps_the_status_as_its_reason(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=404, body=b"no"))
    client = opened(name, executor=governing())

    with recourse.record_timeline() as capture:
        assert client.send("PUT", server.url, content=generator(client)) == (404, b"no")

    assert reasons(capture) == ["http_404"]


@pytest.mark.parametrize("name", SPOOLING)
def test_a_generator_that_is_kept_is_sent_again(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503))
    client = opened(name, executor=governing(), spool_body_bytes=1000)

    assert client.send("PUT", server.url, content=generator(client)) == (200, b"fine")
    assert [hit.body for hit in server.hits] == [b"one two"] * 2


@pytest.mark.parametrize("name", SPOOLING)
def test_a_generator_too_long_to_keep_is_sent_once_and_whole(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503))
    client = opened(name, executor=governing(), spool_body_bytes=3)

    assert client.send("PUT", server.url, content=generator(client)).status == 503
    assert [hit.body for hit in server.hits] == [b"one two"]


@pytest.mark.parametrize("name", ["requests", "aiohttp"])
def test_a_file_is_sent_again_from_where_it_stood(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503))
    client = opened(name, executor=governing())
    file = io.BytesIO(b"header|order")
    file.seek(7)

    assert client.send("PUT", server.url, content=file) == (200, b"fine")
    assert [hit.body for hit in server.hits] == [b"order", b"order"]


@pytest.mark.parametrize("name", ["requests", "aiohttp"])
def test_a_pipe_is_sent_once(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503))
    client = opened(name, executor=governing())

    assert client.send("PUT", server.url, content=Unseekable(b"order")).status == 503
    assert [hit.body for hit in server.hits] == [b"order"]


def form(client: Any, file: Any) -> dict[str, Any]:
    """The arguments that send a file as part of a form."""
    if hasattr(client.client, "connector"):
        import aiohttp

        data = aiohttp.FormData({"a": "b"})
        data.add_field("file", file, filename="f")
        return {"content": data}
    return {"files": {"file": ("f", file)}, "data": {"a": "b"}}


@pytest.mark.parametrize("name", [*HTTPX, "aiohttp"])
@pytest.mark.parametrize("seekable", [True, False])
def test_a_form_with_a_file_is_sent_again_if_the_file_can_begin_anew(
    name: str, server: Any, opened: Any, governing: Any, answer: Any, *, seekable: bool
) -> None:
    server.answers(answer(status=503))
    client = opened(name, executor=governing())
    file = io.BytesIO(b"order") if seekable else Unseekable(b"order")

    reply = client.send("PUT", server.url, **form(client, file))

    assert reply.status == (200 if seekable else 503)
    assert len(server.hits) == (2 if seekable else 1)
    assert all(b"order" in hit.body for hit in server.hits)


@pytest.mark.parametrize("name", [*HTTPX, "aiohttp"])
def test_a_form_of_bytes_is_sent_again(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(status=503))
    client = opened(name, executor=governing())

    assert client.send("PUT", server.url, **form(client, b"order")) == (200, b"fine")
    assert all(b"order" in hit.body for hit in server.hits)


@pytest.mark.parametrize("name", ["httpx", "httpx async", "aiohttp"])
def test_a_hedge_leaves_a_file_to_the_attempt_that_sends_it(
    name: str, server: Any, opened: Any, governing: Any, answer: Any
) -> None:
    server.answers(answer(late_s=0.1))
    hedge = HedgePolicy(hedge_delay_s=0.03, max_hedges=1)
    client = opened(name, executor=governing(hedge=hedge, options={"sync_timeout": "thread"}))

    with recourse.record_timeline() as capture:
        reply = client.send("PUT", server.url, **form(client, io.BytesIO(b"order")))

    assert reply == (200, b"fine")
    assert reasons(capture) == ["success", GONE]
    assert len(server.hits) == 1
