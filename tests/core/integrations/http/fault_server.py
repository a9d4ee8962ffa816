"""A small HTTP server on loopback that answers as a script says, faults included."""

import json
import select
import socket
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

_POLL_S = 0.01


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How one request is answered.

    Attributes:
        late_s: Seconds before it begins.
        hangs: Says nothing until the client leaves or the server closes.
        resets: Closes the connection instead.
        breaks: Closes it in the middle of the body.
        drips: Sends the body a byte at a time, every 10 ms.
        chunks: Sent one by one, in the chunked form.
    """

    status: int = 200
    body: bytes = b"fine"
    headers: dict[str, str] = field(default_factory=dict)
    late_s: float = 0.0
    hangs: bool = False
    resets: bool = False
    breaks: bool = False
    drips: bool = False
    chunks: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Its body, read as JSON."""
        return json.loads(self.body)


class FaultServer:
    """Answers by ``plan``, one answer a request, and then always by ``otherwise``."""

    def __init__(self) -> None:
        self.plan: deque[Answer] = deque()
        self.otherwise = Answer()
        self.hits: list[Hit] = []
        self.connections = 0
        self.sockets: set[socket.socket] = set()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, name="fault-server", daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, *answers: Answer, then: Answer | None = None) -> None:
        """Set what the next requests get."""
        self.plan.extend(answers)
        self.otherwise = then or self.otherwise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop; a second time is harmless."""
        if not self._closed.is_set():
            self._closed.set()
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for thread in self._threads:
            thread.join(5.0)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        self.sockets.add(client)
        try:
            with client, client.makefile("rb") as stream:
                while self._readable(client, stream) and (hit := _read(stream)) is not None:
                    self.hits.append(hit)
                    answer = self.plan.popleft() if self.plan else self.otherwise
                    if not self._write(client, hit, answer):
                        return
        except OSError:
            return
        finally:
            self.sockets.discard(client)

    def _readable(self, client: socket.socket, stream: Any) -> bool:
        """Wait for a request; false when the server closes."""
        while not self._closed.is_set():
            if select.select([client], [], [], 0.1)[0]:
                return bool(stream.peek(1))
        return False

    def _write(self, client: socket.socket, hit: Hit, answer: Answer) -> bool:
        """Answer; whether the connection lives on."""
        if answer.hangs:
            self._until_left(client)
            return False
        if answer.resets or self._closed.wait(answer.late_s):
            return False
        client.sendall(_head(answer))
        if hit.method == "HEAD":
            return True
        if answer.breaks:
            client.sendall(answer.body[: len(answer.body) // 2])
            return False
        for chunk in answer.chunks:
            client.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if answer.chunks:
            client.sendall(b"0\r\n\r\n")
        elif answer.drips:
            for byte in answer.body:
                if self._closed.wait(_POLL_S):
                    return False
                client.sendall(bytes([byte]))
        else:
            client.sendall(answer.body)
        return True

    def _until_left(self, client: socket.socket) -> None:
        while not self._closed.wait(_POLL_S):
            if select.select([client], [], [], 0)[0] and not client.recv(1, socket.MSG_PEEK):
                return


def _read(stream: Any) -> Hit | None:
    line = stream.readline().decode("latin-1")
    if not line.strip():
        return None
    method, target, _ = line.split(" ", 2)
    headers: dict[str, str] = {}
    while (line := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(stream))
    else:
        body = stream.read(int(headers.get("content-length", "0")))
    return Hit(method=method, target=target, headers=headers, body=body)


def _chunks(stream: Any) -> Iterable[bytes]:
    while size := int(stream.readline() or b"0", 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


def _head(answer: Answer) -> bytes:
    if answer.chunks:
        length = {"Transfer-Encoding": "chunked"}
    else:
        length = {"Content-Length": str(len(answer.body))}
    lines = [f"HTTP/1.1 {answer.status} Scripted"]
    lines += [f"{name}: {value}" for name, value in {**length, **answer.headers}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
