import contextvars
import math
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from recourse import Executor, Policy, PolicyError, RetryPolicy, current_attempt, deadline
from recourse.attempt import PlannedAttempt
from recourse.clock import Clock
from recourse.context import AMBIENT, Ambient, Deadline, Overrides
from recourse.errors import DeadlineExceeded
from recourse.testing import VirtualClock, disable, instant, limit_attempts

KEY = "svc.Op"


def limit_s(clock: VirtualClock) -> float | None:
    ambient = AMBIENT.get()
    return None if ambient is None else ambient.limit_s(clock)


@pytest.mark.parametrize("seconds", [2, 2.0, timedelta(seconds=2)])
def test_a_deadline_is_a_time_from_now_in_seconds_or_as_a_timedelta(seconds: Any) -> None:
    clock = VirtualClock()
    clock.advance(5.0)

    with deadline(seconds, clock=clock):
        inside = limit_s(clock)

    assert inside == 7.0
    assert AMBIENT.get() is None


@pytest.mark.parametrize("seconds", ["2", None, True, math.nan, math.inf])
def test_a_deadline_needs_a_duration(seconds: Any) -> None:
    with pytest.raises(PolicyError, match="deadline"), deadline(seconds):
        pass


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_left_means_that_calls_are_refused(seconds: float) -> None:
    clock = VirtualClock()
    executor = Executor([Policy(KEY)], clock=clock)

    with deadline(seconds, clock=clock), pytest.raises(DeadlineExceeded):
        executor.call(KEY, str)


def test_an_inner_deadline_never_extends_an_outer_one() -> None:
    clock = VirtualClock()

    with deadline(2.0, clock=clock):
        with deadline(5.0, clock=clock):
            longer = limit_s(clock)
        with deadline(1.0, clock=clock):
            shorter = limit_s(clock)
        after = limit_s(clock)

    assert (longer, shorter, after) == (2.0, 1.0, 2.0)


def test_a_deadline_on_another_clock_leaves_as_much_time() -> None:
    theirs, ours = VirtualClock(), VirtualClock()
    theirs.advance(100.0)

    with deadline(2.0, clock=theirs):
        theirs.advance(0.5)
        taken_over = limit_s(ours)
        theirs.advance(1.0)
        later = limit_s(ours)

    assert taken_over == later == 1.5


def test_a_deadline_of_the_system_clock_bounds_calls_on_a_virtual_one() -> None:
    clock = VirtualClock()
    executor = Executor([Policy(KEY)], clock=clock)
    left: list[float | None] = []

    def operation() -> None:
        info = current_attempt()
        assert info is not None
        left.append(info.remaining_s())

    with deadline(3600.0):
        executor.call(KEY, operation)

    assert left == [pytest.approx(3600.0, abs=20.0)]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (nullcontext, [False, False, True]),
        (lambda: limit_attempts(2), [False, True]),
        (lambda: limit_attempts(9), [False, False, True]),
        (disable, [True]),
        (instant, [False, False, True]),
    ],
    ids=["plain", "two", "nine", "disabled", "instant"],
)
def test_an_attempt_knows_that_it_is_the_last(block: Callable[[], Any], expected: Any) -> None:
    executor = Executor([Policy(KEY, retry=RetryPolicy(max_attempts=3))], clock=VirtualClock())
    seen: list[bool] = []

    def operation() -> None:
        info = current_attempt()
        assert info is not None
        seen.append(info.is_last)
        raise ConnectionError

    with block(), pytest.raises(ConnectionError):
        executor.call(KEY, operation)

    assert seen == expected


def test_a_deadline_is_left_when_its_block_raises() -> None:
    with pytest.raises(ZeroDivisionError), deadline(1.0):
        raise ZeroDivisionError

    assert AMBIENT.get() is None


def test_a_deadline_reaches_no_other_context() -> None:
    clock = VirtualClock()

    with deadline(1.0, clock=clock):
        elsewhere = contextvars.Context().run(limit_s, clock)

    assert elsewhere is None


@pytest.mark.parametrize("block_s", [0.2, 5.0])
def test_r34_a_deadline_inside_an_operation_and_its_attempts_own_limit_both_hold(
    block_s: float,
) -> None:
    clock = VirtualClock()
    retry = RetryPolicy(max_attempts=1, timeout_per_attempt_s=1.0)
    executor = Executor([Policy(KEY, retry=retry)], clock=clock)
    limits: list[float | None] = []

    def operation() -> None:
        with deadline(block_s, clock=clock):
            limits.append(limit_s(clock))

    executor.call(KEY, operation)

    assert limits == [min(block_s, 1.0)]


def test_r34_an_attempts_limit_holds_on_another_clock_too() -> None:
    ours, theirs = VirtualClock(), VirtualClock()
    theirs.advance(100.0)
    retry = RetryPolicy(max_attempts=1, timeout_per_attempt_s=1.0)
    executor = Executor([Policy(KEY, retry=retry)], clock=ours)
    limits: list[float | None] = []

    def operation() -> None:
        ours.advance(0.25)
        limits.extend([limit_s(theirs), limit_s(ours)])

    executor.call(KEY, operation)

    assert limits == [100.75, 1.0]


def test_an_attempt_without_a_limit_sets_none() -> None:
    clock = VirtualClock()
    executor = Executor([Policy(KEY)], clock=clock)
    limits: list[float | None] = []

    executor.call(KEY, lambda: limits.append(limit_s(clock)))

    assert limits == [None]


def test_overrides_add_up_from_block_to_block() -> None:
    def one() -> int:
        return 1

    def two() -> int:
        return 2

    outer = Overrides.over(None, instant=True, scripts={"a": one, "b": one})
    inner = Overrides.over(outer, max_attempts=2, scripts={"b": two})
    innermost = Overrides.over(inner, disabled=True)

    facts: list[tuple[bool, int | None, bool, dict[str, Callable[[], Any]]]] = [
        (each.instant, each.max_attempts, each.disabled, each.scripts)
        for each in (outer, inner, innermost)
    ]
    assert facts == [
        (True, None, False, {"a": one, "b": one}),
        (True, 2, False, {"a": one, "b": two}),
        (True, 2, True, {"a": one, "b": two}),
    ]


def test_a_block_inside_an_operation_knows_what_surrounded_the_call() -> None:
    outer = Overrides(instant=True)
    info = PlannedAttempt(Nowhere(), None, outer=Ambient.inside(None, overrides=outer))

    inside = Ambient.inside(info, deadline=Deadline(1.0, VirtualClock()))

    assert inside.running is info
    assert inside.overrides is outer
    assert inside.capture is None
    assert not inside.only_captures


class Nowhere:
    """The bearings of an attempt of no call."""

    key = KEY
    policy_id = "p"
    max_attempts = 1
    clock: Clock = VirtualClock()

    def new_call_id(self) -> str:
        return "id"


def test_outside_of_any_call_there_is_no_attempt() -> None:
    assert current_attempt() is None
    with deadline(1.0):
        assert current_attempt() is None
