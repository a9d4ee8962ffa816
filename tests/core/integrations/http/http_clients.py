"""Every governed client behind one face, so that one test speaks for all of them."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self

import aiohttp
import httpcore  # before httpxyz, which would take its name, as that of httpx
import httpx
import httpx2
import httpxyz
import requests
from requests.adapters import HTTPAdapter

from recourse.integrations.aiohttp import RecourseMiddleware
from recourse.integrations.httpx import AsyncRecourseTransport, RecourseTransport
from recourse.integrations.requests import RecourseAdapter

FAMILY: dict[str, Any] = {"httpx": httpx, "httpx2": httpx2, "httpxyz": httpxyz}
assert (httpx.__name__, httpcore.__name__) == ("httpx", "httpcore")


class Reply(NamedTuple):
    """What a caller of the client got."""

    status: int
    body: bytes


class SyncHTTPX:
    """A ``Client`` of httpx or one of its kin."""

    is_async = False

    def __init__(self, name: str, *, pool: int = 10, **options: Any) -> None:
        self.package = FAMILY[name]
        inner = self.package.HTTPTransport(limits=self.package.Limits(max_connections=pool))
        self.client = self.package.Client(
            transport=RecourseTransport(inner, **options), trust_env=False
        )
        self.timeout_error = self.package.TimeoutException
        self.transport_error = self.package.TransportError

    def send(self, method: str, url: str, **request: Any) -> Reply:
        response = self.client.request(method, url, **request)
        return Reply(response.status_code, response.content)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


class Requests:
    """A session of requests."""

    is_async = False
    timeout_error = requests.Timeout
    transport_error = requests.ConnectionError

    def __init__(self, name: str, *, pool: int = 10, **options: Any) -> None:
        self.name = name
        inner = HTTPAdapter(pool_maxsize=pool, pool_block=True)
        self.client = requests.Session()
        self.client.trust_env = False
        self.client.mount("http://", RecourseAdapter(inner, **options))

    def send(self, method: str, url: str, *, content: Any = None, **request: Any) -> Reply:
        response = self.client.request(method, url, data=content, **request)
        return Reply(response.status_code, response.content)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


class Async:
    """An asynchronous client on a loop of its own, driven from a test that is not."""

    is_async = True
    client: Any

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Carry a coroutine function out on the client's loop, in the test's context."""

        async def main() -> Any:
            return await work()

        return self._runner.run(main(), context=contextvars.copy_context())

    def send(self, method: str, url: str, **request: Any) -> Reply:
        reply: Reply = self.run(lambda: self.send_async(method, url, **request))
        return reply

    async def send_async(self, method: str, url: str, **request: Any) -> Reply:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.aclose)
        self._runner.close()


class AsyncHTTPX(Async):
    """An ``AsyncClient`` of httpx or one of its kin."""

    def __init__(self, name: str, *, pool: int = 10, **options: Any) -> None:
        super().__init__()
        self.package = FAMILY[name]
        inner = self.package.AsyncHTTPTransport(limits=self.package.Limits(max_connections=pool))
        self.client = self.package.AsyncClient(
            transport=AsyncRecourseTransport(inner, **options), trust_env=False
        )
        self.timeout_error = self.package.TimeoutException
        self.transport_error = self.package.TransportError

    async def send_async(self, method: str, url: str, **request: Any) -> Reply:
        response = await self.client.request(method, url, **request)
        return Reply(response.status_code, response.content)

    async def aclose(self) -> None:
        await self.client.aclose()


class AioHTTP(Async):
    """A session of aiohttp."""

    timeout_error = aiohttp.ServerTimeoutError
    transport_error = aiohttp.ClientError

    def __init__(self, name: str, *, pool: int = 10, **options: Any) -> None:
        super().__init__()
        self.name = name

        async def opened() -> aiohttp.ClientSession:
            return aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=pool),
                middlewares=(RecourseMiddleware(**options),),
            )

        self.client = self.run(opened)

    async def send_async(
        self, method: str, url: str, *, content: Any = None, **request: Any
    ) -> Reply:
        if "timeout" in request:
            request["timeout"] = aiohttp.ClientTimeout(total=request["timeout"])
        async with self.client.request(method, url, data=content, **request) as response:
            return Reply(response.status, await response.read())

    async def aclose(self) -> None:
        await self.client.close()


def opened(name: str, **options: Any) -> Any:
    """A governed client, by name: ``httpx``, ``httpx async``, ``requests``, ``aiohttp``, …"""
    if name == "requests":
        return Requests(name, **options)
    if name == "aiohttp":
        return AioHTTP(name, **options)
    family, _, kind = name.partition(" ")
    return AsyncHTTPX(family, **options) if kind else SyncHTTPX(family, **options)


# One of each kind; the httpx family is one piece of code, and a few tests ask all of it.
KINDS = ("httpx", "httpx2 async", "requests", "aiohttp")
