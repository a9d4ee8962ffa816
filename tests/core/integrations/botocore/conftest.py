"""A server on loopback in the shape of S3 that answers by script, and clients of it."""

import gc
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.config
import botocore.session
import pytest


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        server: Any = self.server
        length = int(self.headers.get("Content-Length") or 0)
        encoding = self.headers.get("Transfer-Encoding", "")
        body = self._chunks() if "chunked" in encoding else self.rfile.read(length)
        server.bodies.append(body)
        server.hits += 1
        server.broke |= bool(server.script) and server.script[0] in {"drop", "slow"}
        word, _, extra = (server.script.pop(0) if server.script else "200").partition(" ")
        if word == "drop":
            self.close_connection = True
            return
        if word == "slow":
            server.over.wait(5)
            self.close_connection = True
            return
        is_json = "json" in (self.headers.get("Content-Type") or "")
        text = b"{}" if is_json else b""
        if word != "200":
            code, _, wait = extra.partition(" ")
            text = f"<Error><Code>{code or 'InternalError'}</Code></Error>".encode()
            self.send_response(int(word))
            if wait:
                self.send_header("Retry-After", wait)
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return found

    def log_message(self, *facts: Any) -> None:
        """Keep quiet."""


class Aws(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, session: Any) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self._session = session
        self._clients: list[Any] = []
        self.script: list[str] = []
        self.bodies: list[bytes] = []
        self.hits = 0
        self.broke = False
        self.over = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def client(self, service: str = "s3", attempts: int = 1, **config: Any) -> Any:
        retries = {"total_max_attempts": attempts, "mode": "standard"}
        path = {"addressing_style": "path"}
        client = self._session.create_client(
            service,
            region_name="eu-west-1",
            endpoint_url=f"http://127.0.0.1:{self.server_port}",
            aws_access_key_id="none",
            aws_secret_access_key="none",  # noqa: S106 -- nobody asks for it
            config=botocore.config.Config(**{"retries": retries, "s3": path, **config}),
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        self.over.set()
        while self._clients:
            self._clients.pop().close()
        self.shutdown()
        self._thread.join()
        self.server_close()
        if self.broke:
            # urllib3 leaves the socket of a broken connection to the garbage collector.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()


@pytest.fixture(scope="session")
def session() -> Any:
    """One for all: it remembers the models of services, which take long to read."""
    return botocore.session.Session()


@pytest.fixture
def aws(session: Any) -> Iterator[Aws]:
    server = Aws(session)
    yield server
    server.close()
