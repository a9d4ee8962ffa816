"""Who listens changes nothing: the same operations under every kind of observation."""

import asyncio
import concurrent.futures
import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final

import pytest
from hypothesis import given, settings, strategies as st

from recourse import (
    BudgetRef,
    ByResult,
    CircuitPolicy,
    Event,
    Executor,
    HedgePolicy,
    Policy,
    RetryPolicy,
    RetryRatio,
    TokenBucket,
    current_attempt,
    record_timeline,
)
from recourse.context import TAPS
from recourse.testing import VirtualClock, http

KEY: Final = "svc.Op"
PLAIN: Final = object()


class Awaitable:
    """A value that ``call`` must refuse and ``acall`` awaits."""

    def __await__(self) -> Iterator[Any]:
        return iter(())


class Quiet:
    def on_event(self, event: Event) -> None:
        pass


class Around(Quiet):
    @contextmanager
    def attempt_scope(self, event: Any) -> Iterator[None]:
        yield


class Raising:
    """Raises wherever it is asked for anything."""

    def on_event(self, event: Event) -> None:
        raise ZeroDivisionError

    def attempt_scope(self, event: Any) -> AbstractContextManager[None]:
        raise ZeroDivisionError


class RaisingLater(Quiet):
    @contextmanager
    def attempt_scope(self, event: Any) -> Iterator[None]:
        yield
        raise ZeroDivisionError


@contextmanager
def tapped_and_captured() -> Iterator[None]:
    with TAPS.added(Raising()), record_timeline():
        yield


WATCHED: Final[dict[str, tuple[tuple[Any, ...], Callable[[], AbstractContextManager[Any]]]]] = {
    "nobody": ((), ExitStack),
    "noop": ((Quiet(),), ExitStack),
    "capture": ((), record_timeline),
    "nested capture": ((), lambda: record_timeline(nested=True)),
    "three": ((Quiet(), Around(), Quiet()), ExitStack),
    "raising": ((Raising(), RaisingLater()), ExitStack),
    "tap": ((), lambda: TAPS.added(Quiet())),
    "raising tap and capture": ((), tapped_and_captured),
}


POLICIES: Final[dict[str, dict[str, Any]]] = {
    "plain": {"retry": RetryPolicy()},
    "once": {"retry": RetryPolicy(max_attempts=1)},
    "breaker": {"retry": RetryPolicy(max_attempts=2), "circuit": CircuitPolicy(threshold=3)},
    "touchy breaker": {"retry": RetryPolicy(max_attempts=1), "circuit": CircuitPolicy(threshold=2)},
    "rate breaker": {
        "retry": RetryPolicy(max_attempts=2),
        "circuit": CircuitPolicy(kind="failure_rate", min_calls=3, window_calls=5),
    },
    "bucket": {"retry": RetryPolicy(budget=BudgetRef("bucket"))},
    "ratio": {"retry": RetryPolicy(budget=BudgetRef("ratio"))},
    "missing budget": {"retry": RetryPolicy(budget=BudgetRef("none"))},
    "timeouts": {"retry": RetryPolicy(timeout_per_attempt_s=0.5, overall_timeout_s=0.9)},
    "values": {"retry": RetryPolicy(classifier="values"), "circuit": CircuitPolicy(threshold=3)},
    "hedged": {"retry": RetryPolicy(max_attempts=2), "hedge": HedgePolicy(hedge_delay_s=0.1)},
}

RAISED: Final[tuple[Callable[[], BaseException], ...]] = (
    OSError,
    TimeoutError,
    lambda: http(404),
    lambda: http(503, retry_after_s=1.0),
    lambda: http(503, retry_after_s=1000.0),
    concurrent.futures.CancelledError,
    asyncio.CancelledError,
    KeyboardInterrupt,
    lambda: ExceptionGroup("two", [OSError(), ValueError()]),
)
VALUES: Final[tuple[Any, ...]] = (None, 0, "", [], PLAIN, Awaitable, NotImplemented)

STEP = st.one_of(
    st.tuples(st.just("value"), st.sampled_from(range(len(VALUES)))),
    st.tuples(st.just("raise"), st.sampled_from(range(len(RAISED)))),
    st.tuples(st.just("nested"), st.sampled_from(range(len(RAISED)))),
    st.tuples(st.just("late"), st.sampled_from([0, 1])),
    st.tuples(st.just("wrong colour"), st.just(0)),
)
CALLS = st.lists(st.lists(STEP, min_size=1, max_size=4), min_size=1, max_size=5)


class World:
    """One executor and the operations of a script; gives all that a caller can notice."""

    def __init__(self, policy: str, errors: str, observers: tuple[Any, ...], verb: str) -> None:
        self.clock = VirtualClock()
        self.dice = random.Random(11)  # noqa: S311  # no secret
        self.budgets: dict[str, Any] = {
            "bucket": TokenBucket(2, 0.1),
            "ratio": RetryRatio(0.5, 0.1),
        }
        self.executor = Executor(
            [Policy(KEY, **POLICIES[policy])],
            observers=observers,
            clock=self.clock,
            random=self.dice,
            errors=errors,
            budgets=self.budgets,
            classifiers={"values": ByResult(lambda value: value is None)},
        )
        self.is_async = verb == "acall"
        self.raised: dict[int, BaseException] = {}
        self.runs = 0
        self.seen: list[Any] = []

    def error(self, kind: int) -> BaseException:
        return self.raised.setdefault(kind, RAISED[kind]())

    def notice(self) -> None:
        self.runs += 1
        info = current_attempt()
        assert info is not None
        self.seen.append((info.key, info.attempt, info.hedge_index, info.deadline))

    def play(self, steps: list[tuple[str, int]]) -> Any:
        left = list(steps)

        def operation() -> Any:
            self.notice()
            step, which = left.pop(0) if len(left) > 1 else left[0]
            match step:
                case "value":
                    return VALUES[which]() if VALUES[which] is Awaitable else VALUES[which]
                case "raise":
                    raise self.error(which)
                case "nested":
                    self.nested(which)
                    return PLAIN
                case "late":
                    self.clock.advance(0.7)
                    return PLAIN if which else None
                case _:
                    return _colourless()

        return operation

    def nested(self, which: int) -> None:
        def failing() -> None:
            raise self.error(which)

        try:
            self.executor.call(KEY, failing)
        except BaseException as error:  # noqa: BLE001  # seen, and swallowed
            self.seen.append(self.named(error))

    def aplay(self, steps: list[tuple[str, int]]) -> Any:
        operation = self.play(steps)

        async def aoperation() -> Any:
            return operation()

        def plain() -> Any:
            self.notice()
            return 7

        return plain if steps[0][0] == "wrong colour" else aoperation

    def named(self, error: BaseException) -> Any:
        """An error by identity where it is ours to know, else by type and text."""
        for kind, known in self.raised.items():
            if error is known:
                return ("raised", kind)
        return (type(error), str(error), type(error.__cause__), type(error.__context__))

    def call(self, steps: list[tuple[str, int]]) -> Any:
        try:
            return ("value", shown(self.executor.call(KEY, self.play(steps))))
        except BaseException as error:  # noqa: BLE001  # compared
            return self.named(error)

    async def acall(self, steps: list[tuple[str, int]]) -> Any:
        try:
            return ("value", shown(await self.executor.acall(KEY, self.aplay(steps))))
        except BaseException as error:  # noqa: BLE001  # compared
            return self.named(error)

    async def acalls(self, calls: list[list[tuple[str, int]]]) -> list[Any]:
        return [await self.acall(steps) for steps in calls]

    def everything(self, calls: list[list[tuple[str, int]]]) -> tuple[Any, ...]:
        if self.is_async:
            results = self.clock.run(self.acalls(calls))
        else:
            results = [self.call(steps) for steps in calls]
        return (
            results,
            self.runs,
            self.seen,
            self.clock.sleeps,
            self.clock.monotonic_s(),
            [
                repr(breaker)
                for breaker in map(self.executor.circuits.__getitem__, self.executor.circuits)
            ],
            {name: repr(budget) for name, budget in self.budgets.items()},
            self.dice.random(),
        )


async def _never() -> None:
    raise AssertionError


def _colourless() -> Any:
    return _never()


def shown(value: Any) -> Any:
    if inspect.iscoroutine(value):
        value.close()
    return type(value) if inspect.isawaitable(value) else value


@pytest.mark.parametrize("verb", ["call", "acall"])
@pytest.mark.slow
@given(
    policy=st.sampled_from(sorted(POLICIES)),
    errors=st.sampled_from(["last", "wrap"]),
    calls=CALLS,
)
@settings(max_examples=40)
def test_r74_the_same_happens_whoever_listens(
    verb: str, policy: str, errors: str, calls: list[list[tuple[str, int]]]
) -> None:
    told = {}

    for name, (observers, block) in WATCHED.items():
        world = World(policy, errors, observers, verb)
        with block():
            told[name] = world.everything(calls)

    for name, everything in told.items():
        assert (name, everything) == (name, told["nobody"])


@pytest.mark.parametrize("verb", ["call", "acall"])
@pytest.mark.parametrize("name", WATCHED)
@pytest.mark.parametrize("policy", ["plain", "breaker"])
def test_r74_a_value_is_passed_on_as_it_is(verb: str, name: str, policy: str) -> None:
    observers, block = WATCHED[name]
    world = World(policy, "last", observers, verb)

    with block():
        results = world.everything([[("value", index)] for index in (0, 1, 2, 3, 4, 6)])[0]

    assert [value for _, value in results] == [None, 0, "", [], PLAIN, NotImplemented]


@pytest.mark.parametrize("verb", ["call", "acall"])
@pytest.mark.parametrize("name", WATCHED)
@pytest.mark.parametrize("policy", ["plain", "breaker"])
def test_r74_a_key_that_is_known_is_retried_as_one_that_is_new(
    verb: str, name: str, policy: str
) -> None:
    observers, block = WATCHED[name]
    world = World(policy, "last", observers, verb)

    with block():
        results, runs, seen = world.everything(
            [[("value", 4)], [("raise", 0), ("value", 4)], [("value", 4)]]
        )[:3]

    assert results == [("value", PLAIN)] * 3
    assert (runs, [attempt for _, attempt, _, _ in seen]) == (4, [0, 0, 1, 0])


@pytest.mark.parametrize("verb", ["call", "acall"])
@pytest.mark.parametrize("name", WATCHED)
def test_r74_a_success_counts_though_its_breaker_was_calm_when_it_began(
    verb: str, name: str
) -> None:
    observers, block = WATCHED[name]
    world = World("touchy breaker", "last", observers, verb)

    with block():
        world.everything([[("value", 0)], [("nested", 0)]])

    assert "'failures': 0" in repr(world.executor.circuits[KEY])
