"""Transports for httpx, httpx2 and httpxyz: every request becomes a governed call.

None of the three is imported: their transports, requests and responses have the same shape, and a
process may hold several of them.
"""

from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

from recourse.context import AttemptInfo
from recourse.integrations.http import Options, Settings, timeout_s
from recourse.integrations.http_exchange import Attempt, Exchange, Replay, acall, call
from recourse.integrations.httpx_streams import afree, aspooled, family, free, replay_of, spooled

__all__ = ["AsyncRecourseTransport", "RecourseTransport"]

if TYPE_CHECKING:
    import httpx
    import httpx2

    # To checkers the transports are what either client asks for.
    class _Sync(httpx.BaseTransport, httpx2.BaseTransport):
        def handle_request(self, request: Any) -> Any: ...

    class _Async(httpx.AsyncBaseTransport, httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: Any) -> Any: ...
else:
    _Sync = _Async = object

_KEY: Final = "recourse.key"
_TIMEOUTS: Final = ("connect", "read", "write", "pool")


class _Governed:
    """What both transports are."""

    def __init__(self, transport: Any, **options: Unpack[Options]) -> None:
        self._transport = transport
        self._settings = Settings(**options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport!r})"

    def _exchange(self, request: Any, replay: Replay) -> Exchange:
        host, key = request.url.host, request.extensions.get(_KEY)
        return Exchange(self._settings, request, host, replay, key)


class RecourseTransport(_Governed, _Sync):
    """Governs every request that goes through another transport.

    A request's policy key is its extension ``recourse.key``, else what ``key_func`` gives, else
    ``host.METHOD``. An attempt ends when the headers of a response have come; its body is read by
    the caller, as ever.

    Args:
        transport: Sends the requests, for example ``httpx.HTTPTransport()``.
        options: See :class:`recourse.integrations.http.Options`.
    """

    def handle_request(self, request: Any) -> Any:
        """The response to a request, after as many attempts as its policy allows."""
        replay, limit = replay_of(request.stream), self._settings.spool_body_bytes
        if limit and replay is Replay.NEVER:
            request.stream, replay = spooled(request, limit)
        exchange = self._exchange(request, replay)
        response: Any = None
        try:
            response = call(exchange, partial(_timed_out, request), self._send, exchange, request)
            return response
        finally:
            for other in exchange.others(response):
                with suppress(Exception):
                    other.close()

    def close(self) -> None:
        """Close the other transport."""
        self._transport.close()

    def __enter__(self) -> Self:
        self._transport.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._transport.__exit__(kind, error, traceback)

    def _send(self, exchange: Exchange, request: Any) -> Any:
        with Attempt(exchange) as attempt:
            for stale in exchange.stale(attempt.info):
                free(stale, attempt.info, exchange.failed_body_bytes)
            response = self._transport.handle_request(_limited(request, attempt.info))
            error = exchange.received(attempt.info, response, response.status_code)
            if error is None:
                return response
            try:
                if exchange.frees(attempt.info, error):
                    free(response, attempt.info, exchange.failed_body_bytes)
                raise error
            finally:
                del error  # its traceback holds this frame: it would be part of a cycle


class AsyncRecourseTransport(_Governed, _Async):
    """As :class:`RecourseTransport`, for the client's asynchronous side."""

    async def handle_async_request(self, request: Any) -> Any:
        """The response to a request, after as many attempts as its policy allows."""
        replay, limit = replay_of(request.stream), self._settings.spool_body_bytes
        if limit and replay is Replay.NEVER:
            request.stream, replay = await aspooled(request, limit)
        exchange = self._exchange(request, replay)
        response: Any = None
        try:
            timed_out = partial(_timed_out, request)
            response = await acall(exchange, timed_out, self._send, exchange, request)
            return response
        finally:
            for other in exchange.others(response):
                with suppress(Exception):
                    await other.aclose()

    async def aclose(self) -> None:
        """Close the other transport."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._transport.__aexit__(kind, error, traceback)

    async def _send(self, exchange: Exchange, request: Any) -> Any:
        with Attempt(exchange) as attempt:
            for stale in exchange.stale(attempt.info):
                await afree(stale, exchange.failed_body_bytes)
            limited = _limited(request, attempt.info)
            response = await self._transport.handle_async_request(limited)
            error = exchange.received(attempt.info, response, response.status_code)
            if error is None:
                return response
            try:
                if exchange.frees(attempt.info, error):
                    await afree(response, exchange.failed_body_bytes)
                raise error
            finally:
                del error  # its traceback holds this frame: it would be part of a cycle


def _timed_out(request: Any, message: str) -> Exception:
    error: Exception = family(request).ReadTimeout(message, request=request)
    return error


def _limited(request: Any, attempt: AttemptInfo) -> Any:
    """The request with timeouts that end with the attempt."""
    remaining_s = attempt.remaining_s()
    if remaining_s is None:
        return request
    own = request.extensions.get("timeout", {})
    timeouts = {name: timeout_s(own.get(name), remaining_s) for name in _TIMEOUTS}
    # Everything but the timeouts is shared; copy.copy would drop extensions and stream.
    limited: Any = object.__new__(request.__class__)
    limited.__dict__.update(request.__dict__)
    limited.extensions = {**request.extensions, "timeout": timeouts}
    return limited
