"""Everything that a watcher tells, and a server that answers by script."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from recourse.timeline import Timeline


class Heard:
    """An observer that keeps what it is told, and folds it into timelines."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_event(self, event: Any) -> None:
        self.events.append(event)

    @property
    def timelines(self) -> list[Timeline]:
        calls: dict[str, list[Any]] = {}
        for event in self.events:
            calls.setdefault(event.call_id, []).append(event)
        return [Timeline.of(tuple(events)) for events in calls.values()]

    def only(self) -> Timeline:
        [timeline] = self.timelines
        return timeline

    def told(self) -> list[tuple[str, str, list[str]]]:
        """Key, disposition and reasons of each call."""
        return [
            (each.key, each.disposition, [one.outcome.reason for one in each.attempts])
            for each in self.timelines
        ]


@pytest.fixture
def heard() -> Heard:
    return Heard()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Any = self.server
        word = server.script.pop(0) if server.script else "200"
        if word == "drop":
            self.close_connection = True
            return
        self.send_response(int(word))
        if word == "302":
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *facts: Any) -> None:
        """Keep quiet."""


class Scripted(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[str] = []
        self.url = f"http://localhost:{self.server_port}/"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


@pytest.fixture
def web() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()
