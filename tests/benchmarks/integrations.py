"""What a governed request costs, beside the bare client and beside the retries people know.

    python tests/benchmarks/integrations.py [--rounds 30] [--only httpx]

Every contender of a section sends the same requests to the same server, which is a process of its
own, in the same interleaved rounds. Microseconds are this process's own CPU time per call, the least
of all rounds; ratios are to the bare client. In `flaky` the server refuses every first of two
requests (503): the bare client just sends both. Nobody waits between attempts. Peers that are
not installed are left out: httpx-retries, tenacity (from PyPI); urllib3's Retry comes with requests.

A section is an entry in SECTIONS: a function that gives named contenders, each a call to repeat.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from recourse import Executor, Policy, RetryPolicy
from tests.benchmarks.idle import NoWait, Silent

CALLS: Final = 20
Contenders = Mapping[str, Callable[[], Any]]
SERVER: Final = Path(__file__).parents[1] / "core" / "integrations" / "http" / "fault_server.py"

SERVE = """
import collections, runpy, sys
names = runpy.run_path(sys.argv[1])
fine, busy = names["Answer"](), names["Answer"](status=503, body=b"busy")
class Turns(collections.deque):
    turn = 0
    def popleft(self):
        if not running.hits.pop().target.startswith("/flaky"):
            return fine
        self.turn += 1
        return busy if self.turn % 2 else fine
with names["FaultServer"]() as running:
    running.plan = Turns([None])
    print(running.url, flush=True)
    sys.stdin.read()
"""


def executor(**options: Any) -> Executor:
    """Three attempts without a wait."""
    return Executor(default_policy=Policy("bench", retry=RetryPolicy()), clock=NoWait(), **options)


def is_there(*packages: str) -> bool:
    """Whether every package is installed."""
    return all(importlib.util.find_spec(package) is not None for package in packages)


def tenacious(call: Callable[[], Any], status: Callable[[Any], int]) -> Callable[[], Any]:
    """The call under tenacity, retried by its status."""
    import tenacity

    wrapped: Callable[[], Any] = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(3),
        retry=tenacity.retry_if_result(lambda response: status(response) >= 500)
        | tenacity.retry_if_exception_type(OSError),
        wait=tenacity.wait_none(),
    ).wraps(call)
    return wrapped


def atenacious(
    call: Callable[[], Awaitable[Any]], status: Callable[[Any], int]
) -> Callable[[], Any]:
    """As :func:`tenacious`, awaited."""
    import tenacity

    wrapped: Callable[[], Any] = tenacity.AsyncRetrying(
        stop=tenacity.stop_after_attempt(3),
        retry=tenacity.retry_if_result(lambda response: status(response) >= 500)
        | tenacity.retry_if_exception_type(OSError),
        wait=tenacity.wait_none(),
    ).wraps(call)
    return wrapped


def twice(call: Callable[[], Any], url: str) -> Callable[[], Any]:
    """What the bare client sends to a server that refuses every first request."""
    return (lambda: (call(), call())) if "flaky" in url else call


def of_httpx(url: str, stack: ExitStack) -> Contenders:
    """httpx, sync."""
    import httpx

    from recourse.integrations.httpx import RecourseTransport

    def opened(transport: Any) -> Callable[[], Any]:
        client = stack.enter_context(httpx.Client(transport=transport, trust_env=False))
        return lambda: client.get(url)

    found = {
        "bare": twice(opened(httpx.HTTPTransport()), url),
        "recourse": opened(RecourseTransport(httpx.HTTPTransport(), executor=executor())),
        "recourse + observer": opened(
            RecourseTransport(httpx.HTTPTransport(), executor=executor(observers=[Silent()]))
        ),
    }
    if is_there("httpx_retries"):
        from httpx_retries import Retry, RetryTransport

        found["httpx-retries"] = opened(
            RetryTransport(httpx.HTTPTransport(), retry=Retry(total=2, backoff_factor=0))
        )
    if is_there("tenacity"):
        found["tenacity"] = tenacious(opened(httpx.HTTPTransport()), lambda r: int(r.status_code))
    return found


def of_httpx2(url: str, stack: ExitStack) -> Contenders:
    """httpx2, async."""
    import httpx2

    from recourse.integrations.httpx import AsyncRecourseTransport

    runner = stack.enter_context(asyncio.Runner())

    def opened(transport: Any) -> Callable[[], Awaitable[Any]]:
        client = httpx2.AsyncClient(transport=transport, trust_env=False)
        stack.callback(lambda: runner.run(client.aclose()))

        async def get() -> Any:  # tenacity tells coroutine functions by their kind
            return await client.get(url)

        return get

    plain = httpx2.AsyncHTTPTransport
    found = {
        "bare": atwice(opened(plain()), url),
        "recourse": opened(AsyncRecourseTransport(plain(), executor=executor())),
        "recourse + observer": opened(
            AsyncRecourseTransport(plain(), executor=executor(observers=[Silent()]))
        ),
    }
    if is_there("tenacity"):
        found["tenacity"] = atenacious(opened(plain()), lambda r: int(r.status_code))
    return {name: awaited(runner, call) for name, call in found.items()}


def of_requests(url: str, stack: ExitStack) -> Contenders:
    """requests."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    from recourse.integrations.requests import RecourseAdapter

    def opened(adapter: Any) -> Callable[[], Any]:
        session = stack.enter_context(requests.Session())
        session.trust_env = False
        session.mount("http://", adapter)
        return lambda: session.get(url)

    retry = Retry(2, status_forcelist=[503], backoff_factor=0)
    found = {
        "bare": twice(opened(HTTPAdapter()), url),
        "recourse": opened(RecourseAdapter(executor=executor())),
        "recourse + observer": opened(RecourseAdapter(executor=executor(observers=[Silent()]))),
        "urllib3 Retry": opened(HTTPAdapter(max_retries=retry)),
    }
    if is_there("tenacity"):
        found["tenacity"] = tenacious(opened(HTTPAdapter()), lambda r: int(r.status_code))
    return found


def of_aiohttp(url: str, stack: ExitStack) -> Contenders:
    """aiohttp."""
    import aiohttp

    from recourse.integrations.aiohttp import RecourseMiddleware

    runner = stack.enter_context(asyncio.Runner())

    def opened(*middlewares: Any) -> Callable[[], Awaitable[Any]]:
        async def session() -> Any:
            return aiohttp.ClientSession(middlewares=middlewares)

        client = runner.run(session())
        stack.callback(lambda: runner.run(client.close()))

        async def get() -> Any:
            async with client.get(url) as response:
                await response.read()
                return response

        return get

    found = {
        "bare": atwice(opened(), url),
        "recourse": opened(RecourseMiddleware(executor=executor())),
        "recourse + observer": opened(RecourseMiddleware(executor=executor(observers=[Silent()]))),
    }
    if is_there("tenacity"):
        found["tenacity"] = atenacious(opened(), lambda r: int(r.status))
    return {name: awaited(runner, call) for name, call in found.items()}


def atwice(call: Callable[[], Awaitable[Any]], url: str) -> Callable[[], Awaitable[Any]]:
    """As :func:`twice`, awaited."""

    async def both() -> None:
        await call()
        await call()

    return both if "flaky" in url else call


def awaited(runner: asyncio.Runner, call: Callable[[], Awaitable[Any]]) -> Callable[[], None]:
    """Many calls in one run of the loop; one such run counts as one call."""

    async def many() -> None:
        for _ in range(CALLS):
            await call()

    run = lambda: runner.run(many())  # noqa: E731  # it carries an attribute
    run.calls = CALLS  # type: ignore[attr-defined]  # read by measured()
    return run


SECTIONS: Final[Mapping[str, tuple[str, Callable[[str, ExitStack], Contenders]]]] = {
    "httpx": ("httpx", of_httpx),
    "httpx2 async": ("httpx2", of_httpx2),
    "requests": ("requests", of_requests),
    "aiohttp": ("aiohttp", of_aiohttp),
}


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The address of a server that runs beside this process."""
    command = [sys.executable, "-c", SERVE, str(SERVER)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("")


def measured(contenders: Contenders, rounds: int) -> dict[str, list[float]]:
    """CPU microseconds per call of every contender, one number a round."""
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, call in contenders.items():
            batch = getattr(call, "calls", 1)
            began = time.process_time()
            for _ in range(CALLS // batch):
                call()
            if number:  # the first round opens connections
                took[name].append((time.process_time() - began) / CALLS * 1e6)
    return took


def main() -> None:
    """Measure the sections and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", choices=sorted(SECTIONS))
    options = parser.parse_args()
    with served() as url:
        for name, (package, section) in SECTIONS.items():
            if options.only not in (None, name) or not is_there(package):
                continue
            for path in ("/fine", "/flaky"):
                with ExitStack() as stack:
                    took = measured(section(url + path, stack), options.rounds)
                print(f"\n{name}, {path[1:]}: us per call (least, median), ratio to bare")
                bare = min(took["bare"])
                for contender, all_us in took.items():
                    least, median = min(all_us), statistics.median(all_us)
                    print(f"  {contender:22} {least:8.0f} {median:8.0f}  {least / bare:5.2f}")


if __name__ == "__main__":
    main()
