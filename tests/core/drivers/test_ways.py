"""Keys that have a short way, and executors that close around it."""

import asyncio
from typing import Any

import pytest

from recourse import Event, Executor, ExecutorClosed, Policy
from recourse.testing import VirtualClock

KEY = "svc.Op"


class Heard:
    def __init__(self) -> None:
        self.names: list[str] = []

    def on_event(self, event: Event) -> None:
        self.names.append(type(event).__name__)


def executor(**options: Any) -> Executor:
    return Executor([Policy(KEY)], clock=VirtualClock(), **options)


async def aok() -> str:
    return "ok"


@pytest.mark.parametrize("observers", [[], [Heard()]])
def test_r77_a_coroutine_made_before_its_executor_closed_begins_no_attempt_after(
    observers: list[Heard],
) -> None:
    governed, runs = executor(observers=observers), list[int]()

    async def op() -> None:
        runs.append(1)

    async def main() -> None:
        await governed.acall(KEY, op)
        late = governed.acall(KEY, op)
        await governed.aclose()
        with pytest.raises(ExecutorClosed):
            await late

    asyncio.run(main())

    assert runs == [1]


def test_r77_a_key_that_gets_its_short_way_while_the_executor_closes_does_not_keep_it() -> None:
    governed = executor()
    governed.call(KEY, str)
    resolver, ways = vars(governed)["_resolver"], vars(governed)["_ways"]
    known = resolver.short.copy()
    governed.close()
    # As if another thread had looked just before.
    resolver.short.update(known)

    begun = ways.carry(KEY, str, (), {})

    assert begun == ""
    assert ways.calls == {}


def test_arguments_in_hand_are_those_of_a_call() -> None:
    governed = executor()

    def op(first: int, *, second: int) -> tuple[int, int]:
        return first, second

    async def aop(first: int, *, second: int) -> tuple[int, int]:
        return first, second

    for _ in range(2):  # the first call of a key goes the long way
        assert governed.carry(KEY, op, (1,), {"second": 2}) == (1, 2)
        assert asyncio.run(governed.acarry(KEY, aop, (1,), {"second": 2})) == (1, 2)
