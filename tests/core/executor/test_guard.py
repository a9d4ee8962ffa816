"""Guarded functions, and operations of the wrong colour."""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import pytest

from recourse import Executor, Policy, PolicyError, PolicyKey, RetryPolicy
from recourse.policy.model import Jitter
from recourse.reasons import Disposition
from recourse.testing import VirtualClock

KEY: Final = "svc.Op"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def executor(clock: VirtualClock) -> Executor:
    return Executor([Policy(KEY, retry=RetryPolicy(jitter=Jitter.NONE))], clock=clock)


class Failing:
    """Fails at its first use."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> None:
        self.runs += 1
        if self.runs == 1:
            raise OSError


def test_a_guarded_function_keeps_its_name_signature_and_text(executor: Executor) -> None:
    failing = Failing()

    @executor.guard(KEY)
    def charge(order: int, *, twice: bool = False) -> str:
        """Charge an order."""
        failing()
        return f"{order} {twice}"

    assert charge(7, twice=True) == "7 True"
    assert failing.runs == 2
    assert charge.__name__ == "charge"
    assert charge.__doc__ == "Charge an order."
    assert str(inspect.signature(charge)) == "(order: int, *, twice: bool = False) -> str"


def test_a_guarded_coroutine_function_stays_one(executor: Executor, clock: VirtualClock) -> None:
    failing = Failing()

    @executor.guard(KEY)
    async def charge(order: int) -> int:
        failing()
        return order

    assert inspect.iscoroutinefunction(charge)
    assert clock.run(charge(7)) == 7
    assert failing.runs == 2


def test_guarded_generators_are_streams(executor: Executor, clock: VirtualClock) -> None:
    failing = Failing()

    @executor.guard(KEY)
    def rows(count: int) -> Iterator[int]:
        failing()
        yield from range(count)

    @executor.guard(KEY)
    async def arows(count: int) -> AsyncIterator[int]:
        failing()
        for number in range(count):
            yield number

    async def main() -> list[int]:
        return [row async for row in arows(3)]

    sync = list(rows(3))
    failing.runs = 0

    assert sync == clock.run(main()) == [0, 1, 2]


def test_methods_are_guarded_with_their_object(executor: Executor, clock: VirtualClock) -> None:
    failing = Failing()

    class Shop:
        name = "shop"

        @executor.guard(KEY)
        def sell(self, what: str) -> str:
            failing()
            return f"{self.name} sells {what}"

        @executor.guard(KEY)
        async def ship(self, what: str) -> str:
            return f"{self.name} ships {what}"

        @classmethod
        @executor.guard(KEY)
        def open(cls) -> str:
            return f"{cls.__name__} opens"

        @staticmethod
        @executor.guard(KEY)
        def close() -> str:
            return "closes"

    shop = Shop()

    assert shop.sell("tea") == "shop sells tea"
    assert clock.run(shop.ship("tea")) == "shop ships tea"
    assert (Shop.open(), shop.open(), Shop.close()) == ("Shop opens", "Shop opens", "closes")


def test_r26_what_a_callable_object_runs_says_how_it_is_guarded(
    executor: Executor, clock: VirtualClock
) -> None:
    class Ship:
        async def __call__(self, what: str) -> str:
            return f"ships {what}"

    class Rows:
        def __call__(self, count: int) -> Iterator[int]:
            yield from range(count)

    ship, prepared = (
        executor.guard(KEY)(Ship()),
        executor.guard(KEY)(functools.partial(Ship(), "tea")),
    )

    assert inspect.iscoroutinefunction(ship)
    assert (clock.run(ship("tea")), clock.run(prepared())) == ("ships tea", "ships tea")
    assert list(executor.guard(KEY)(Rows())(2)) == [0, 1]


@pytest.mark.parametrize("function", [staticmethod(str), classmethod(str), int, 7, None], ids=str)
def test_guard_needs_a_function(executor: Executor, function: Any) -> None:
    with pytest.raises(TypeError, match=r"guard\('svc.Op'\) needs a function"):
        executor.guard(KEY)(function)


def test_guard_looks_at_its_key_at_once(executor: Executor) -> None:
    with pytest.raises(PolicyError, match="key '' is not allowed"):
        executor.guard("")(str.upper)

    assert executor.guard(PolicyKey(KEY))(str.upper)("done") == "DONE"


def generating() -> Iterator[int]:
    yield 1


async def agenerating() -> AsyncIterator[int]:
    yield 1


async def coroutine() -> int:
    return 1


class Calling:
    """A callable object around one of these."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    async def __call__(self) -> str:
        return self.kind


class Generating:
    def __call__(self) -> Iterator[int]:
        yield 1


WRONG_FOR_CALL: Final[list[tuple[Any, str]]] = [
    (generating, r"call\(\) got a generator function; use stream\(\)"),
    (Generating(), r"call\(\) got a generator function; use stream\(\)"),
    (functools.partial(generating), r"call\(\) got a generator function; use stream\(\)"),
    (agenerating, r"call\(\) got an async generator function; use astream\(\)"),
    (coroutine, r"call\(\) got a coroutine function; use acall\(\)"),
    (functools.partial(functools.partial(coroutine)), "got a coroutine function"),
    (Calling("x"), r"call\(\) got a coroutine function; use acall\(\)"),
    (7, r"call\(\) needs a callable operation, not int"),
]
WRONG_FOR_ACALL: Final[list[tuple[Any, str]]] = [
    (generating, r"acall\(\) got a generator function; use stream\(\)"),
    (agenerating, r"acall\(\) got an async generator function; use astream\(\)"),
    (functools.partial(agenerating), r"acall\(\) got an async generator function"),
    (None, r"acall\(\) needs a callable operation, not NoneType"),
]


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("operation", "message"), WRONG_FOR_CALL)
def test_r26_the_wrong_colour_is_refused_before_any_run(
    executor: Executor, operation: Any, message: str, *, warm: bool
) -> None:
    if warm:
        executor.call(KEY, str)

    with pytest.raises(TypeError, match=message):
        executor.call(KEY, operation)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("operation", "message"), WRONG_FOR_ACALL)
def test_r26_so_it_is_by_acall(
    executor: Executor, clock: VirtualClock, operation: Any, message: str, *, warm: bool
) -> None:
    if warm:
        executor.call(KEY, str)

    with pytest.raises(TypeError, match=message):
        clock.run(executor.acall(KEY, operation))


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (coroutine, r"stream\(\) got a coroutine function; use acall\(\)"),
        (7, r"stream\(\) needs a callable operation, not int"),
    ],
)
def test_r26_so_it_is_by_streams(executor: Executor, operation: Any, message: str) -> None:
    for verb in (executor.stream, executor.astream):
        with pytest.raises(TypeError, match=message):
            verb(KEY, operation)


class OwnAwaitable:
    closed = False

    def __await__(self) -> Iterator[Any]:
        return iter(())


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("make", [coroutine, OwnAwaitable], ids=["coroutine", "awaitable"])
def test_r26_an_operation_that_gives_an_awaitable_is_not_repeated(
    both: Any, make: Callable[[], Any], *, warm: bool
) -> None:
    if both.is_async:
        return
    executor = both.executor()
    given: list[Any] = []

    def operation() -> Any:
        given.append(make())
        return given[-1]

    if warm:
        executor.call(KEY, str)
    with pytest.raises(TypeError, match=r"returned an awaitable; use acall\(\)"):
        executor.call(KEY, operation)

    assert len(given) == 1
    if inspect.iscoroutine(given[0]):
        assert inspect.getcoroutinestate(given[0]) == inspect.CORO_CLOSED
    assert both.heard.events[-1].disposition is Disposition.ABORTED


@pytest.mark.parametrize("heard", [False, True])
def test_r26_an_operation_of_acall_that_gives_a_plain_value_is_not_repeated(
    async_side: Any, *, heard: bool
) -> None:
    observers = [async_side.heard] if heard else []
    executor = Executor([Policy(KEY)], clock=async_side.clock, observers=observers)
    runs: list[int] = []

    def operation() -> Any:
        runs.append(1)
        return 7

    for _ in range(2):
        with pytest.raises(TypeError, match=r"returned a plain value; use call\(\)"):
            async_side.clock.run(executor.acall(KEY, operation))

    assert len(runs) == 2


def test_r26_partials_and_callable_objects_are_awaited(
    executor: Executor, clock: VirtualClock
) -> None:
    async def both_of(first: int, second: int) -> int:
        return first + second

    def indirect() -> Awaitable[int]:
        return coroutine()

    async def main() -> list[Any]:
        return [
            await executor.acall(KEY, functools.partial(both_of, 1), 2),
            await executor.acall(KEY, Calling("object")),
            await executor.acall(KEY, indirect),
        ]

    assert clock.run(main()) == [3, "object", 1]


def test_a_callable_whose_instance_has_a_call_is_what_its_class_says(executor: Executor) -> None:
    class Sync:
        def __call__(self) -> str:
            return "of the class"

    instance: Any = Sync()
    instance.__call__ = coroutine

    assert executor.call(KEY, instance) == "of the class"


def test_builtins_have_no_code_and_are_called_all_the_same(executor: Executor) -> None:
    assert [executor.call(KEY, len, "four") for _ in range(2)] == [4, 4]
