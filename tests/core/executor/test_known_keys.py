"""Keys whose policy is known: their calls go a shorter way, and come to what the first one came to."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from recourse import (
    AttemptTimeout,
    BudgetRef,
    ByResult,
    CircuitPolicy,
    Event,
    Executor,
    GrpcThrottle,
    HedgePolicy,
    Policy,
    PolicyError,
    PolicyKey,
    RetryPolicy,
    current_attempt,
    deadline,
    timeline_of,
)
from recourse.policy.model import Jitter
from recourse.testing import http, limit_attempts

TWO: Final = RetryPolicy(max_attempts=2, jitter=Jitter.NONE)
LIMITED: Final = RetryPolicy(max_attempts=2, jitter=Jitter.NONE, timeout_per_attempt_s=1.0)
IN_ALL: Final = RetryPolicy(max_attempts=2, jitter=Jitter.NONE, overall_timeout_s=1.5)
FED: Final = RetryPolicy(max_attempts=2, jitter=Jitter.NONE, budget=BudgetRef("b"))

MOMENTS: Final = {"at_s", "started_s", "ended_s", "deadline_s"}


def noting() -> Any:
    """An operation that takes a second, notes facts, and gives a value."""
    attempt = current_attempt()
    assert attempt is not None
    attempt.annotate(peer="a", status=200)
    yield 1.0
    return "done"


def noting_and_failing() -> Any:
    """Likewise, and fails."""
    yield from noting()
    raise http(404)


CALLS: Final[dict[str, tuple[Callable[[], Any] | Sequence[Any], dict[str, Any]]]] = {
    "success": (noting, {}),
    "failure": (noting_and_failing, {}),
    "success under a breaker": (["done"], {"circuit": CircuitPolicy()}),
    "retry": ([OSError, (1.0, "done")], {}),
    "retry under a breaker": ([OSError, "done"], {"circuit": CircuitPolicy()}),
    "exhausted": ([OSError], {"retry": TWO, "circuit": CircuitPolicy(threshold=9)}),
    "rejected": (["bad"], {"retry": TWO}),
    "rejected at first": (["bad", "good"], {"retry": TWO}),
    "late": ([(2.0, "late"), "done"], {"retry": LIMITED}),
    "late in all": ([(1.0, OSError), (2.0, "late")], {"retry": IN_ALL}),
    "limited in a thread": ([(2.0, "late"), "done"], {"retry": LIMITED, "sync_timeout": "thread"}),
    "hedged": (
        [(5.0, "slow"), (1.0, "won")],
        {"hedge": HedgePolicy(hedge_delay_s=0.5), "sync_timeout": "thread"},
    ),
    "fed": (["done"], {"retry": FED}),
}


def budgets() -> dict[str, Any]:
    return {"b": GrpcThrottle(max_tokens=10, token_ratio=0.1)}


def facts(event: Event) -> list[Any]:
    """What an event says, with moments since its call began and errors by type."""
    return [type(event), *(_fact(event, name) for name in event._fields if name != "call")]


def _fact(event: Event, name: str) -> Any:
    value = getattr(event, name)
    if isinstance(value, BaseException):
        return type(value)
    if isinstance(value, float):
        return round(value - (event.call.started_s if name in MOMENTS else 0.0), 6)
    return value


@pytest.mark.parametrize("name", CALLS)
def test_r74_a_call_of_a_known_key_comes_to_what_the_first_one_came_to(
    both: Any, name: str
) -> None:
    steps, options = CALLS[name]
    rejecting = ByResult(lambda value: value == "bad")
    classified = {"classifiers": {"r": rejecting}, "default_classifier": "r"}
    options = {**options, **(classified if name.startswith("rejected") else {})}
    executor = both.executor(budgets=budgets(), **options)

    first, *later = [
        both(list(steps) if isinstance(steps, list) else steps, executor=executor, settle_s=9.0)
        for _ in range(3)
    ]

    for told in later:
        assert [facts(event) for event in told.events] == [facts(event) for event in first.events]
        assert (told.value, type(told.error)) == (first.value, type(first.error))
        assert told.runs == first.runs
        assert told.sleeps == pytest.approx(first.sleeps)
        assert told.took_s == pytest.approx(first.took_s)
        assert told.timeline.shape() == first.timeline.shape()
        assert [each.annotations for each in told.timeline.attempts] == [
            each.annotations for each in first.timeline.attempts
        ]


@pytest.mark.parametrize("heard", [True, False])
def test_arguments_reach_every_attempt_of_every_call(both: Any, *, heard: bool) -> None:
    given: list[tuple[Any, ...]] = []

    def op(*args: int, **kwargs: int) -> int:
        given.append((args, kwargs))
        if len(given) % 2:
            raise OSError
        return sum(args)

    async def aop(*args: int, **kwargs: int) -> int:
        return op(*args, **kwargs)

    observers = [both.heard] if heard else []
    executor = Executor([Policy("svc.Op", retry=TWO)], observers=observers, clock=both.clock)

    def called(*args: int, **kwargs: int) -> int:
        if both.is_async:
            value: int = both.clock.run(executor.acall("svc.Op", aop, *args, **kwargs))
            return value
        return executor.call("svc.Op", op, *args, **kwargs)

    for args, kwargs in (((), {}), ((1, 2), {}), ((1,), {"a": 3}), ((), {"a": 3})):
        assert called(*args, **kwargs) == sum(args)
        assert given[-2:] == [(args, kwargs)] * 2


def test_a_key_may_be_given_as_such_or_as_its_text(both: Any) -> None:
    executor = both.executor()

    told = [both(["done"], executor=executor, key=key) for key in (PolicyKey("svc.Op"), "svc.Op")]

    keys = {(type(event.key), event.key) for each in told for event in each.events}
    assert keys == {(str, "svc.Op")}


@pytest.mark.parametrize("key", ["", None, 7])
def test_what_is_no_key_is_refused_before_anything_runs(both: Any, key: Any) -> None:
    executor = both.executor()

    with pytest.raises(PolicyError, match="key"):
        executor.astream(key, list) if both.is_async else executor.stream(key, list)
    with pytest.raises(PolicyError, match="key"):
        executor.carry(key, str, (), {})


def known(
    both: Any, *, heard: bool, retry: RetryPolicy = TWO, **options: Any
) -> tuple[Executor, Callable[[Any], Any]]:
    """An executor that knows its key, and how to call it with nothing around the call."""
    observers = [both.heard] if heard else []
    policies = [Policy("svc.Op", retry=retry)]
    executor = Executor(policies, observers=observers, clock=both.clock, **options)

    def called(op: Any) -> Any:
        return (
            both.clock.run(executor.acall("svc.Op", op))
            if both.is_async
            else executor.call("svc.Op", op)
        )

    called(both.operation(["known now"]))
    both.heard.events.clear()
    return executor, called


@pytest.mark.parametrize("heard", [True, False])
def test_without_a_limit_every_call_may_take_its_time(both: Any, *, heard: bool) -> None:
    _, called = known(both, heard=heard)

    assert called(both.operation([(3600.0, "done")])) == "done"
    assert both.clock.monotonic_s() == 3600.0


@pytest.mark.parametrize("heard", [True, False])
def test_r24_every_call_of_mode_thread_leaves_at_its_limit(both: Any, *, heard: bool) -> None:
    _, called = known(both, heard=heard, retry=LIMITED, sync_timeout="thread")

    assert called(both.operation([(60.0, "late"), "done"])) == "done"
    assert both.clock.monotonic_s() == 1.05


def test_without_a_capture_all_events_are_told(both: Any) -> None:
    _, called = known(both, heard=True)

    value = called(both.operation(["done"]))

    assert value == "done"
    assert [type(event).__name__ for event in both.heard.events] == [
        "CallStart",
        "PolicyResolved",
        "AttemptStart",
        "AttemptEnd",
        "CallEnd",
    ]


@pytest.mark.parametrize("heard", [True, False])
def test_r34_what_is_around_the_call_holds_for_a_known_key_too(both: Any, *, heard: bool) -> None:
    _, called = known(both, heard=heard)
    until_s = both.clock.monotonic_s() + 0.02  # before the first wait would be over

    with deadline(0.02, clock=both.clock), pytest.raises(OSError, match="first") as caught:
        called(both.operation([OSError("first"), "never"]))

    timeline = timeline_of(caught.value)
    assert timeline is not None
    assert timeline.disposition == "deadline_would_exceed"
    assert both.clock.monotonic_s() < until_s
    with limit_attempts(1), pytest.raises(OSError, match="second"):
        called(both.operation([OSError("second"), "never"]))


@pytest.mark.parametrize("heard", [True, False])
def test_r34_a_call_inside_another_of_a_known_key_knows_its_parent(
    both: Any, *, heard: bool
) -> None:
    _, called = known(both, heard=heard)
    executor, _ = known(both, heard=heard)
    ids: list[str] = []

    def noted() -> None:
        attempt = current_attempt()
        assert attempt is not None
        ids.append(attempt.call_id)

    def op() -> None:
        noted()
        executor.call("svc.Op", failing)

    async def aop() -> None:
        noted()
        await executor.acall("svc.Op", afailing)

    def failing() -> None:
        raise ZeroDivisionError

    async def afailing() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        called(aop if both.is_async else op)

    outer = timeline_of(caught.value)
    assert outer is not None
    parents = {event.parent_call_id for event in both.heard.events}
    assert outer.call_id == ids[-1]
    assert parents == ({None, *ids} if heard else set())


@pytest.mark.parametrize("heard", [True, False])
def test_r26_whatever_can_be_awaited_is(async_side: Any, *, heard: bool) -> None:
    _, called = known(async_side, heard=heard)

    def op() -> asyncio.Future[str]:
        future = asyncio.get_running_loop().create_future()
        future.set_result("done")
        return future

    assert called(op) == "done"


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("first", [(60.0, "late"), (0.5, OSError)])
def test_r20_every_attempt_of_a_known_key_has_its_limit(
    async_side: Any, first: Any, *, heard: bool
) -> None:
    _, called = known(async_side, heard=heard, retry=LIMITED)

    with pytest.raises(AttemptTimeout):
        called(async_side.operation([first, (60.0, "late")]))

    first_s = min(first[0], 1.0)
    assert async_side.clock.monotonic_s() == pytest.approx(first_s + 0.05 + 1.0)


@pytest.mark.parametrize("heard", [True, False])
def test_r70_the_note_on_an_error_says_how_long_its_call_took(both: Any, *, heard: bool) -> None:
    _, called = known(both, heard=heard)
    both.clock.advance(100.0)

    with pytest.raises(OSError, match="gone") as caught:
        called(both.operation([OSError("gone")]))

    assert caught.value.__notes__ == ["recourse: svc.Op exhausted after 2 attempts in 0.050 s"]
