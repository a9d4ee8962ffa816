"""Losers of a hedged group: cancelled, accounted for, closed once, and never waited for."""

import asyncio
import threading
from contextlib import suppress
from typing import Any, Final

import pytest

from recourse import (
    Executor,
    HedgePolicy,
    Outcome,
    OutcomeKind,
    Policy,
    RetryPolicy,
    current_attempt,
    record_timeline,
)
from recourse.events import (
    AttemptEnd,
    AttemptLate,
    AttemptStart,
    CallEnd,
    HedgeCancel,
    HedgeSpawn,
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


def test_r51_of_two_that_give_one_object_in_one_moment_neither_closes_it(hedged: Any) -> None:
    shared = Value("shared")

    told = hedged([(1.5, shared), (1.0, shared)], settle_s=1.0)

    assert (told.value, shared.closed) == (shared, 0)


class Unclosable(Value):
    def close(self) -> None:
        message = "cannot be closed"
        raise OSError(message)


class AsyncUnclosable(Value):
    async def aclose(self) -> None:
        message = "cannot be closed"
        raise OSError(message)


class Answering(Value):
    def close(self) -> bool:  # type: ignore[override]
        return True


@pytest.mark.parametrize(
    "late", [Unclosable("late"), AsyncUnclosable("late"), Answering("late"), "plain", None]
)
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


@pytest.mark.slow
def test_r51_in_real_time_a_loser_that_cannot_be_stopped_delays_nobody() -> None:
    executor = Executor(
        [Policy("svc.Op", hedge=HedgePolicy(hedge_delay_s=0.01))], sync_timeout="thread"
    )
    go, runs = threading.Event(), iter([True, False])

    def operation() -> str:
        if next(runs):
            go.wait(20.0)
            return "loser"
        return "winner"

    assert executor.call("svc.Op", operation) == "winner"
    assert not go.is_set()
    go.set()
    executor.close()


@pytest.mark.slow
def test_r51_in_real_time_a_task_that_ignores_its_cancellation_delays_nobody() -> None:
    executor = Executor([Policy("svc.Op", hedge=HedgePolicy(hedge_delay_s=0.01))])
    runs, ended = iter([True, False]), list[str]()

    async def main() -> str:
        go = asyncio.Event()

        async def operation() -> str:
            if not next(runs):
                return "winner"
            while not go.is_set():
                with suppress(asyncio.CancelledError):
                    await go.wait()
            ended.append("loser")
            return "loser"

        value = await executor.acall("svc.Op", operation)
        assert ended == []
        go.set()
        await executor.aclose()
        return value

    assert asyncio.run(main()) == "winner"
    assert ended == ["loser"]


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
    assert [event.trigger for event in told.of(HedgeSpawn)] == ["fixed_delay"] * 3
    assert [(event.attempts_run, event.hedges) for event in told.of(CallEnd)] == [(4, 3)]
    assert told.outcomes == [
        (0, 0, "cancelled", "hedge_lost"),
        (0, 1, "cancelled", "hedge_lost"),
        (0, 2, "success", "success"),
        (0, 3, "cancelled", "hedge_lost"),
    ]


def test_r52_what_a_loser_noted_is_told_with_its_end(hedged: Any) -> None:
    def noting() -> Any:
        attempt = current_attempt()
        assert attempt is not None
        attempt.annotate(peer=f"host-{attempt.hedge_index}")
        yield 5.0 if attempt.hedge_index == 0 else 1.0
        return "won"

    told = hedged(noting, settle_s=9.0)

    assert [event.annotations for event in told.of(HedgeCancel)] == [{"peer": "host-0"}]


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
    end = async_side.heard.events[-1]
    assert (end.disposition, end.outcome) == (
        "cancelled",
        Outcome(OutcomeKind.CANCELLED, "cancelled"),
    )
    assert isinstance(end.error, asyncio.CancelledError)


# ------------------------------------------------------------------------------ R67
BY_WINNER: Final = [(5.0, "late"), (1.0, "won")]
BY_DEADLINE: Final = [(5.0, "late")]


@pytest.mark.parametrize(
    ("runs", "overall_s", "kinds"),
    [(BY_WINNER, None, ["cancelled", "success"]), (BY_DEADLINE, 1.0, None)],
    ids=["winner", "deadline"],
)
def test_r67_every_run_is_in_the_timeline_and_only_late_events_follow_the_end(
    hedged: Any, runs: Any, overall_s: float | None, kinds: list[str] | None
) -> None:
    retry = RetryPolicy(max_attempts=1, overall_timeout_s=overall_s)

    told = hedged(runs, retry=retry, settle_s=60.0)

    primary = "cancelled" if hedged.side.is_async else "abandoned"
    expected = [(0, 0), (0, 1)]
    assert [(start.attempt, start.hedge_index) for start in told.of(AttemptStart)] == expected
    assert [record[:2] for record in told.outcomes] == expected
    assert [record[2] for record in told.outcomes] == (kinds or [primary, "cancelled"])
    after = told.events[told.names.index("CallEnd") + 1 :]
    assert all(isinstance(event, AttemptLate) and event.late for event in after)


def test_r67_runs_in_flight_of_a_cancelled_call_are_in_the_timeline(async_side: Any) -> None:
    executor = async_side.executor(hedge=HedgePolicy(hedge_delay_s=0.5))
    stubborn = async_side.operation(async_side.stubborn(5.0, "late"))

    async def main() -> Any:
        with record_timeline() as capture:
            task = asyncio.ensure_future(executor.acall("svc.Op", stubborn))
        asyncio.get_running_loop().call_later(0.75, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(60.0)  # noqa: TID251  # on the virtual loop
        return capture.timeline

    timeline = async_side.clock.run(main())

    assert timeline.shape().splitlines()[1:] == [
        "  attempt=0 cancelled reason=cancelled budget=first_attempt",
        "  attempt=0 hedge=1 cancelled reason=cancelled budget=no_budget",
    ]
    names = [type(event).__name__ for event in async_side.heard.events]
    assert names[names.index("CallEnd") :] == ["CallEnd", "AttemptLate", "AttemptLate"]


class Stopping:
    """An observer that stops the process when it hears of one event."""

    def __init__(self, kind: type[Any]) -> None:
        self.kind = kind

    def on_event(self, event: Any) -> None:
        if isinstance(event, self.kind):
            raise KeyboardInterrupt


class LookedUp:
    """A provider that is asked in a thread of its own."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def get(self, key: Any) -> Policy:
        return self.policy


@pytest.mark.parametrize("kind", [HedgeSpawn, HedgeCancel, AttemptEnd])
def test_runs_in_flight_are_let_go_when_an_observer_stops_the_process(
    hedged: Any, kind: type[Any]
) -> None:
    side, values = hedged.side, [Value("primary"), Value("hedge")]
    policy = Policy("svc.Op", hedge=hedged.defaults["hedge"])
    executor = hedged.executor(observers=[Stopping(kind)], provider=LookedUp(policy))
    operation = side.operation(side.in_turn(*(side.stubborn(1.0, each) for each in values)))

    async def amain() -> None:
        with pytest.raises(KeyboardInterrupt):
            await executor.acall("svc.Op", operation)
        await asyncio.sleep(60.0)  # noqa: TID251  # on the virtual loop

    def main() -> None:
        with pytest.raises(KeyboardInterrupt):
            executor.call("svc.Op", operation)
        side.clock.mailbox().take(60.0)

    side.clock.run(amain()) if side.is_async else main()

    late = [event for event in side.heard.events if isinstance(event, AttemptLate)]
    # What the plan has taken for its result is not late.
    taken = int(kind is not HedgeSpawn)
    assert sum(value.closed for value in values) == side.runs - taken
    assert len(late) == side.runs - taken
