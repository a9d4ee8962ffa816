import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from recourse.errors import PolicyError, PolicyNotFoundError
from recourse.key import PolicyKey
from recourse.policy import Policy, RetryPolicy
from recourse.policy.problems import PolicyFileError
from recourse.provider import HTTPSource, RemoteProvider, http_source

KEY = PolicyKey("a.B")
ONE = {"retry": {"max_attempts": 2, "timeout_per_attempt": "1s"}}
TWO_ATTEMPTS = Policy("a.B", retry=RetryPolicy(max_attempts=2, timeout_per_attempt_s=1.0))


class Server(ThreadingHTTPServer):
    """Answers as it is told, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.body = b""
        self.sent: dict[str, str] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.received: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.raw: bytes | None = None

    def says(self, data: object, **headers: str) -> None:
        self.body, self.sent = json.dumps(data).encode(), headers

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        mark = self.headers.get("If-None-Match")
        self.server.asked.append((self.path, mark))
        self.server.received = dict(self.headers)
        if self.server.raw is not None:
            self.wfile.write(self.server.raw)
            self.close_connection = True
            return
        if self.path in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        is_known = mark is not None and mark == self.server.sent.get("ETag")
        self.send_response(304 if is_known else self.server.status)
        for name, value in self.server.sent.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if not is_known:
            self.wfile.write(self.server.body)

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.005))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_address_with_a_key_gives_one_policy(server: Server) -> None:
    server.says(ONE)
    source = HTTPSource(server.url + "/v1/{key}", headers={"Authorization": "Bearer t"})

    found = source.get(KEY), source.get(PolicyKey("a/b c"))

    assert found[0] == TWO_ATTEMPTS
    assert server.asked == [("/v1/a.B", None), ("/v1/a%2Fb%20c", None)]
    assert server.received["Authorization"] == "Bearer t"
    assert "application/json" in server.received["Accept"]
    assert repr(source) == f"HTTPSource('{server.url}/v1/{{key}}')"


def test_a_document_gives_the_policies_that_it_lists(server: Server) -> None:
    server.says({"policies": {"a.B": ONE}})
    source = HTTPSource(server.url + "/policies.json")

    assert source.get(KEY) == TWO_ATTEMPTS
    with pytest.raises(PolicyNotFoundError):
        source.get(PolicyKey("x.Y"))


def test_a_document_may_have_a_default_for_all_other_keys(server: Server, clock: Any) -> None:
    server.says({"default": ONE})
    provider = RemoteProvider(HTTPSource(server.url), clock=clock)

    found = provider.get(PolicyKey("x.Y"))

    assert (found.key, found.id, found.retry.max_attempts) == ("x.Y", "default", 2)


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/p.toml", {}), ("/p", {"Content_Type": "application/toml; charset=utf-8"})],
)
def test_a_document_may_be_toml(server: Server, path: str, headers: dict[str, str]) -> None:
    server.body = b'[policies."a.B".retry]\nmax_attempts = 2\ntimeout_per_attempt = "1s"\n'
    server.sent = headers

    assert HTTPSource(server.url + path).get(KEY) == TWO_ATTEMPTS


def test_what_has_not_changed_is_not_sent_again(server: Server) -> None:
    server.says(ONE, ETag='"v1"')
    source = HTTPSource(server.url + "/{key}")

    found = [source.get(KEY), source.get(KEY)]
    server.says({}, ETag='"v2"')
    found.append(source.get(KEY))
    server.says({})
    found.append(source.get(KEY))
    found.append(source.get(KEY))

    assert found == [TWO_ATTEMPTS, TWO_ATTEMPTS, *[Policy("a.B")] * 3]
    assert [mark for _, mark in server.asked] == [None, '"v1"', '"v1"', '"v2"', None]


def test_only_so_many_documents_are_remembered(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_source, "MAX_DOCUMENTS", 2)
    server.says(ONE, ETag='"v1"')
    source = HTTPSource(server.url + "/{key}")

    for name in ("a", "b", "c", "a", "c"):
        source.get(PolicyKey(name))

    assert [mark for _, mark in server.asked] == [None, None, None, None, '"v1"']


@pytest.mark.parametrize("status", [404, 410])
def test_r09_not_found_under_a_keys_own_address_means_that_there_is_none(
    server: Server, status: int
) -> None:
    server.status = status

    with pytest.raises(PolicyNotFoundError) as caught:
        HTTPSource(server.url + "/{key}").get(KEY)

    assert caught.value.key == "a.B"


@pytest.mark.parametrize(("path", "status"), [("/policies", 404), ("/{key}", 500), ("/{key}", 304)])
def test_every_other_refusal_is_an_outage(server: Server, path: str, status: int) -> None:
    server.status = status

    with pytest.raises(HTTPError) as caught:
        HTTPSource(server.url + path).get(KEY)

    assert caught.value.code == status


def test_an_answer_that_is_no_policy_says_what_is_wrong(server: Server) -> None:
    server.says({"retry": {"max_attempts": "x"}})

    with pytest.raises(PolicyFileError, match=r"/a\.B:1: a\.B retry\.max_attempts 'x'"):
        HTTPSource(server.url + "/{key}").get(KEY)


@pytest.mark.parametrize("body", [b"<html>", b"\xff\xfe"])
def test_an_answer_that_is_no_json_says_so(server: Server, body: bytes) -> None:
    server.body = body

    with pytest.raises(PolicyFileError, match="is no JSON"):
        HTTPSource(server.url).get(KEY)


@pytest.mark.parametrize("promised", ["200", "120"])
def test_an_answer_that_ends_before_its_length_is_an_outage(server: Server, promised: str) -> None:
    # What came is a whole TOML document, and not the one that was sent.
    server.body = b'[policies."a.B".retry]\nmax_attempts = 2\n'
    server.sent = {"Content_Length": promised}

    with pytest.raises(ConnectionError, match=rf"broke off after 40 of {promised} bytes"):
        HTTPSource(server.url + "/p.toml", max_bytes=150).get(KEY)


def test_a_token_is_not_sent_on_to_where_a_server_redirects(server: Server) -> None:
    server.says(ONE)
    server.moved = {"/a.B": "/elsewhere"}

    found = HTTPSource(server.url + "/{key}", headers={"Authorization": "Bearer t"}).get(KEY)

    assert found == TWO_ATTEMPTS
    assert [path for path, _ in server.asked] == ["/a.B", "/elsewhere"]
    assert "Authorization" not in server.received
    assert "application/json" in server.received["Accept"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "/a.B"])
def test_a_redirect_to_no_server_or_without_end_is_an_outage(server: Server, target: str) -> None:
    server.moved = {"/a.B": target}

    with pytest.raises(HTTPError):
        HTTPSource(server.url + "/{key}").get(KEY)


@pytest.mark.parametrize(
    "answer",
    [
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[x\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_an_outage(server: Server, answer: bytes) -> None:
    server.raw = answer

    with pytest.raises(ConnectionError, match=r"http://127.* did not answer in HTTP \("):
        HTTPSource(server.url).get(KEY)


def test_a_name_that_a_policy_has_twice_is_refused_with_its_line(server: Server) -> None:
    server.body = b'{"retry": {\n"max_attempts": 1,\n"max_attempts": 2}}'

    with pytest.raises(PolicyFileError) as caught:
        HTTPSource(server.url + "/{key}").get(KEY)

    assert str(caught.value) == (
        f"{server.url}/a.B:2: a.B retry.max_attempts is given again in line 3; keep one of them"
    )


@pytest.mark.parametrize("path", ["/{key}", "/policies.json"])
def test_null_is_no_policy_and_no_document_without_any(server: Server, path: str) -> None:
    server.says(None)

    with pytest.raises(PolicyError, match=r"the answer of http.* None is not allowed; use a table"):
        HTTPSource(server.url + path).get(KEY)


def test_an_answer_that_is_too_long_is_refused(server: Server) -> None:
    server.body = b" " * 101

    with pytest.raises(
        PolicyError, match=r"the answer of http.* 101 is not allowed; use at most 100"
    ):
        HTTPSource(server.url, max_bytes=100).get(KEY)


def test_a_server_that_is_not_there_or_does_not_answer_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TimeoutError):
            HTTPSource(url, timeout_s=0.02).get(KEY)
    with pytest.raises(URLError):
        HTTPSource(url).get(KEY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "file:///etc/passwd"}, "url 'file:///etc/passwd' is not allowed; use an http"),
        (
            {"url": "http://x", "timeout_s": 0},
            "timeout_s 0 is not allowed; use more than 0 seconds",
        ),
        (
            {"url": "http://x", "max_bytes": 0},
            "max_bytes 0 is not allowed; use a whole number from 1",
        ),
        ({"url": "http://x", "max_bytes": "1M"}, "max_bytes '1M' is not allowed; use a whole"),
        ({"url": 3}, "url '3' is not allowed; use an http or https address"),
        ({"url": "http://x:port/"}, "url 'http://x:port/' is not allowed; use an http or"),
        ({"url": "http://x/a b"}, "url 'http://x/a b' is not allowed; use an http or https"),
        ({"url": "http://me:secret@x/"}, "url 'http://…@x/' is not allowed; use an http or"),
        ({"url": "http://[::1"}, r"url 'http://\[::1' is not allowed; use an http or https"),
        ({"url": "http:///v1"}, "url 'http:///v1' is not allowed; use an http or https"),
        ({"url": "http://x", "headers": "a: b"}, "headers 'a: b' is not allowed; use a mapping"),
    ],
)
def test_a_source_that_cannot_work_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        HTTPSource(**arguments)


def test_r09_through_an_outage_of_the_server_the_last_policy_is_followed(
    server: Server, clock: Any
) -> None:
    server.says(ONE)
    provider = RemoteProvider(HTTPSource(server.url + "/{key}"), clock=clock)
    provider.get(KEY)
    server.status = 503
    clock.now_s += 70.0

    found = provider.get(KEY)

    assert (found.source, found.retry.max_attempts) == ("lkg", 2)
