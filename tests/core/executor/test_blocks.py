"""Blocks that change how calls behave inside them, and scripts that stand in for operations."""

import asyncio
import threading
from datetime import timedelta
from typing import Any, Final

import pytest

from recourse import Executor, Policy, RetryPolicy
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock, disable, http, instant, limit_attempts, script

KEY: Final = "svc.Op"


def test_r79_instant_calls_take_no_wait(both: Any) -> None:
    with instant():
        told = both([ConnectionError, "ok"])

    assert (told.value, told.sleeps, told.took_s) == ("ok", (), 0.0)


def test_r79_limited_calls_make_fewer_attempts_and_never_more(both: Any) -> None:
    with limit_attempts(2):
        fewer = both([ConnectionError])
    with limit_attempts(9):
        own = both([ConnectionError])
    with limit_attempts(2), instant(), disable():
        alone = both([ConnectionError])

    assert (fewer.runs, own.runs, alone.runs) == (2, 3, 1)


def test_r30_a_scripted_failure_may_ask_for_a_wait(both: Any) -> None:
    with script(KEY, [http(503, retry_after_s=timedelta(seconds=7)), "ok"]):
        told = both(["never run"])

    assert told.value == "ok"
    assert 7.0 <= told.sleeps[0] <= 7.7


@pytest.mark.parametrize("count", [0, True, "2"])
def test_a_limit_lets_calls_make_one_attempt_at_least(count: Any) -> None:
    with (
        pytest.raises(ValueError, match=r"limit_attempts .* would let no call run"),
        limit_attempts(count),
    ):
        pytest.fail("entered")


def test_r79_the_blocks_reach_no_other_task_or_thread() -> None:
    clock = VirtualClock()
    executor = Executor([Policy(KEY, retry=RetryPolicy(jitter=Jitter.NONE))], clock=clock)
    runs = {"inside": 0, "outside": 0}

    async def calling(name: str) -> None:
        async def operation() -> None:
            runs[name] += 1
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await executor.acall(KEY, operation)

    async def main() -> None:
        outside = asyncio.ensure_future(calling("outside"))
        with limit_attempts(1), instant():
            await calling("inside")
        await outside

    clock.run(main())
    with limit_attempts(1):
        thread = threading.Thread(target=lambda: clock.run(calling("outside")))
        thread.start()
        thread.join()

    assert runs == {"inside": 1, "outside": 6}


def test_a_script_stands_in_for_the_operations_of_its_key(both: Any) -> None:
    with script(KEY, [http(503), ConnectionError("lost"), "value"]):
        told = both(["never"])

    assert (told.value, told.runs) == ("value", 0)
    assert [record.outcome.reason for record in told.timeline.attempts] == [
        "http_503",
        "retryable_error",
        "success",
    ]


def test_scripts_of_two_keys_stand_side_by_side_and_leave_other_keys_alone(both: Any) -> None:
    with script("svc.Other", ["other"]), script(KEY, [KeyError]):
        scripted = both(["never"], retry=RetryPolicy(max_attempts=1))
        other = both(["never"], key="svc.Other")
        real = both(["real"], key="svc.Real")

    assert (type(scripted.error), other.value, real.value) == (KeyError, "other", "real")


def test_a_script_that_has_run_out_says_so(both: Any) -> None:
    with script(KEY, []):
        told = both(["never"], retry=RetryPolicy(max_attempts=1))

    assert str(told.error).startswith(f"script for '{KEY}' has no outcome left")


def test_a_scripted_failure_tells_what_it_stands_for() -> None:
    assert str(http(429, "POST", 2.0)) == "POST answered 429"
