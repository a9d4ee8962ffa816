"""A real Redis on loopback, and a proxy before it that loses what a test wants lost."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    binary = shutil.which("redis-server")
    if binary is None:
        assert not os.environ.get("CI"), "redis-server is not installed, and CI must not skip it"
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with (
        Path(folder, "log").open("wb") as log,
        subprocess.Popen([binary, *options], stdout=log, stderr=log) as process,
    ):
        waits = Retry(ConstantBackoff(0.02), 400)
        with redis.Redis(port=port, retry=waits) as client:
            client.ping()
        yield port
        process.terminate()


class Proxy:
    """Passes bytes on, but for the faults: a word, and what happens to the request that holds it.

    ``lost``: the request never arrives; ``answer lost``: it is carried out, and the connection
    breaks before the answer; ``hang``: nothing happens any more; ``gone``: neither this
    connection nor a later one.
    """

    def __init__(self, port: int) -> None:
        self.faults: list[tuple[bytes, str]] = []
        self.connections = 0
        self.over = threading.Event()
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self._sockets: list[socket.socket] = [self._listener]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                pump = threading.Thread(target=self._pump, args=(client, server))
                self._threads.append(pump)
                pump.start()

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client, server:
            while request := client.recv(65536):
                match self._fault(request):
                    case "lost":
                        return
                    case "gone":
                        self._listener.shutdown(socket.SHUT_RDWR)
                        return
                    case "hang":
                        self.over.wait(10)
                        return
                    case "answer lost":
                        server.sendall(request)
                        server.recv(65536)
                        return
                    case _:
                        server.sendall(request)
                        client.sendall(server.recv(65536))

    def _fault(self, request: bytes) -> str | None:
        if self.faults and self.faults[0][0] in request:
            return self.faults.pop(0)[1]
        return None

    def close(self) -> None:
        self.over.set()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def proxy(redis_port: int) -> Iterator[Proxy]:
    with redis.Redis(port=redis_port) as client:
        client.flushall()
    running = Proxy(redis_port)
    yield running
    running.close()
