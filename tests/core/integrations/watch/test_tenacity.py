# mypy: disable-error-code="untyped-decorator"
# Peers are never looked into, so their decorators have no types here.

import asyncio
from typing import Any

import pytest
import tenacity

from recourse.integrations.watch_tenacity import watched


class Flaky:
    """Fails so many times."""

    def __init__(self, failures: int, error: type[Exception] = ConnectionError) -> None:
        self.left = failures
        self.error = error

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise self.error
        return "ok"


OPTIONS: dict[str, Any] = {
    "stop": tenacity.stop_after_attempt(3),
    "wait": tenacity.wait_fixed(0.001),
    "reraise": True,
}


@pytest.mark.parametrize(
    ("failures", "disposition", "reasons"),
    [
        (0, "success", ["success"]),
        (2, "success", ["retryable_error", "retryable_error", "success"]),
        (9, "exhausted", ["retryable_error"] * 3),
    ],
)
def test_every_attempt_is_told(
    heard: Any, failures: int, disposition: str, reasons: list[str]
) -> None:
    flaky = Flaky(failures)
    theirs: list[str] = []

    @watched("shop.Pay", [heard])
    @tenacity.retry(**OPTIONS, before_sleep=lambda state: theirs.append("slept"))
    def pay() -> str:
        return flaky()

    try:
        assert pay() == "ok"
    except ConnectionError:
        assert failures == 9

    assert heard.told() == [("shop.Pay", disposition, reasons)]
    assert len(theirs) == len(reasons) - 1
    assert heard.events[1].policy.retry.max_attempts == 3
    assert [each.backoff_s for each in heard.only().attempts[:-1]] == [0.001] * (len(reasons) - 1)


def test_what_the_function_s_own_rule_does_not_retry_is_final(heard: Any) -> None:
    flaky = Flaky(1, ValueError)

    @watched("shop.Pay", [heard])
    @tenacity.retry(**OPTIONS, retry=tenacity.retry_if_exception_type(OSError))
    def pay() -> str:
        return flaky()

    with pytest.raises(ValueError, match=r"^$"):
        pay()

    assert heard.told() == [("shop.Pay", "terminal", ["non_retryable_error"])]


def test_a_value_that_is_rejected_is_a_failed_attempt(heard: Any) -> None:
    values = iter([None, "ok"])

    @watched("shop.Pay", [heard])
    @tenacity.retry(retry=tenacity.retry_if_result(lambda value: value is None))
    def pay() -> Any:
        return next(values)

    assert pay() == "ok"
    assert heard.told() == [("shop.Pay", "success", ["result_rejected", "success"])]
    assert heard.events[1].policy.retry.max_attempts == 10


def test_an_interrupt_is_told_and_passes(heard: Any) -> None:
    @watched("shop.Pay", [heard])
    @tenacity.retry(**OPTIONS)
    def pay() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pay()

    assert heard.only().disposition == "interrupted"


def test_the_function_underneath_is_not_changed(heard: Any) -> None:
    flaky = Flaky(1)

    @tenacity.retry(**OPTIONS)
    def pay() -> str:
        return flaky()

    told = watched("shop.Pay", [heard])(pay)
    assert pay() == "ok"
    assert heard.events == []
    assert told.__name__ == "pay"


@pytest.mark.anyio
async def test_coroutines_and_their_own_hooks_are_told_too(heard: Any) -> None:
    flaky = Flaky(1)
    theirs: list[str] = []

    async def slept(state: Any) -> None:
        theirs.append("slept")

    @watched("shop.Pay", [heard])
    @tenacity.retry(**OPTIONS, before_sleep=slept)
    async def pay() -> str:
        return flaky()

    assert await pay() == "ok"
    assert heard.told() == [("shop.Pay", "success", ["retryable_error", "success"])]
    assert theirs == ["slept"]


@pytest.mark.anyio
async def test_a_cancelled_coroutine_is_told_as_cancelled(heard: Any) -> None:
    @watched("shop.Pay", [heard])
    @tenacity.retry(**OPTIONS)
    async def pay() -> None:
        await asyncio.Event().wait()

    task = asyncio.ensure_future(pay())
    await asyncio.get_running_loop().run_in_executor(None, int)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert heard.only().disposition == "cancelled"


def test_hooks_outside_of_a_watched_call_tell_nothing(heard: Any) -> None:
    from recourse.integrations import watch_tenacity

    for name in ("_before", "_after", "_before_sleep"):
        getattr(watch_tenacity, name)(None)

    assert heard.events == []
