"""Losers of a hedged group: cancelled, accounted for, closed once, and never waited for."""

import asyncio
from typing import Any

import pytest

from recourse import HedgePolicy, RetryPolicy
from recourse.events import (
    AttemptEnd,
    AttemptLate,
    HedgeCancel,
)
from recourse.reasons import CancelReason


class Value:
    """A value that somebody has to close."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class AsyncValue(Value):
    """A value whose closing is awaited."""

    async def aclose(self) -> None:
        await asyncio.sleep(0)  # noqa: TID251  # on the virtual loop
        self.closed += 1


class DisposableValue(Value):
    """A value with a word of its own for it."""

    def dispose(self) -> None:
        self.closed += 100


@pytest.mark.parametrize("kind", [Value, AsyncValue, DisposableValue])
def test_r51_a_winner_does_not_wait_for_a_loser_whose_value_is_closed_once_when_it_comes(
    hedged: Any, kind: type[Value]
) -> None:
    loser, winner = kind("loser"), kind("winner")
    runs = hedged.side.in_turn(hedged.side.stubborn(5.0, loser), hedged.side.stubborn(1.0, winner))

    told = hedged(runs, settle_s=20.0)

    assert (told.value, told.took_s) == (winner, 1.5)
    closed = 100 if kind is DisposableValue else 0 if kind is AsyncValue else 1
    if kind is AsyncValue:
        closed = 1
    assert (winner.closed, loser.closed) == (0, closed)
    assert [(late.attempt, late.hedge_index, late.succeeded) for late in told.of(AttemptLate)] == [
        (0, 0, True)
    ]
    assert told.complaints == ()


@pytest.mark.parametrize("kind", [Value, AsyncValue])
def test_r51_a_loser_that_finished_in_the_same_moment_is_closed_once(
    hedged: Any, kind: type[Value]
) -> None:
    primary, hedge = kind("primary"), kind("hedge")

    told = hedged([(1.5, primary), (1.0, hedge)], settle_s=1.0)

    assert told.value is primary
    assert (primary.closed, hedge.closed) == (0, 1)
    assert [event.hedge_index for event in told.of(AttemptLate)] == [1]


def test_r51_a_loser_that_gives_the_winners_own_object_leaves_it_open(hedged: Any) -> None:
    shared = Value("shared")
    runs = hedged.side.in_turn(hedged.side.stubborn(5.0, shared), hedged.side.stubborn(1.0, shared))

    told = hedged(runs, settle_s=20.0)

    assert (told.value, shared.closed) == (shared, 0)


class Unclosable(Value):
    def close(self) -> None:
        message = "cannot be closed"
        raise OSError(message)


class AsyncUnclosable(Value):
    async def aclose(self) -> None:
        message = "cannot be closed"
        raise OSError(message)


@pytest.mark.parametrize("late", [Unclosable("late"), AsyncUnclosable("late"), "plain", None])
def test_r51_nobody_hears_of_a_late_value_that_cannot_be_closed(hedged: Any, late: Any) -> None:
    runs = hedged.side.in_turn(hedged.side.stubborn(5.0, late), hedged.side.stubborn(1.0, "won"))

    told = hedged(runs, settle_s=20.0)

    assert (told.value, told.complaints) == ("won", ())
    assert [event.succeeded for event in told.of(AttemptLate)] == [True]


def test_r51_a_losers_late_error_is_observed_and_told(hedged: Any) -> None:
    def failing() -> Any:
        yield from hedged.side.stubborn(5.0, None)()
        raise ConnectionResetError

    runs = hedged.side.in_turn(failing, hedged.side.stubborn(1.0, "won"))

    told = hedged(runs, settle_s=20.0)

    late = told.of(AttemptLate)
    assert [(event.succeeded, event.error_type, event.late) for event in late] == [
        (False, "ConnectionResetError", True)
    ]
    assert told.complaints == ()


def test_r52_a_loser_has_one_hedge_cancel_and_is_in_the_timeline_as_cancelled(
    hedged: Any,
) -> None:
    told = hedged(
        [(5.0, "slow"), (5.0, "slow"), (1.0, "won")],
        hedge=HedgePolicy(hedge_delay_s=0.5, max_hedges=3),
        settle_s=9.0,
    )

    cancels = told.of(HedgeCancel)
    assert [(event.hedge_index, event.reason, event.is_hedge) for event in cancels] == [
        (0, CancelReason.WINNER_SUCCESS, False),
        (1, CancelReason.WINNER_SUCCESS, True),
        (3, CancelReason.WINNER_SUCCESS, True),
    ]
    assert [event.hedge_index for event in told.of(AttemptEnd)] == [2]
    assert told.outcomes == [
        (0, 0, "cancelled", "hedge_lost"),
        (0, 1, "cancelled", "hedge_lost"),
        (0, 2, "success", "success"),
        (0, 3, "cancelled", "hedge_lost"),
    ]


def test_r52_at_the_deadline_every_run_is_cancelled_for_it(hedged: Any) -> None:
    bounded = RetryPolicy(max_attempts=1, overall_timeout_s=1.0)

    told = hedged([(5.0, "slow")], retry=bounded, settle_s=9.0)

    assert type(told.error).__name__ == "DeadlineExceeded"
    assert [(event.hedge_index, event.reason) for event in told.of(HedgeCancel)] == [
        (1, CancelReason.DEADLINE_EXCEEDED)
    ]
    assert [event.hedge_index for event in told.of(AttemptEnd)] == [0]
    assert told.took_s == 1.0


def test_r52_a_cancelled_caller_cancels_every_run(async_side: Any) -> None:
    executor = async_side.executor(hedge=HedgePolicy(hedge_delay_s=0.5))
    operation = async_side.operation([(5.0, "slow")])

    async def main() -> None:
        task = asyncio.ensure_future(executor.acall("svc.Op", operation))
        asyncio.get_running_loop().call_later(1.0, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    async_side.clock.run(main())

    cancels = [event for event in async_side.heard.events if isinstance(event, HedgeCancel)]
    assert [(event.hedge_index, event.reason) for event in cancels] == [
        (0, CancelReason.CALLER_CANCELLED),
        (1, CancelReason.CALLER_CANCELLED),
    ]
    assert async_side.clock.monotonic_s() == 1.0
