"""What governing a client costs per call, beside the bare client against the same server.

    python tests/benchmarks/integrations_rpc.py [--rounds 30]

gRPC and Redis, each with a server on loopback. In every round each contender makes the same calls,
one contender after the other; the least time of all rounds counts. Read the ratios.
"""

import argparse
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry as RedisRetry

from recourse import Executor, Policy, RetryPolicy
from recourse.integrations import watch_redis
from recourse.integrations.grpc import ClientInterceptor, without_own_retries
from recourse.integrations.redis import Retry
from tests.benchmarks.idle import Silent

CALLS = 50
METHOD = "/bench.Bench/Call"
RETRIES = """{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 3,
    "initialBackoff": "0.05s", "maxBackoff": "2s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]}}]}"""


class Plain(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpcio ships no types
    """An interceptor that does nothing: what gRPC itself takes for having one."""

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Pass on."""
        return continuation(details, request)


def executor_of(*observers: Any, **retry: Any) -> Executor:
    """An executor with one policy for all."""
    policy = Policy("bench", retry=RetryPolicy(**retry))
    return Executor(default_policy=policy, observers=observers)


@contextmanager
def grpc_calls() -> Iterator[dict[str, Callable[[], Any]]]:
    """Contenders that call a gRPC server."""
    server = grpc.server(ThreadPoolExecutor(2))
    handlers = {"Call": grpc.unary_unary_rpc_method_handler(lambda request, _: request)}
    service = grpc.method_handlers_generic_handler("bench.Bench", handlers)
    server.add_generic_rpc_handlers((service,))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()

    with ExitStack() as open_channels:

        def call(options: Any, interceptor: Any = None) -> Callable[[], Any]:
            channel = open_channels.enter_context(grpc.insecure_channel(address, options))
            if interceptor is not None:
                channel = grpc.intercept_channel(channel, interceptor)
            method = channel.unary_unary(METHOD)
            return lambda: method(b"1")

        off = without_own_retries()
        limited = executor_of(timeout_per_attempt_s=1.0, overall_timeout_s=5.0)
        yield {
            "grpc, bare": call(off),
            "grpc, its own retry policy": call([("grpc.service_config", RETRIES)]),
            "grpc, an empty interceptor": call(off, Plain()),
            "grpc, recourse": call(off, ClientInterceptor(executor_of())),
            "grpc, recourse with limits": call(off, ClientInterceptor(limited)),
            "grpc, recourse with an observer": call(off, ClientInterceptor(executor_of(Silent()))),
        }
    server.stop(0).wait()


@contextmanager
def redis_calls() -> Iterator[dict[str, Callable[[], Any]]]:
    """Contenders that ask a Redis server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command = ["redis-server", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server, ExitStack() as clients:
        with redis.Redis(port=port, retry=RedisRetry(ConstantBackoff(0.02), 400)) as waiting:
            waiting.ping()

        def get(retry: Any = None, *, watched: bool = False) -> Callable[[], Any]:
            given = {} if retry is None else {"retry": retry}
            client = clients.enter_context(redis.Redis(port=port, **given))
            if watched:
                watch_redis.watch(client, [Silent()])
            return lambda: client.get("a")

        yield {
            "redis, without retries": get(RedisRetry(NoBackoff(), 0)),
            "redis, its own ten retries": get(),
            "redis, watched": get(watched=True),
            "redis, recourse": get(Retry("bench", executor_of())),
            "redis, recourse with an observer": get(Retry("bench", executor_of(Silent()))),
        }
        server.terminate()


def least_us(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Microseconds per call, the least of interleaved rounds."""
    least = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, call in contenders.items():
            began_s = time.perf_counter()
            for _ in range(CALLS):
                call()
            least[name] = min(least[name], (time.perf_counter() - began_s) / CALLS * 1e6)
    return least


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    for family in (grpc_calls, redis_calls):
        with family() as contenders:
            found = least_us(contenders, rounds)
        bare_us = next(iter(found.values()))
        for name, took_us in found.items():
            print(f"{name:36} {took_us:8.1f} us  {took_us / bare_us:5.2f}x")


if __name__ == "__main__":
    main()
