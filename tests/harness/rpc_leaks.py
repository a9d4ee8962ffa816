"""Make thousands of calls of gRPC, Redis and AWS with faults, and look for what was left open.

    python tests/harness/rpc_leaks.py [--calls 10000] [--clients grpc,grpc aio,redis,redis aio,aws]

Every call is governed, and every third answer is a failure: a status, or a connection that breaks
before or after the work is done. Afterwards no descriptor, thread or task may be there that was not there before, and
every call must have ended. The servers are those of the tests: gRPC's and AWS's in this process, a
real one of Redis behind a proxy that breaks connections.
"""

import asyncio
import collections
import itertools
import runpy
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import botocore.session
import grpc
import grpc.aio
import redis
import redis.asyncio
from redis.backoff import ConstantBackoff
from redis.retry import Retry as RedisRetry

from recourse import Executor, Policy, RetryPolicy
from recourse.integrations.botocore import govern
from recourse.integrations.grpc import ClientInterceptor, aio_interceptors, without_own_retries
from recourse.integrations.redis import AsyncRetry, Retry
from tests.harness.leaks import Counts, Hunt, hunted

HOMES = Path(__file__).parents[1] / "core" / "integrations"
AT_ONCE = 4
SPARE = 3 * AT_ONCE  # a connection of a pool is three descriptors: ours, and two of the server's


class Script(list[Any]):
    """A script without an end: the same words again and again."""

    def __init__(self, words: list[Any]) -> None:
        super().__init__(words)
        self._turns = itertools.cycle(words)

    def pop(self, _: Any = 0) -> Any:
        """The next word."""
        return next(self._turns)


def executor() -> Executor:
    """Three attempts, hardly apart."""
    retry = RetryPolicy(initial_backoff_s=0.001, max_backoff_s=0.002)
    return Executor(default_policy=Policy("leaks", retry=retry))


def held() -> tuple[int, int]:
    """Descriptors and threads of this process."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def settled(before: tuple[int, int]) -> tuple[int, int]:
    """What is held once those that are on their way out are gone."""
    until = time.monotonic() + 5.0
    while (after := held()) > before and time.monotonic() < until:
        time.sleep(0.05)
    return after


def in_threads(call: Callable[[], Any], calls: int) -> tuple[Counts, list[str]]:
    """Call from one thread; what the second half opened has to be closed again."""
    counts: Counts = collections.Counter()

    def some(count: int) -> None:
        for _ in range(count):
            try:
                call()
                counts["answered"] += 1
            except Exception as error:  # noqa: BLE001  # every way to fail is counted
                counts[type(error).__name__] += 1

    some(calls // 2)
    before = held()
    some(calls - calls // 2)
    return counts, grown(before)


def grown(before: tuple[int, int]) -> list[str]:
    """What is wrong with what is held now, but for what pools keep."""
    after = settled(before)
    worse = after[0] > before[0] + SPARE or after[1] > before[1] + SPARE
    return [f"descriptors and threads were {before}, are {after}"] if worse else []


async def in_tasks(call: Callable[[], Awaitable[Any]], calls: int) -> tuple[Counts, list[str]]:
    """As :func:`in_threads`, from several tasks at once, of which some are cancelled."""
    counts: Counts = collections.Counter()

    async def work(left: Iterator[int]) -> None:
        for number in left:
            task = asyncio.ensure_future(call())
            if number % 50 == 0:
                asyncio.get_running_loop().call_later(0.002, task.cancel)
            try:
                await task
                counts["answered"] += 1
            except asyncio.CancelledError:
                counts["cancelled"] += 1
            except Exception as error:  # noqa: BLE001  # every way to fail is counted
                counts[type(error).__name__] += 1

    async def some(count: int) -> None:
        left = iter(range(count))
        await asyncio.gather(*(work(left) for _ in range(AT_ONCE)))
        with suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                while len(asyncio.all_tasks()) > tasks:  # noqa: ASYNC110  # they are on their way out
                    await asyncio.sleep(0.01)

    await call()
    tasks = len(asyncio.all_tasks())
    await some(calls // 2)
    before = held()
    await some(calls - calls // 2)
    left = len(asyncio.all_tasks()) - tasks
    return counts, grown(before) + ([f"{left} tasks left"] if left > 0 else [])


def of_tests(integration: str) -> dict[str, Any]:
    """What the tests of an integration have for a server."""
    return runpy.run_path(str(HOMES / integration / "conftest.py"))


@contextmanager
def grpc_server() -> Iterator[Any]:
    """Fails with four statuses."""
    server = of_tests("grpc")["Server"]()
    faults = ["UNAVAILABLE", "NOT_FOUND", "RESOURCE_EXHAUSTED:1", "INTERNAL"]
    server.script = Script([word for fault in faults for word in ("OK", "OK", fault)])
    yield server
    server.stop()


@contextmanager
def redis_proxy() -> Iterator[Any]:
    """Breaks connections before and after the work is done."""
    home = of_tests("redis")
    port = home["free_port"]()
    with TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        command = [str(shutil.which("redis-server")), *options]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            waits = RedisRetry(ConstantBackoff(0.02), 400)
            with redis.Redis(port=port, retry=waits) as client:
                client.ping()
            proxy = home["Proxy"](port)
            faults = [(b"GET", word) for word in ("", "", "lost", "", "", "answer lost")]
            proxy.faults = Script(faults)
            yield proxy
            proxy.close()
            server.terminate()


@contextmanager
def aws_server() -> Iterator[Any]:
    """Fails with statuses and dropped connections."""
    server = of_tests("botocore")["Aws"](botocore.session.Session())
    faults = ["503 SlowDown", "500", "drop", "404"]
    server.script = Script([word for fault in faults for word in ("200", "200", fault)])
    yield server
    server.close()


def with_grpc(calls: int) -> tuple[Counts, list[str]]:
    """A channel of threads."""
    with grpc_server() as server, grpc.insecure_channel(server.address, without_own_retries()) as c:
        channel = grpc.intercept_channel(c, ClientInterceptor(executor()))
        method = channel.unary_unary("/payments.Payments/Charge")
        return in_threads(lambda: method(b"1"), calls)


def with_grpc_aio(calls: int) -> tuple[Counts, list[str]]:
    """A channel of an event loop."""

    async def main(address: str) -> tuple[Counts, list[str]]:
        given = aio_interceptors(executor())
        options = without_own_retries()
        async with grpc.aio.insecure_channel(address, options, interceptors=given) as channel:
            method = channel.unary_unary("/payments.Payments/Charge")

            async def call() -> Any:
                return await method(b"1")

            return await in_tasks(call, calls)

    with grpc_server() as server:
        return asyncio.run(main(server.address))


def with_redis(calls: int) -> tuple[Counts, list[str]]:
    """A client of threads, with a pool of one."""
    with redis_proxy() as proxy:
        pooled: Any = redis.BlockingConnectionPool  # it has no types
        retry = Retry("leaks", executor())
        pool = pooled(port=proxy.port, max_connections=1, timeout=5, retry=retry)
        with redis.Redis(connection_pool=pool) as client:
            return in_threads(lambda: client.get("a"), calls)


def with_redis_aio(calls: int) -> tuple[Counts, list[str]]:
    """A client of an event loop."""

    async def main(port: int) -> tuple[Counts, list[str]]:
        retry = AsyncRetry("leaks", executor())
        async with redis.asyncio.Redis(port=port, retry=retry) as client:
            return await in_tasks(lambda: client.get("a"), calls)

    with redis_proxy() as proxy:
        return asyncio.run(main(proxy.port))


def with_aws(calls: int) -> tuple[Counts, list[str]]:
    """A client of botocore, with a pool of one."""
    with aws_server() as server:
        client = govern(server.client(max_pool_connections=1), executor())
        return in_threads(lambda: client.get_object(Bucket="b", Key="k"), calls)


CLIENTS: Mapping[str, Hunt] = {
    "grpc": with_grpc,
    "grpc aio": with_grpc_aio,
    "redis": with_redis,
    "redis aio": with_redis_aio,
    "aws": with_aws,
}


if __name__ == "__main__":
    sys.exit(hunted(__doc__, CLIENTS))
