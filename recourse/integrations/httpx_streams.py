"""Bodies of the httpx family: which can be sent again, and failed ones that are read and closed."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

from recourse.context import AttemptInfo
from recourse.integrations.http_exchange import Replay

__all__ = ["afree", "aspooled", "family", "free", "replay_of", "spooled"]


def family(thing: Any) -> Any:
    """The package that a request or response is of."""
    return sys.modules[type(thing).__module__.partition(".")[0]]


def replay_of(stream: Any) -> Replay:
    """How often a request's stream can be sent: bytes always, files in turn, the rest once."""
    match type(stream).__name__:
        case "ByteStream":
            return Replay.ANY
        case "MultipartStream":
            files = [field.file for field in stream.fields if hasattr(field, "file")]
            streamed = [file for file in files if not isinstance(file, str | bytes)]
            if not streamed:
                return Replay.ANY
            return Replay.IN_TURN if all(map(_is_seekable, streamed)) else Replay.NEVER
        case _:
            return Replay.NEVER


def _is_seekable(file: Any) -> bool:
    seekable = getattr(file, "seekable", None)
    return seekable is not None and bool(seekable())


def spooled(request: Any, limit: int) -> tuple[Any, Replay]:
    """A body read into memory; or one that can be sent once, when it is longer than the limit."""
    chunks: list[bytes] = []
    rest = iter(request.stream)
    size = 0
    for chunk in rest:
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            return _stream(request, _Chunks(chunks, rest=rest)), Replay.NEVER
    return _stream(request, _Chunks(chunks)), Replay.ANY


async def aspooled(request: Any, limit: int) -> tuple[Any, Replay]:
    """As :func:`spooled`, awaiting."""
    chunks: list[bytes] = []
    rest = aiter(request.stream)
    size = 0
    async for chunk in rest:
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            return _stream(request, _Chunks(chunks, arest=rest)), Replay.NEVER
    return _stream(request, _Chunks(chunks)), Replay.ANY


def free(response: Any, attempt: AttemptInfo, limit: int) -> None:
    """Let a failed response's connection go back to its pool; what was read stays readable."""
    stream, read = response.stream, _Chunks([])
    try:
        for chunk in stream:
            read.chunks.append(chunk)
            # A body that drips is not waited for: no timeout of the client's would end it.
            if read.size() > limit or attempt.remaining_s() == 0:
                read.error = _cut(response, read.size())
                break
    except Exception as error:  # noqa: BLE001  # who reads this body gets it
        read.error = error.with_traceback(None)
    finally:
        with suppress(Exception):
            stream.close()
    response.stream = _stream(response, read)


async def afree(response: Any, limit: int) -> None:
    """As :func:`free`, awaiting; the executor ends it with the attempt."""
    stream, read = response.stream, _Chunks([])
    try:
        async for chunk in stream:
            read.chunks.append(chunk)
            if read.size() > limit:
                read.error = _cut(response, read.size())
                break
    except Exception as error:  # noqa: BLE001  # as above
        read.error = error.with_traceback(None)
    finally:
        with suppress(Exception):
            await stream.aclose()
    response.stream = _stream(response, read)


def _cut(response: Any, size: int) -> Exception:
    error: Exception = family(response).ReadError(
        f"the body of a failed response was cut after {size} bytes; raise failed_body_bytes"
    )
    return error


class _Chunks:
    """A body that was read, and what follows on it: its rest, or an error."""

    def __init__(
        self,
        chunks: list[bytes],
        *,
        rest: Iterator[bytes] | None = None,
        arest: AsyncIterator[bytes] | None = None,
    ) -> None:
        self.chunks = chunks
        self.error: Exception | None = None
        self._rest = rest
        self._arest = arest

    def size(self) -> int:
        return sum(map(len, self.chunks))

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        if self._rest is not None:
            yield from self._rest
        if self.error is not None:
            raise self.error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        if self._arest is not None:
            async for chunk in self._arest:
                yield chunk
        if self.error is not None:
            raise self.error


def _stream(sent: Any, chunks: _Chunks) -> Any:
    """The body as a stream of the package that a request or response is of, which asks for one."""
    package = family(sent)
    bases = (_Chunks, package.SyncByteStream, package.AsyncByteStream)
    stream: Any = object.__new__(type("Chunks", bases, {}))
    stream.__dict__.update(chunks.__dict__)
    return stream
