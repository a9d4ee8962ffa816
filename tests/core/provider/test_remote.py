import asyncio
import dataclasses
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from recourse.clock import SystemClock
from recourse.errors import PolicyError, PolicyNotFoundError
from recourse.key import PolicyKey
from recourse.policy import EffectivePolicy, Policy, RetryPolicy
from recourse.provider import AsyncProvider, Cached, RemoteProvider

KEY = PolicyKey("a.B")


class Source:
    """Answers as it is told, and counts."""

    def __init__(self) -> None:
        self.answer: Any = Policy("a.B", retry=RetryPolicy(max_attempts=2))
        self.asked: list[str] = []
        self.before_answering: Callable[[], object] = lambda: None

    def get(self, key: PolicyKey) -> Any:
        self.asked.append(key.text)
        self.before_answering()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def says(self, attempts: int) -> None:
        self.answer = Policy("a.B", retry=RetryPolicy(max_attempts=attempts))


class Half:
    """A random source that always gives the middle: a policy is due when its ttl ends."""

    def random(self) -> float:
        return 0.5


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def provider(source: Source, clock: Any) -> RemoteProvider:
    return RemoteProvider(source, clock=clock, random=Half())  # type: ignore[arg-type]  # enough of one


def told(policy: EffectivePolicy | None) -> tuple[int, str] | None:
    return None if policy is None else (policy.retry.max_attempts, policy.source)


def test_a_policy_is_fetched_once_while_it_is_fresh(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    assert isinstance(provider, Cached)
    assert isinstance(provider, AsyncProvider)
    before = provider.cached(KEY)

    first = provider.get(KEY)
    clock.now_s += 53.0
    second = provider.get(KEY)

    assert before is None
    assert told(first) == (2, "remote")
    assert second is first is provider.cached(KEY)
    assert (source.asked, clock.spawned) == (["a.B"], ["recourse-fetch"])


def test_a_policy_that_is_due_is_followed_while_it_is_fetched_anew(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    provider.get(KEY)
    source.says(5)
    clock.is_inline = False
    clock.now_s += 60.0

    due = [told(provider.cached(KEY)), told(provider.get(KEY))]
    clock.run_jobs()

    assert due == [(2, "remote"), (2, "remote")]
    assert told(provider.cached(KEY)) == (5, "remote")
    assert len(source.asked) == 2


def test_a_stale_policy_is_not_followed_without_asking(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    provider.get(KEY)
    source.says(5)
    clock.now_s += 66.0

    assert provider.cached(KEY) is None
    assert told(provider.get(KEY)) == (5, "remote")


@pytest.mark.parametrize(("drawn", "due_s"), [(0.0, 54.0), (1.0, 66.0)])
def test_refreshes_are_spread_by_ten_per_cent(
    source: Source, clock: Any, drawn: float, due_s: float
) -> None:
    class Drawn:
        def random(self) -> float:
            return drawn

    provider = RemoteProvider(source, clock=clock, random=Drawn())  # type: ignore[arg-type]  # enough of one
    provider.get(KEY)

    clock.now_s += due_s - 0.01
    provider.cached(KEY)
    asked_before = len(source.asked)
    clock.now_s += 0.02
    provider.get(KEY)

    assert (asked_before, len(source.asked)) == (1, 2)


def test_r09_through_an_outage_the_last_policy_is_followed_until_it_is_too_old(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    provider.get(KEY)
    source.answer = OSError("no route")

    seen: list[object] = []
    for age_s in (70.0, 300.0, 599.0, 600.0):
        clock.now_s = 1000.0 + age_s
        try:
            seen.append(told(provider.get(KEY)))
        except OSError as error:
            seen.append(repr(error))

    assert seen == [(2, "lkg"), (2, "lkg"), (2, "lkg"), "OSError('no route')"]


def test_r09_a_failing_source_is_asked_once_per_error_ttl(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    source.answer = OSError("no route")

    for _ in range(100):
        with pytest.raises(OSError, match="no route"):
            provider.get(KEY)
        assert provider.cached(KEY) is None
        clock.now_s += 0.1

    assert len(source.asked) == 2


def test_r09_while_a_source_is_left_in_peace_the_last_policy_is_known_without_waiting(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    provider.get(KEY)
    source.answer = OSError("no route")
    clock.now_s += 70.0
    provider.get(KEY)

    known = provider.cached(KEY)

    assert told(known) == (2, "lkg")
    assert len(source.asked) == 2


def test_r09_a_failed_refresh_of_a_fresh_policy_waits_before_the_next(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    provider.get(KEY)
    source.answer = OSError("no route")

    for age_s in (60.0, 61.0, 64.9, 65.0):
        clock.now_s = 1000.0 + age_s
        assert told(provider.cached(KEY)) == (2, "remote")

    assert len(source.asked) == 3


def test_r09_a_confirmed_absence_discards_the_last_policy_and_is_remembered(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    provider.get(KEY)
    source.answer = PolicyNotFoundError("a.B")
    clock.now_s += 70.0

    for step_s in (0.0, 5.0, 4.9):
        clock.now_s += step_s
        with pytest.raises(PolicyNotFoundError):
            provider.get(KEY)
        with pytest.raises(PolicyNotFoundError):
            provider.cached(KEY)
    source.answer = OSError("no route")
    clock.now_s += 0.1

    assert len(source.asked) == 2
    with pytest.raises(OSError, match="no route"):
        provider.get(KEY)


def test_r09_a_source_that_is_back_is_followed_after_the_error_ttl(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    source.answer = OSError("no route")
    with pytest.raises(OSError, match="no route"):
        provider.get(KEY)
    source.says(3)
    clock.now_s += 5.0

    assert told(provider.get(KEY)) == (3, "remote")


def test_r08_a_slow_fetch_is_not_waited_for_when_the_last_policy_may_be_followed(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    provider.get(KEY)
    source.says(5)
    clock.is_inline = False
    clock.now_s += 70.0

    first = told(provider.get(KEY))
    waited_s = clock.now_s - 1070.0
    meanwhile = told(provider.cached(KEY))
    clock.run_jobs()

    assert (first, meanwhile) == ((2, "lkg"), (2, "lkg"))
    assert waited_s == pytest.approx(0.1)
    assert told(provider.get(KEY)) == (5, "remote")
    assert len(source.asked) == 2


def test_r08_a_fetch_that_never_ends_is_given_up_and_counts_as_an_outage(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    clock.is_inline = False

    with pytest.raises(TimeoutError, match="did not answer within 10 s"):
        provider.get(KEY)
    with pytest.raises(TimeoutError):
        provider.get(KEY)
    clock.run_jobs()
    late = provider.cached(KEY)
    clock.now_s += 5.0
    clock.while_waiting = clock.run_jobs

    assert late is None
    assert told(provider.get(KEY)) == (2, "remote")
    assert len(source.asked) == 2


@pytest.mark.parametrize(
    "answer", [None, "max_attempts=3", {"retry": {}}], ids=["none", "text", "table"]
)
def test_r11_an_answer_that_is_no_policy_is_an_error_of_the_source(
    provider: RemoteProvider, source: Source, answer: object
) -> None:
    source.answer = answer

    with pytest.raises(PolicyError, match=r"the policy of a\.B .* is not allowed; use a Policy"):
        provider.get(KEY)


def test_an_effective_policy_is_taken_as_it_is_but_for_key_and_source(
    provider: RemoteProvider, source: Source
) -> None:
    given = Policy("other.Key", id="pol-a").normalize("static")
    source.answer = given

    assert provider.get(KEY) == dataclasses.replace(given, key="a.B", source="remote")


def test_r11_an_interrupt_in_the_source_reaches_those_who_wait_and_is_not_remembered(
    provider: RemoteProvider, source: Source
) -> None:
    source.answer = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        provider.get(KEY)
    source.says(3)

    assert told(provider.get(KEY)) == (3, "remote")


def test_a_process_that_can_start_no_thread_has_an_outage(
    provider: RemoteProvider, clock: Any
) -> None:
    clock.can_spawn = False

    with pytest.raises(RuntimeError, match="can't start new thread"):
        provider.get(KEY)


@pytest.mark.slow
def test_only_so_many_keys_are_remembered_the_oldest_goes_first(
    provider: RemoteProvider, source: Source
) -> None:
    for number in range(1000):
        provider.get(PolicyKey(f"key.K{number}"))
    provider.get(PolicyKey("key.K0"))

    provider.get(PolicyKey("key.More"))

    assert provider.cached(PolicyKey("key.K0")) is not None
    assert provider.cached(PolicyKey("key.K1")) is None
    assert len(source.asked) == 1001


@pytest.mark.parametrize("name", ["ttl_s", "negative_ttl_s", "error_ttl_s", "lkg_ttl_s"])
def test_r05_a_duration_that_is_negative_is_refused_by_name(source: Source, name: str) -> None:
    durations: dict[str, Any] = {name: timedelta(seconds=-1)}

    with pytest.raises(PolicyError, match=rf"{name} .* is not allowed; use 0 or more seconds"):
        RemoteProvider(source, **durations)


def test_r10_threads_that_miss_together_share_one_fetch(source: Source) -> None:
    release, asked = threading.Event(), threading.Event()

    def tell_and_wait() -> None:
        asked.set()
        release.wait(10.0)

    source.before_answering = tell_and_wait
    provider = RemoteProvider(source, clock=SystemClock())
    found: list[EffectivePolicy] = []
    threads = [threading.Thread(target=lambda: found.append(provider.get(KEY))) for _ in range(8)]

    for thread in threads:
        thread.start()
    asked.wait(10.0)
    release.set()
    for thread in threads:
        thread.join(10.0)

    assert [told(policy) for policy in found] == [(2, "remote")] * 8
    assert source.asked == ["a.B"]


@pytest.mark.anyio
async def test_r10_a_cancelled_caller_does_not_stop_the_fetch_that_others_wait_for(
    source: Source,
) -> None:
    release, asked, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()

    def tell_and_wait() -> None:
        loop.call_soon_threadsafe(asked.set)
        release.wait(10.0)

    source.before_answering = tell_and_wait
    provider = RemoteProvider(source)
    first, *others = [asyncio.create_task(provider.aget(KEY)) for _ in range(4)]
    await asked.wait()

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    release.set()
    found = await asyncio.gather(*others)

    assert first.cancelled()
    assert [told(policy) for policy in found] == [(2, "remote")] * 3
    assert source.asked == ["a.B"]


@pytest.mark.anyio
async def test_a_coroutine_gets_what_is_known_without_waiting(provider: RemoteProvider) -> None:
    fetched = await provider.aget(KEY)

    assert await provider.aget(KEY) is fetched


@pytest.mark.anyio
async def test_a_coroutine_does_not_wait_for_a_slow_fetch_either(
    provider: RemoteProvider, clock: Any
) -> None:
    provider.get(KEY)
    clock.is_inline = False
    clock.now_s += 70.0

    assert told(await provider.aget(KEY)) == (2, "lkg")


@pytest.mark.anyio
async def test_a_coroutine_waits_for_a_fetch_that_lands_in_time(
    provider: RemoteProvider, clock: Any
) -> None:
    clock.is_inline = False
    clock.while_waiting = clock.run_jobs

    assert told(await provider.aget(KEY)) == (2, "remote")


def test_a_fetch_that_lands_after_the_loop_is_closed_harms_nobody(
    provider: RemoteProvider, source: Source, clock: Any
) -> None:
    clock.is_inline = False
    with asyncio.Runner() as runner:
        task = runner.get_loop().create_task(provider.aget(KEY))
        runner.run(asyncio.sleep(0))  # noqa: TID251 -- lets the task start, waits for no time
        task.cancel()

    clock.run_jobs()

    assert told(provider.cached(KEY)) == (2, "remote")


def test_r05_a_source_that_nothing_can_be_asked_of_is_refused_by_name() -> None:
    with pytest.raises(PolicyError, match=r"source 'url' is not allowed; use an object with get"):
        RemoteProvider("url")  # type: ignore[arg-type]  # as a hasty user writes it
