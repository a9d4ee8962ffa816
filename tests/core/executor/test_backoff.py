"""The waits between attempts: what was planned, what was waited, and what a server may ask for."""

import asyncio
import random
import traceback
from typing import Any, Final

import pytest
from hypothesis import given, strategies as st

from recourse import Executor, Policy, RetryPolicy
from recourse.events import AttemptEnd, RetryScheduled
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock, http, instant

KEY: Final = "svc.Op"
NO_JITTER: Final = RetryPolicy(jitter=Jitter.NONE)
# A server may be waited for up to a minute, whatever max_backoff_s says.
QUICK: Final = RetryPolicy(max_attempts=2, initial_backoff_s=0.1, max_backoff_s=0.25)


# ------------------------------------------------------------------------------ R27, R28
def test_r27_the_default_jitter_is_full(both: Any) -> None:
    rng = random.Random(5)  # noqa: S311  # no secret
    planned = [rng.uniform(0.0, 0.05), rng.uniform(0.0, 0.1)]

    told = both(
        [ConnectionError, ConnectionError, "ok"],
        retry=RetryPolicy(),
        random=ReseededRandom(),
    )

    assert told.value == "ok"
    assert list(told.sleeps) == planned


class ReseededRandom(random.Random):
    """Draws jitter as a generator does that was made for nothing else."""

    def __init__(self) -> None:
        super().__init__(5)

    def getrandbits(self, k: int, /) -> int:
        # An executor draws the tag of its call ids before any jitter.
        return 0


POLICIES: Final = st.builds(
    RetryPolicy,
    jitter=st.sampled_from(Jitter),
    max_attempts=st.integers(2, 10),
    backoff_multiplier=st.floats(1.0, 10.0),
    initial_backoff_s=st.floats(0.001, 30.0),
    max_backoff_s=st.floats(0.001, 30.0),
)


@pytest.mark.slow
@given(retry=POLICIES, seed=st.integers(0, 2**32))
def test_r27_no_wait_of_a_call_is_negative_or_longer_than_max_backoff(
    retry: RetryPolicy, seed: int
) -> None:
    clock = VirtualClock()
    rng = random.Random(seed)  # noqa: S311  # no secret
    executor = Executor([Policy(KEY, retry=retry)], clock=clock, random=rng)

    with pytest.raises(ConnectionError):
        executor.call(KEY, refuse)

    assert all(0.0 <= slept <= retry.max_backoff_s for slept in clock.sleeps)
    assert len(clock.sleeps) <= retry.max_attempts - 1


def refuse() -> None:
    raise ConnectionError


def test_r27_decorrelated_delays_grow_from_the_one_before_under_a_limit_as_without(
    both: Any,
) -> None:
    policy: dict[str, Any] = {"max_attempts": 6, "jitter": Jitter.DECORRELATED}
    slept = [
        both([OSError], retry=retry, random=random.Random(3)).sleeps  # noqa: S311  # no secret
        for retry in (RetryPolicy(**policy), RetryPolicy(**policy, overall_timeout_s=60.0))
    ]

    assert slept[0] == slept[1]
    assert max(slept[0]) > 3 * 0.05


def test_r28_records_hold_the_delay_chosen_after_and_the_wait_taken_before(both: Any) -> None:
    told = both([http(503), http(503), "ok"], retry=NO_JITTER)

    records = told.timeline.attempts
    assert [record.backoff_s for record in records] == [0.05, 0.10, 0.0]
    assert [record.waited_before_s for record in records] == pytest.approx([0.0, 0.05, 0.10])
    assert [(event.attempt, event.delay_s, event.source) for event in told.of(RetryScheduled)] == [
        (0, 0.05, "policy"),
        (1, 0.10, "policy"),
    ]


def test_r28_the_last_attempt_has_no_backoff(both: Any) -> None:
    told = both([ConnectionError], retry=NO_JITTER)

    assert [record.backoff_s for record in told.timeline.attempts] == [0.05, 0.10, 0.0]
    assert told.sleeps == (0.05, 0.10)


def test_r28_retry_scheduled_tells_of_jitter_and_of_the_time_left(both: Any) -> None:
    retry = RetryPolicy(jitter=Jitter.NONE, overall_timeout_s=10.0)

    told = both([(1.0, ConnectionError), "ok"], retry=retry)

    [scheduled] = told.of(RetryScheduled)
    assert (scheduled.jitter, scheduled.base_backoff_s) == ("none", 0.05)
    assert scheduled.remaining_deadline_s == 9.0


def test_r28_without_waits_the_records_hold_what_was_planned(both: Any) -> None:
    with instant():
        told = both([ConnectionError, "ok"], retry=NO_JITTER)

    assert (told.sleeps, told.took_s) == ((), 0.0)
    assert [record.backoff_s for record in told.timeline.attempts] == [0.05, 0.0]
    assert [record.waited_before_s for record in told.timeline.attempts] == [0.0, 0.05]


# ------------------------------------------------------------------------------ R29
def test_r29_calls_of_one_key_grow_their_backoff_each_for_itself(async_side: Any) -> None:
    executor = async_side.executor(
        retry=RetryPolicy(max_attempts=4, jitter=Jitter.NONE, max_backoff_s=30.0)
    )

    async def one() -> None:
        with pytest.raises(ConnectionError):
            await executor.acall(KEY, async_side.operation([ConnectionError]))

    async def main() -> None:
        await asyncio.gather(one(), one(), one())

    async_side.clock.run(main())

    assert sorted(async_side.clock.sleeps) == [0.05] * 3 + [0.1] * 3 + [0.2] * 3


def test_r29_decorrelated_jitter_of_one_call_is_not_that_of_another(both: Any) -> None:
    retry = RetryPolicy(
        max_attempts=10, jitter=Jitter.DECORRELATED, initial_backoff_s=0.001, max_backoff_s=30.0
    )
    executor = both.executor(retry=retry)
    both([ConnectionError], executor=executor)

    second = both([ConnectionError], executor=executor)

    assert second.sleeps[0] <= 0.003


def test_r29_an_error_has_no_earlier_attempt_as_its_context(both: Any) -> None:
    errors = [ConnectionError("first"), ConnectionError("second"), ConnectionError("third")]

    told = both(errors, retry=NO_JITTER)

    assert told.error is errors[2]
    assert [error.__context__ for error in errors] == [None, None, None]
    assert "first" not in "".join(traceback.format_exception(errors[2]))


def test_r29_a_call_that_nobody_hears_keeps_its_errors_apart_too(both: Any) -> None:
    executor = Executor([Policy(KEY, retry=NO_JITTER)], clock=both.clock)
    errors = [ConnectionError("first"), ConnectionError("second"), ConnectionError("third")]
    operation = both.operation(errors)

    def call() -> None:
        if both.is_async:
            both.clock.run(executor.acall(KEY, operation))
        else:
            executor.call(KEY, operation)

    with pytest.raises(ConnectionError, match="third"):
        call()

    assert [error.__context__ for error in errors] == [None, None, None]


# ------------------------------------------------------------------------------ R30
@pytest.mark.parametrize("seed", range(5))
def test_r30_a_wait_that_a_server_asks_for_is_never_cut_short(both: Any, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  # no secret

    told = both([http(503, retry_after_s=30.0), "ok"], retry=QUICK, random=rng)

    [slept] = told.sleeps
    assert told.value == "ok"
    assert 30.0 <= slept <= 33.0
    assert [event.source for event in told.of(RetryScheduled)] == ["retry_after"]
    assert told.timeline.attempts[0].backoff_s == slept


@pytest.mark.parametrize("asked_s", [0.5, 60.0], ids=["part of a second", "the longest"])
def test_r30_every_wait_that_is_allowed_is_taken(both: Any, asked_s: float) -> None:
    told = both([http(503, retry_after_s=asked_s), "ok"], retry=QUICK)

    assert told.value == "ok"
    assert asked_s <= told.sleeps[0] <= asked_s * 1.1


def test_r30_a_server_that_asks_for_too_long_a_wait_ends_the_call(both: Any) -> None:
    asked = http(503, retry_after_s=61.0)

    told = both([asked, "never"], retry=QUICK)

    assert told.error is asked
    assert (told.sleeps, told.timeline.disposition) == ((), "retry_after_too_long")


@pytest.mark.parametrize("asked_s", [0.0, -5.0])
def test_r30_a_moment_that_has_passed_means_the_policys_own_backoff(
    both: Any, asked_s: float
) -> None:
    retry = RetryPolicy(max_attempts=2, jitter=Jitter.NONE)

    told = both([http(503, retry_after_s=asked_s), "ok"], retry=retry)

    assert (told.value, told.sleeps) == ("ok", (0.05,))
    assert [end.backoff_source for end in told.of(AttemptEnd)] == ["policy", None]


def test_r30_a_wait_beyond_the_deadline_ends_the_call(both: Any) -> None:
    asked = http(503, retry_after_s=30.0)
    retry = RetryPolicy(overall_timeout_s=20.0)

    told = both([asked, "never"], retry=retry)

    assert told.error is asked
    assert (told.sleeps, told.timeline.disposition) == ((), "deadline_would_exceed")
