import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from recourse.integrations.watch_redis import watch


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A Redis that refuses writes by people who have not read the rules: maxmemory is one byte."""
    binary = shutil.which("redis-server")
    if binary is None:
        assert not os.environ.get("CI"), "redis-server is not installed, and CI must not skip it"
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    options = ["--port", str(free), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL) as process:
        with redis.Redis(port=free, retry=Retry(ConstantBackoff(0.02), 400)) as client:
            client.ping()
        yield free
        process.terminate()


def kill_others(port: int, me: Any) -> None:
    with redis.Redis(port=port, retry=Retry(ConstantBackoff(0), 0)) as other:
        other.client_kill_filter(_type="normal", skipme=True)


def test_a_client_that_retries_itself_is_told_of_in_full(heard: Any, port: int) -> None:
    with redis.Redis(port=port, retry=Retry(ConstantBackoff(0.001), 2)) as client:
        stop = watch(client, [heard], key="cache")
        client.set("a", "1")
        kill_others(port, client)
        assert client.get("a") == b"1"
        with pytest.raises(redis.ResponseError):
            client.lrange("a", 0, 1)
        stop()
        client.get("a")

    told = heard.told()
    assert told[0] == ("cache.CONNECT", "success", ["success"])
    assert ("cache.SET", "success", ["success"]) in told
    assert told[-1] == ("cache.LRANGE", "terminal", ["redis_ResponseError"])
    assert any(key == "cache.GET" and end == "success" for key, end, _ in told)
    assert heard.events[1].policy.retry.max_attempts == 3


def test_a_refused_port_tells_of_every_attempt(heard: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = taken.getsockname()[1]
        with redis.Redis(port=closed, retry=Retry(ConstantBackoff(0.001), 2)) as client:
            watch(client, [heard])
            with pytest.raises(redis.ConnectionError):
                client.get("a")

    [told] = heard.told()
    assert told == ("redis.CONNECT", "exhausted", ["redis_ConnectionError"] * 3)


@pytest.mark.anyio
async def test_clients_of_event_loops_are_told_of_too(heard: Any, port: int) -> None:
    forever = redis.asyncio.retry.Retry(ConstantBackoff(0.001), -1)
    async with redis.asyncio.Redis(port=port, retry=forever) as client:
        watch(client, [heard])
        await client.set("a", "1")
        await client.set("a", "2")
        with pytest.raises(redis.ResponseError):
            await client.lrange("a", 0, 1)

    keys = [(key, end) for key, end, _ in heard.told()]
    assert keys[-3:] == [
        ("redis.SET", "success"),
        ("redis.SET", "success"),
        ("redis.LRANGE", "terminal"),
    ]
    assert heard.events[1].policy.retry.max_attempts == 10
