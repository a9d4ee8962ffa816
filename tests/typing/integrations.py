"""What type checkers see of the integrations of HTTP clients. Checked by mypy and pyright, never run."""

import aiohttp
import httpx
import httpx2
import requests

from recourse import Executor
from recourse.integrations.aiohttp import RecourseMiddleware
from recourse.integrations.http import new_idempotency_key
from recourse.integrations.httpx import AsyncRecourseTransport, RecourseTransport
from recourse.integrations.requests import RecourseAdapter


def clients(executor: Executor) -> None:
    """Every client takes its integration without a cast."""
    httpx.Client(transport=RecourseTransport(httpx.HTTPTransport(), executor=executor))
    httpx.AsyncClient(transport=AsyncRecourseTransport(httpx.AsyncHTTPTransport()))
    httpx2.Client(transport=RecourseTransport(httpx2.HTTPTransport(), errors="recourse"))
    httpx2.AsyncClient(transport=AsyncRecourseTransport(httpx2.AsyncHTTPTransport()))
    requests.Session().mount("https://", RecourseAdapter(idempotency_key=new_idempotency_key))
    aiohttp.ClientSession(middlewares=(RecourseMiddleware(key_func=lambda request: None),))
    RecourseTransport(None, errors="raise")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
