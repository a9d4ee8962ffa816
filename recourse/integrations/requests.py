"""An adapter for requests: every request of a session becomes a governed call."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack

from recourse.context import AttemptInfo
from recourse.integrations.http import Options, Settings, timeout_s
from recourse.integrations.http_exchange import Attempt, Exchange, Replay, call

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter
else:
    BaseAdapter = object

__all__ = ["RecourseAdapter"]

_CHUNK: Final = 8192


class RecourseAdapter(BaseAdapter):
    """Governs every request that goes through another adapter.

    A request's policy key is what ``key_func`` gives, else ``host.METHOD``. An attempt ends when
    the headers of a response have come; a session reads the body outside of it.

    Args:
        adapter: Sends the requests; a plain ``requests.adapters.HTTPAdapter`` by default.
        options: See :class:`recourse.integrations.http.Options`.
    """

    def __init__(self, adapter: Any = None, **options: Unpack[Options]) -> None:
        self._adapter = _plain_adapter() if adapter is None else adapter
        self._settings = Settings(**options)

    def __repr__(self) -> str:
        return f"RecourseAdapter({self._adapter!r})"

    def send(
        self,
        request: Any,
        stream: bool = False,  # noqa: FBT001, FBT002  # the signature of requests
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002  # likewise
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """The response to a prepared request, after as many attempts as its policy allows."""
        options = {
            "stream": stream,
            "timeout": timeout,
            "verify": verify,
            "cert": cert,
            "proxies": proxies,
        }
        replay, limit = _replay(request), self._settings.spool_body_bytes
        if limit and replay is Replay.NEVER:
            request, replay = _spooled(request, limit)
        exchange = Exchange(self._settings, request, _host(request.url), replay)
        response: Any = None
        try:
            timed_out = partial(_timed_out, request)
            response = call(exchange, timed_out, self._send, exchange, request, options)
            return response
        finally:
            for other in exchange.others(response):
                with suppress(Exception):
                    other.close()

    def close(self) -> None:
        """Close the other adapter."""
        self._adapter.close()

    def _send(self, exchange: Exchange, request: Any, options: dict[str, Any]) -> Any:
        with Attempt(exchange) as attempt:
            for stale in exchange.stale(attempt.info):
                _free(stale, attempt.info, exchange.failed_body_bytes)
            if attempt.rewinds:
                _rewind(request)
            response = self._adapter.send(request, **_limited(options, attempt.info))
            error = exchange.received(attempt.info, response, response.status_code)
            if error is None:
                return response
            try:
                if exchange.frees(attempt.info, error):
                    _free(response, attempt.info, exchange.failed_body_bytes)
                raise error
            finally:
                del error  # its traceback holds this frame: it would be part of a cycle


def _plain_adapter() -> Any:
    from requests.adapters import HTTPAdapter

    return HTTPAdapter()


def _timed_out(request: Any, message: str) -> Exception:
    from requests.exceptions import ReadTimeout

    return ReadTimeout(message, request=request)


def _rewind(request: Any) -> None:
    from requests.utils import rewind_body

    rewind_body(request)


def _host(url: str) -> str | None:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname


def _limited(options: dict[str, Any], attempt: AttemptInfo) -> dict[str, Any]:
    """What a session passes on, with timeouts that end with the attempt."""
    remaining_s = attempt.remaining_s()
    if remaining_s is None:
        return options
    connect_s, read_s = _timeouts(options["timeout"])
    limits = (timeout_s(connect_s, remaining_s), timeout_s(read_s, remaining_s))
    return {**options, "timeout": limits}


def _timeouts(own: Any) -> tuple[float | None, float | None]:
    """Connect and read timeouts, from any of the forms that requests takes."""
    match own:
        case (connect_s, read_s):
            return connect_s, read_s
        case None | int() | float():
            return own, own
        case _:  # a Timeout of urllib3
            return _number(own.connect_timeout), _number(own.read_timeout)


def _number(given: Any) -> float | None:
    return given if isinstance(given, int | float) else None


def _replay(request: Any) -> Replay:
    body = request.body
    if body is None or isinstance(body, str | bytes):
        return Replay.ANY
    position = getattr(request, "_body_position", None)
    is_file = hasattr(body, "seek") and isinstance(position, int)
    return Replay.IN_TURN if is_file else Replay.NEVER


def _spooled(request: Any, limit: int) -> tuple[Any, Replay]:
    """A request whose body was read into memory, or that can be sent once when it is longer."""
    request = request.copy()
    rest = iter(request.body)
    chunks: list[bytes] = []
    for chunk in rest:
        chunks.append(chunk)
        if sum(map(len, chunks)) > limit:
            request.body = _chained(chunks, rest)
            return request, Replay.NEVER
    request.body = b"".join(chunks)
    request.headers.pop("Transfer-Encoding", None)
    request.headers["Content-Length"] = str(len(request.body))
    return request, Replay.ANY


def _chained(chunks: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from chunks
    yield from rest


def _free(response: Any, attempt: AttemptInfo, limit: int) -> None:
    """Let a failed response's connection go back to its pool; what was read stays readable."""
    raw = response.raw
    kept = _Kept(raw)
    # What has come is enough for read1, which urllib3 1 does not have.
    read = getattr(raw, "read1", raw.read)
    try:
        while chunk := read(_CHUNK, decode_content=True):
            kept.data += chunk
            # A body that drips is not waited for: no timeout of the client's would end it.
            if len(kept.data) > limit or attempt.remaining_s() == 0:
                kept.error = _cut(len(kept.data))
                break
        else:
            raw.drain_conn()
    except Exception as error:  # noqa: BLE001  # who reads this body gets it
        kept.error = error.with_traceback(None)
    finally:
        with suppress(Exception):
            response.close()
    response.raw = kept


def _cut(size: int) -> Exception:
    from requests.exceptions import ChunkedEncodingError

    return ChunkedEncodingError(
        f"the body of a failed response was cut after {size} bytes; raise failed_body_bytes"
    )


class _Kept:
    """Stands for the raw response, of which the body was read; all else is still the raw one's."""

    def __init__(self, raw: Any) -> None:
        self.data = b""
        self.error: Exception | None = None
        self._raw = raw

    def stream(self, amount: int | None = None, **options: Any) -> Iterator[bytes]:
        del options  # it is decoded already
        while data := self.read(amount):
            yield data

    def read(self, amount: int | None = None, **options: Any) -> bytes:
        del options
        size = len(self.data) if amount is None else amount
        data, self.data = self.data[:size], self.data[size:]
        if not data and self.error is not None:
            raise self.error
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
