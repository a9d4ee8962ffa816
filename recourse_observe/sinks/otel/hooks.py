"""Hooks for OpenTelemetry's instrumentation of clients."""

from typing import Any

from recourse.context import current_attempt

__all__ = ["httpx_async_request_hook", "httpx_request_hook"]


def httpx_request_hook(span: Any, *sent: Any) -> None:
    """Set ``http.request.resend_count`` on the span of a request that a retry or hedge sends.

    Give it to ``HTTPXClientInstrumentor().instrument(request_hook=httpx_request_hook)``; the
    conventions want the attribute absent on the first request. The instrumentations of requests,
    aiohttp and urllib3 take it as their ``request_hook`` too.

    Args:
        span: The client's span.
        sent: What the instrumentation says of the request; it is not looked at.
    """
    del sent
    attempt = current_attempt()
    if attempt is not None and span.is_recording():
        count = attempt.attempt + attempt.hedge_index
        if count:
            span.set_attribute("http.request.resend_count", count)


async def httpx_async_request_hook(span: Any, *sent: Any) -> None:
    """The same for asynchronous clients, as ``async_request_hook``."""
    httpx_request_hook(span, *sent)
