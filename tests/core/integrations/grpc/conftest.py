"""A gRPC server on loopback that does what the request says; bytes in, bytes out, no protoc."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

CHARGE = "/payments.Payments/Charge"
LIST = "/payments.Payments/List"


class Server:
    """Answers a request by its script: ``UNAVAILABLE OK`` fails once, then succeeds.

    A word may be ``CODE``, ``CODE:pushback_ms``, ``SLOW`` (until the test is over) or ``OK``.
    """

    def __init__(self) -> None:
        self.script: list[str] = []
        self.hits = 0
        self.deadlines_s: list[float | None] = []
        self.over = threading.Event()
        self.cancelled = threading.Event()
        self._mutex = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(8))
        handlers = {
            "Charge": grpc.unary_unary_rpc_method_handler(self._charge),
            "List": grpc.unary_stream_rpc_method_handler(self._list),
            "Upload": grpc.stream_unary_rpc_method_handler(self._upload),
            "Chat": grpc.stream_stream_rpc_method_handler(self._chat),
        }
        service = grpc.method_handlers_generic_handler("payments.Payments", handlers)
        self._server.add_generic_rpc_handlers((service,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def _play(self, context: Any) -> None:
        with self._mutex:
            self.hits += 1
            self.deadlines_s.append(context.time_remaining())
            word = self.script.pop(0) if self.script else "OK"
        context.set_trailing_metadata((("served-by", "one"),))
        if word == "SLOW":
            context.add_callback(self.cancelled.set)
            self.over.wait(5)
            return
        code, _, pushback = word.partition(":")
        if pushback:
            context.set_trailing_metadata((("grpc-retry-pushback-ms", pushback),))
        if code != "OK":
            context.abort(grpc.StatusCode[code], f"scripted {code}")

    def _charge(self, request: bytes, context: Any) -> bytes:
        self._play(context)
        return b"charged " + request

    def _list(self, request: bytes, context: Any) -> Iterator[bytes]:
        yield request
        self._play(context)
        yield request

    def _upload(self, requests: Iterator[bytes], context: Any) -> bytes:
        received = b"".join(requests)
        self._play(context)
        return received

    def _chat(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        yield from requests
        self._play(context)

    def stop(self) -> None:
        self.over.set()
        self._server.stop(0).wait()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()
