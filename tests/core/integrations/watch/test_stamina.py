# mypy: disable-error-code="untyped-decorator"
# Peers are never looked into, so their decorators have no types here.

from collections.abc import Iterator
from typing import Any

import pytest
import stamina
import stamina.instrumentation

from recourse.integrations.watch_stamina import watched

FAST: dict[str, Any] = {
    "on": ConnectionError,
    "attempts": 3,
    "wait_initial": 0.001,
    "wait_jitter": 0,
}


@pytest.fixture(autouse=True)
def other_hooks() -> Iterator[list[int]]:
    """A hook of the application's own, which must be called as before."""
    retries: list[int] = []
    stamina.instrumentation.set_on_retry_hooks([lambda details: retries.append(details.retry_num)])
    yield retries
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.mark.parametrize(
    ("failures", "disposition", "reasons"),
    [
        (0, "success", ["success"]),
        (2, "success", ["retryable_error", "retryable_error", "success"]),
        (9, "exhausted", ["retryable_error"] * 3),
    ],
)
def test_three_attempts_are_told_although_stamina_tells_of_two_retries(
    heard: Any, other_hooks: list[int], failures: int, disposition: str, reasons: list[str]
) -> None:
    left = [failures]

    @watched("shop.Pay", [heard], max_attempts=3)
    @stamina.retry(**FAST)
    def pay() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise ConnectionError
        return "ok"

    try:
        assert pay() == "ok"
    except ConnectionError:
        assert failures == 9

    assert heard.told() == [("shop.Pay", disposition, reasons)]
    assert other_hooks == list(range(1, len(reasons)))
    timeline = heard.only()
    assert all(each.waited_before_s >= 0.001 for each in timeline.attempts[1:])
    assert all(each.backoff_s >= 0.001 for each in timeline.attempts[:-1])


@pytest.mark.anyio
async def test_coroutines_are_told_too_and_unwatched_functions_are_not(heard: Any) -> None:
    left = [1, 1]

    @watched("shop.Pay", [heard])
    @stamina.retry(**FAST)
    async def pay() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise ConnectionError
        return "ok"

    @stamina.retry(**FAST)
    async def look() -> str:
        left[1] -= 1
        if left[1] >= 0:
            raise ConnectionError
        return "ok"

    assert (await pay(), await look()) == ("ok", "ok")
    assert heard.told() == [("shop.Pay", "success", ["retryable_error", "success"])]


def test_the_hook_is_set_once() -> None:
    for _ in range(2):
        watched("shop.Pay")(stamina.retry(on=ValueError)(print))

    assert len(stamina.instrumentation.get_on_retry_hooks()) == 2
