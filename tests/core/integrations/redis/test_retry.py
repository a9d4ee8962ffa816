"""Against a real server: what redis-py does under policies."""

import asyncio
import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.exceptions

import recourse
from recourse import (
    CircuitPolicy,
    Executor,
    HedgePolicy,
    Policy,
    RetryPolicy,
    TokenBucket,
    record_timeline,
)
from recourse.errors import AttemptTimeout, CircuitOpenError, DeadlineExceeded, PolicyError
from recourse.integrations.redis import AsyncRetry, RedisClassifier, Retry
from recourse.integrations.redis.commands import doing
from recourse.integrations.redis.retry import Exchange
from recourse.testing import VirtualClock

LOST, ANSWER_LOST = "lost", "answer lost"


def executor_of(policy: dict[str, Any] | None = None, **options: Any) -> Executor:
    retry = {"max_attempts": 3, "initial_backoff_s": 0.001, "jitter": "none", **(policy or {})}
    blocks = {name: retry.pop(name) for name in ("hedge", "circuit", "idempotent") if name in retry}
    return Executor(default_policy=Policy("any", retry=RetryPolicy(**retry), **blocks), **options)


def client_of(proxy: Any, executor: Executor | None = None, **options: Any) -> Any:
    given = executor or executor_of()
    return redis.Redis(
        port=proxy.port, retry=Retry(str.lower, given), maint_notifications_config=None, **options
    )


def reasons(timeline: Any) -> list[str]:
    return [each.outcome.reason for each in timeline.attempts]


def test_commands_and_connections_are_calls_of_their_own(proxy: Any) -> None:
    with record_timeline() as capture, client_of(proxy) as client:
        assert client.set("a", "1")
        assert client.get("a") == b"1"

    told = [(each.key, each.disposition, each.attempts_run) for each in capture.timelines]
    assert told == [("connect", "success", 1), ("set", "success", 1), ("get", "success", 1)]


def test_a_lost_connection_is_made_anew_and_the_command_repeated(proxy: Any) -> None:
    with record_timeline() as capture, client_of(proxy) as client:
        client.set("a", "1")
        proxy.faults = [(b"GET", LOST), (b"GET", ANSWER_LOST)]
        assert client.get("a") == b"1"

    timeline = capture.timeline
    assert timeline is not None
    assert reasons(timeline) == ["redis_ConnectionError", "redis_ConnectionError", "success"]
    assert proxy.connections == 3


def test_the_last_failure_is_redis_py_s_own_error(proxy: Any) -> None:
    with client_of(proxy) as client:
        client.ping()
        proxy.faults = [(b"GET", LOST)] * 9
        with pytest.raises(redis.ConnectionError):
            client.get("a")

    assert len(proxy.faults) == 6


def test_an_increment_whose_answer_was_lost_is_counted_once(proxy: Any) -> None:
    with client_of(proxy) as client:
        client.ping()
        proxy.faults = [(b"INCR", ANSWER_LOST)]
        with pytest.raises(redis.ConnectionError):
            client.incr("n")
        assert client.get("n") == b"1"


def test_an_increment_is_repeated_when_the_policy_allows_it(proxy: Any) -> None:
    with client_of(proxy, executor_of({"idempotent": True})) as client:
        client.ping()
        proxy.faults = [(b"INCR", ANSWER_LOST)]
        assert client.incr("n") == 2


@pytest.mark.parametrize("transaction", [True, False])
def test_a_pipeline_is_repeated_whole_or_not_at_all(proxy: Any, *, transaction: bool) -> None:
    with client_of(proxy) as client:
        client.ping()
        proxy.faults = [(b"INCR", ANSWER_LOST), (b"SADD", ANSWER_LOST)]
        with pytest.raises(redis.ConnectionError):
            client.pipeline(transaction=transaction).set("a", "1").incr("n").execute()
        answers = client.pipeline(transaction=transaction).set("a", "2").sadd("s", "x").execute()

        assert (client.get("n"), client.get("a"), len(answers)) == (b"1", b"2", 2)


def test_a_watched_transaction_ends_with_its_connection_and_is_not_retried(proxy: Any) -> None:
    with record_timeline() as capture, client_of(proxy) as client, client.pipeline() as pipeline:
        pipeline.watch("a")
        pipeline.multi()
        pipeline.set("a", "1")
        proxy.faults = [(b"MULTI", LOST)]
        with pytest.raises(redis.WatchError):
            pipeline.execute()

    [timeline] = [each for each in capture.timelines if each.key == "pipeline"]
    assert reasons(timeline) == ["redis_WatchError"]


def test_an_error_of_the_command_is_final_and_keeps_the_connection(proxy: Any) -> None:
    with client_of(proxy) as client:
        client.set("a", "text")
        with record_timeline() as capture, pytest.raises(redis.ResponseError):
            client.lrange("a", 0, 1)

    assert capture.timeline is not None
    assert reasons(capture.timeline) == ["redis_ResponseError"]
    assert proxy.connections == 1


def test_a_refused_port_costs_three_attempts_and_not_redis_py_s_ten(proxy: Any) -> None:
    port = proxy.port
    proxy.close()
    own = redis.Redis(port=port).get_retry()
    assert own is not None
    assert own.get_retries() == 10

    with (
        record_timeline(nested=True) as capture,
        client_of(proxy) as client,
        pytest.raises(redis.ConnectionError),
    ):
        client.get("a")

    [timeline] = capture.timelines
    assert (timeline.key, timeline.attempts_run) == ("connect", 3)


def test_a_reconnection_inside_a_command_is_not_retried_again(proxy: Any) -> None:
    executor = executor_of()
    with record_timeline(nested=True) as capture, client_of(proxy, executor) as client:
        client.set("a", "1")
        proxy.faults = [(b"GET", LOST), (b"HELLO", LOST)]
        client.get("a")

    assert [each.key for each in capture.timelines] == ["connect", "set", "get"]


def test_a_server_that_went_away_costs_three_attempts_and_not_nine(proxy: Any) -> None:
    with record_timeline(nested=True) as capture, client_of(proxy) as client:
        client.set("a", "1")
        proxy.faults = [(b"GET", "gone")]
        with pytest.raises(redis.ConnectionError):
            client.get("a")

    last = capture.timeline
    assert last is not None
    assert last.attempts_run == 3


def test_an_answer_that_takes_too_long_is_given_up_with_redis_py_s_own_timeout(proxy: Any) -> None:
    with record_timeline() as capture, client_of(proxy, socket_timeout=0.1) as client:
        client.set("a", "1")
        proxy.faults = [(b"GET", "hang")]
        assert client.get("a") == b"1"

    assert capture.timeline is not None
    assert reasons(capture.timeline) == ["redis_TimeoutError", "success"]


def test_no_time_left_means_no_command(proxy: Any) -> None:
    with client_of(proxy) as client:
        client.ping()
        with recourse.deadline(0), pytest.raises(DeadlineExceeded):
            client.get("a")


def test_a_budget_denies_the_retry_and_a_breaker_the_command(proxy: Any) -> None:
    executor = executor_of(
        {"budget": "cache", "circuit": CircuitPolicy(threshold=3, cooldown_s=60)},
        budgets={"cache": TokenBucket(capacity=1, refill_per_s=0.001)},
    )
    with record_timeline() as capture, client_of(proxy, executor) as client:
        client.ping()
        proxy.faults = [(b"GET", LOST)] * 5
        for error in (redis.ConnectionError, redis.ConnectionError, CircuitOpenError):
            with pytest.raises(error):
                client.get("a")

    dispositions = [each.disposition for each in capture.timelines if each.key == "get"]
    assert dispositions == ["budget_denied", "circuit_open", "circuit_open"]


def test_a_thread_that_was_left_behind_never_shares_its_connection(proxy: Any) -> None:
    executor = executor_of({"timeout_per_attempt_s": 0.1, "max_attempts": 2}, sync_timeout="thread")
    with client_of(proxy, executor) as client:
        client.set("a", "1")
        proxy.faults = [(b"GET", "hang")]
        with pytest.raises(PolicyError, match="one connection carries one command"):
            client.get("a")
        assert client.get("a") == b"1"
    executor.close()


def test_a_last_timeout_drops_the_connection_that_a_thread_still_uses(proxy: Any) -> None:
    executor = executor_of({"timeout_per_attempt_s": 0.1, "max_attempts": 1}, sync_timeout="thread")
    with client_of(proxy, executor) as client:
        client.set("a", "1")
        proxy.faults = [(b"GET", "hang")]
        with pytest.raises(AttemptTimeout):
            client.get("a")
        assert client.get("a") == b"1"
    executor.close()


def test_a_dropped_connection_waits_for_its_thread_but_not_for_ever() -> None:
    clock = VirtualClock()

    def lets_go(_: BaseException) -> None:
        leaves.end()

    leaves = Exchange(bool, lets_go, counts=False)
    leaves.is_busy = True
    leaves.part(TimeoutError(), clock)
    assert (leaves.is_busy, clock.monotonic_s()) == (False, 0.0)

    stays = Exchange(bool, str, counts=False)
    stays.is_busy = True
    stays.part(TimeoutError(), clock)
    assert (stays.is_busy, clock.monotonic_s()) == (True, 0.25)


def test_one_connection_is_never_hedged(proxy: Any) -> None:
    # Only this command is hedged: connecting may take any time on a busy machine.
    hedged = Policy("get", hedge=HedgePolicy(hedge_delay_s=0.02))
    executor = executor_of(sync_timeout="thread", policies=[hedged])
    with record_timeline() as capture, client_of(proxy, executor, socket_timeout=10.0) as client:
        client.set("a", "1")
        proxy.faults = [(b"GET", "hang")]
        with pytest.raises(PolicyError):
            client.get("a")

    assert capture.timeline is not None
    assert [each.is_hedge for each in capture.timeline.attempts] == [False, True]
    executor.close()


def test_a_policy_s_own_classifier_decides(proxy: Any) -> None:
    executor = executor_of({"classifier": "redis"})
    with client_of(proxy, executor) as client:
        client.ping()
        proxy.faults = [(b"GET", LOST), (b"INCR", LOST)]
        client.get("a")
        with pytest.raises(redis.ConnectionError):
            client.incr("n")

    mine = executor_of(
        {"classifier": "mine"}, classifiers={"mine": RedisClassifier(replay_safe=True)}
    )
    with client_of(proxy, mine) as client:
        proxy.faults = [(b"INCR", LOST)]
        client.incr("n")
        assert client.get("n") == b"1"


def test_subscriptions_follow_a_policy_too(proxy: Any) -> None:
    with record_timeline() as capture, client_of(proxy) as client, client.pubsub() as channel:
        channel.subscribe("news")
        assert channel.get_message(timeout=1)["type"] == "subscribe"

    assert "other" in {each.key for each in capture.timelines}


def test_a_copy_is_the_thing_itself_and_the_default_key_is_redis(redis_port: int) -> None:
    retry, other = Retry(), AsyncRetry()

    with (
        recourse.using(executor_of()),
        record_timeline() as capture,
        redis.Redis(port=redis_port, retry=retry) as client,
    ):
        client.ping()

    assert copy.deepcopy(retry) is retry
    assert copy.deepcopy(other) is other
    assert {each.key for each in capture.timelines} == {"redis"}


def lambda_for(command_name: Any, args: tuple[Any, ...]) -> Callable[[], Any]:
    return lambda: (command_name, args)


@pytest.mark.parametrize(
    ("words", "idempotent"),
    [
        (("GET", "a"), True),
        ((b"get", b"a"), True),
        (("SET", "NX", "XX"), True),
        (("SET", "a", "1", "NX"), False),
        (("ZADD", "a", "INCR", 1, "x"), False),
        (("OBJECT ENCODING", "a"), True),
        (("LPUSH", "a", "1"), False),
        (("EVAL", "return 1", 0), False),
    ],
    ids=str,
)
def test_commands_are_known_by_their_words(words: tuple[Any, ...], *, idempotent: bool) -> None:
    with_name = doing(lambda_for(words[0], words))
    without = doing(lambda_for(words[0], words[1:]))

    assert with_name.idempotent is without.idempotent is idempotent


def test_what_cannot_be_read_is_unknown() -> None:
    assert doing(object()).idempotent is None
    assert doing(len).name == "OTHER"


# ---------------------------------------------------------------- asyncio


def async_client_of(proxy: Any, executor: Executor | None = None) -> Any:
    retry = AsyncRetry(str.lower, executor or executor_of())
    return redis.asyncio.Redis(port=proxy.port, retry=retry)


@pytest.mark.anyio
async def test_commands_of_event_loops_are_retried_too(proxy: Any) -> None:
    async with record_timeline() as capture, async_client_of(proxy) as client:
        await client.set("a", "1")
        proxy.faults = [(b"GET", LOST), (b"SETINFO", LOST)]
        assert await client.get("a") == b"1"
        with pytest.raises(redis.ResponseError):
            await client.lrange("a", 0, 1)

    told = {(each.key, each.attempts_run) for each in capture.timelines}
    assert {("set", 1), ("lrange", 1)} <= told
    assert ("get", 3) in told or ("get", 2) in told


@pytest.mark.anyio
async def test_an_attempt_that_takes_too_long_is_cut_and_repeated_if_it_may_be(proxy: Any) -> None:
    executor = executor_of({"timeout_per_attempt_s": 0.1})
    async with record_timeline() as capture, async_client_of(proxy, executor) as client:
        await client.ping()
        proxy.faults = [(b"GET", "hang"), (b"INCR", "hang")]
        await client.get("a")
        with pytest.raises(AttemptTimeout):
            await client.incr("n")

    dispositions = {each.key: each.disposition for each in capture.timelines}
    assert (dispositions["get"], dispositions["incrby"]) == ("success", "terminal")


@pytest.mark.anyio
async def test_a_server_that_went_away_is_not_retried_twice_over(proxy: Any) -> None:
    async with record_timeline(nested=True) as capture, async_client_of(proxy) as client:
        await client.set("a", "1")
        proxy.faults = [(b"GET", "gone")]
        with pytest.raises(redis.ConnectionError):
            await client.get("a")

    last = capture.timeline
    assert last is not None
    assert last.attempts_run == 3


@pytest.mark.anyio
async def test_a_watched_transaction_of_an_event_loop_ends_too(proxy: Any) -> None:
    async with async_client_of(proxy) as client, client.pipeline() as pipeline:
        await pipeline.watch("a")
        pipeline.multi()
        pipeline.set("a", "1")
        proxy.faults = [(b"MULTI", LOST)]
        with pytest.raises(redis.WatchError):
            await pipeline.execute()


@pytest.mark.anyio
async def test_a_cancelled_command_is_not_repeated(proxy: Any) -> None:
    async with record_timeline() as capture, async_client_of(proxy) as client:
        await client.ping()
        proxy.faults = [(b"GET", "hang")]
        command = asyncio.ensure_future(client.get("a"))
        while proxy.faults:
            await asyncio.to_thread(threading.Event().wait, 0.01)
        command.cancel()
        with pytest.raises(asyncio.CancelledError):
            await command

    assert capture.timeline is not None
    assert capture.timeline.disposition == "cancelled"
    assert capture.timeline.attempts_run == 1
