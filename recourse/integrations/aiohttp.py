"""Middleware for aiohttp's client: every request of a session becomes a governed call."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Unpack

from recourse.integrations.http import Options, Settings
from recourse.integrations.http_exchange import Attempt, Exchange, Replay, acall

__all__ = ["RecourseMiddleware"]


class RecourseMiddleware:
    """Governs every request of a session, or of one call that is given it as ``middlewares``.

    A request's policy key is what ``key_func`` gives, else ``host.METHOD``. An attempt ends when
    the headers of a response have come; its body is read by the caller, as ever. The session's own
    ``ClientTimeout(total=…)`` bounds all attempts together.

    Args:
        options: See :class:`recourse.integrations.http.Options`; ``spool_body_bytes`` has no
            meaning here.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        self._settings = Settings(**options)

    async def __call__(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """The response to a request, after as many attempts as its policy allows."""
        exchange = Exchange(self._settings, request, request.url.host, _replay(request.body))
        response: Any = None
        try:
            response = await _carried_out(exchange, request, handler)
            return response
        finally:
            for other in exchange.others(response):
                with suppress(Exception):
                    other.close()


async def _carried_out(
    exchange: Exchange, request: Any, handler: Callable[[Any], Awaitable[Any]]
) -> Any:
    try:
        return await acall(exchange, _timed_out, _send, exchange, request, handler)
    except Exception as error:
        if _is_repeated(error):
            raise _final(error) from error
        raise


async def _send(exchange: Exchange, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
    with Attempt(exchange) as attempt:
        for stale in exchange.stale(attempt.info):
            await _free(stale, exchange.failed_body_bytes)
        if attempt.rewinds:
            # Whoever wrote the body before must have stopped, or both would move the same file.
            await request.close()
        response = await handler(request)
        error = exchange.received(attempt.info, response, response.status)
        if error is None:
            return response
        try:
            if exchange.frees(attempt.info, error):
                await _free(response, exchange.failed_body_bytes)
            raise error
        finally:
            del error  # its traceback holds this frame: it would be part of a cycle


def _timed_out(message: str) -> Exception:
    from aiohttp import ServerTimeoutError

    return ServerTimeoutError(message)


def _is_repeated(error: Exception) -> bool:
    """Whether a session would repeat the whole call, once and untold, when it saw this error."""
    names = {kind.__name__ for kind in type(error).__mro__}
    broke = names & {"ClientOSError", "ServerDisconnectedError"}
    return bool(broke) and "ClientConnectorError" not in names


def _final(error: Exception) -> Exception:
    from aiohttp import ClientConnectionError

    final = ClientConnectionError(str(error))
    final.__dict__.update(error.__dict__)
    return final


def _replay(body: Any) -> Replay:
    """How often a payload can be written: bytes always, files in turn, iterables once."""
    names = {kind.__name__ for kind in type(body).__mro__}
    if names & {"bytes", "BytesPayload"}:
        return Replay.ANY
    if "IOBasePayload" in names:
        return Replay.IN_TURN if _is_seekable(body) else Replay.NEVER
    if "MultipartWriter" in names:
        parts = {_replay(part) for part, *_ in body}
        return next((each for each in (Replay.NEVER, Replay.IN_TURN) if each in parts), Replay.ANY)
    return Replay.NEVER


def _is_seekable(payload: Any) -> bool:
    file = payload._value  # noqa: SLF001  # a payload shows its file to nobody
    seekable = getattr(file, "seekable", None)
    return seekable is not None and bool(seekable())


async def _free(response: Any, limit: int) -> None:
    """Let a failed response's connection go back to its pool; what was read stays readable."""
    chunks: list[bytes] = []
    try:
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            if sum(map(len, chunks)) > limit:
                response.close()  # who reads it gets the client's "Connection closed"
                return
    except Exception:  # noqa: BLE001  # who reads this body gets the same error
        response.close()
        return
    except BaseException:
        response.close()
        raise
    # The name under which the client itself keeps what it has read.
    response._body = b"".join(chunks)  # noqa: SLF001  # as the comment says
