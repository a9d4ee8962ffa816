"""Real clients, as services make them."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import botocore.config
import botocore.session
import httpx
import httpx2
import openai
import pytest
import redis
import redis.asyncio
import requests
import requests.adapters
import tenacity
import urllib3
from redis.backoff import NoBackoff

from recourse.integrations.botocore import govern
from recourse.integrations.doctor import Needs, examine
from recourse.integrations.doctor.clients import is_known
from recourse.integrations.grpc import without_own_retries
from recourse.integrations.httpx import RecourseTransport
from recourse.integrations.redis import Retry
from recourse.integrations.requests import RecourseAdapter

HEDGED = Needs(attempts=4, runs=2)
SERVICE_CONFIG = '{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4}}]}'


def rules(thing: Any, needs: Needs | None = None) -> list[str]:
    return [complaint.rule for complaint in examine(thing, needs=needs)]


@pytest.mark.parametrize("sdk", [openai.OpenAI, anthropic.Anthropic])
def test_an_sdk_that_retries_makes_nine_attempts_of_three(sdk: Any) -> None:
    with sdk(api_key="none") as client:
        found = examine(client, "shop.clients:sdk")
    with sdk(api_key="none", max_retries=0, timeout=5.0) as client:
        assert rules(client) == []

    assert [one.rule for one in found] == ["stacked_retries", "long_timeout"]
    assert str(found[0]) == (
        "shop.clients:sdk makes 3 attempts of its own; with 3 of a policy they are 9; "
        "make it with max_retries=0"
    )


def test_redis_py_retries_ten_times_and_may_wait_for_ever() -> None:
    forever = redis.retry.Retry(NoBackoff(), -1)

    assert rules(redis.Redis(socket_timeout=None)) == ["stacked_retries", "no_timeout"]
    assert "11 attempts" in examine(redis.Redis())[0].wrong
    assert rules(redis.asyncio.Redis(socket_timeout=1)) == ["stacked_retries"]
    assert rules(redis.Redis(socket_timeout=1, retry=Retry())) == []
    assert examine(redis.Redis(socket_timeout=1, retry=forever))[0].wrong == "retries for ever"


def test_sessions_of_requests_have_no_timeout_and_perhaps_retries() -> None:
    with requests.Session() as session:
        assert rules(session) == ["no_timeout"] * 2
        small = requests.adapters.HTTPAdapter(max_retries=3, pool_maxsize=1, pool_block=True)
        session.mount("http://", small)
        session.mount("https://", RecourseAdapter())
        assert rules(session, HEDGED) == ["stacked_retries", "no_timeout", "pool_too_small"]
        session.mount("http://", RecourseAdapter(small))
        found = examine(session, "session", HEDGED)

    assert [one.rule for one in found] == ["stacked_retries", "pool_too_small"]
    assert found[0].thing == "session (http://)"


def test_pool_managers_of_urllib3_retry_three_times_by_themselves() -> None:
    with urllib3.PoolManager() as plain:
        assert rules(plain) == ["stacked_retries", "no_timeout"]
    options: dict[str, Any] = {"retries": False, "timeout": 1.0, "block": True}
    with urllib3.PoolManager(**options) as small:
        assert rules(small) == []
        assert rules(small, HEDGED) == ["pool_too_small"]
    with urllib3.PoolManager(retries=urllib3.Retry(total=2), timeout=1.0) as retrying:
        assert rules(retrying) == ["stacked_retries"]


@pytest.mark.parametrize("family", [httpx, httpx2])
def test_httpx_connects_again_and_can_be_without_room_for_a_hedge(family: Any) -> None:
    inner = family.HTTPTransport(retries=2, limits=family.Limits(max_connections=1))
    with family.Client() as plain:
        assert rules(plain, HEDGED) == []
    with family.Client(transport=RecourseTransport(inner), timeout=None) as client:
        assert rules(client, HEDGED) == ["no_timeout", "stacked_retries", "pool_too_small"]


def test_the_retries_of_another_transport_are_seen() -> None:
    class RetryTransport(httpx.BaseTransport):
        retry = urllib3.Retry(total=3)

    with httpx.Client(transport=RetryTransport()) as client:
        assert rules(client) == ["stacked_retries"]


def test_aiohttp_waits_five_minutes() -> None:
    async def found() -> list[list[str]]:
        async with (
            aiohttp.ClientSession() as plain,
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),
                connector=aiohttp.TCPConnector(limit=1),
            ) as small,
        ):
            return [rules(plain, HEDGED), rules(small, HEDGED)]

    assert asyncio.run(found()) == [["long_timeout"], ["no_timeout", "pool_too_small"]]


@pytest.mark.slow
def test_aws_clients_retry_and_wait_a_minute() -> None:
    session = botocore.session.Session()

    def client(**config: Any) -> Any:
        return session.create_client(
            "sts",
            region_name="eu-west-1",
            config=botocore.config.Config(**config),
        )

    assert rules(client()) == ["stacked_retries", "long_timeout"]
    quiet = client(retries={"total_max_attempts": 1}, read_timeout=5, max_pool_connections=1)
    assert rules(govern(quiet), HEDGED) == ["pool_too_small"]


def test_functions_that_tenacity_retries_are_known() -> None:
    def pay() -> None:
        """Nothing."""

    assert rules(tenacity.retry(stop=tenacity.stop_after_attempt(5))(pay)) == ["stacked_retries"]
    assert "without a limit" in examine(tenacity.retry(pay))[0].wrong


def test_the_options_of_a_grpc_channel_tell_of_its_own_retries() -> None:
    options = [("grpc.service_config", SERVICE_CONFIG)]

    [found] = examine(options, "shop.clients:OPTIONS")
    assert found.rule == "stacked_retries"
    assert "retryPolicy with 4 attempts for every method" in found.wrong
    assert rules(without_own_retries(options)) == []


@pytest.mark.parametrize(
    "thing",
    [None, 3, "text", [], [1], redis.Redis, Path(), requests, object()],
    ids=["None", "number", "text", "empty", "list", "class", "path", "module", "object"],
)
def test_what_is_no_client_is_passed_over(thing: Any) -> None:
    assert not is_known(thing)
    assert examine(thing) == []
