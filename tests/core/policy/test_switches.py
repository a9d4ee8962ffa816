"""The environment's switches, as calls feel them."""

from collections.abc import Callable
from typing import Any

import pytest

import recourse
from recourse import (
    CircuitPolicy,
    Executor,
    HedgePolicy,
    Policy,
    PolicyError,
    RetryPolicy,
    Timeline,
)
from recourse.testing import VirtualClock

Lost = Callable[[Executor], Timeline]
EVERYTHING = Policy(
    "a.B",
    retry=RetryPolicy(max_attempts=4, jitter="none"),
    hedge=HedgePolicy(hedge_delay_s=0.01),
    circuit=CircuitPolicy(threshold=1),
)


class Seen:
    def __init__(self) -> None:
        self.names: list[str] = []

    def on_event(self, event: Any) -> None:
        self.names.append(type(event).__name__)


def refuse() -> None:
    raise ConnectionRefusedError


async def arefuse() -> None:
    raise ConnectionRefusedError


@pytest.fixture(params=["call", "acall"])
def lost(request: pytest.FixtureRequest) -> Lost:
    """Makes a call that fails, and gives its timeline."""

    def carry_out(executor: Executor) -> None:
        if request.param == "call":
            executor.call("a.B", refuse)
        else:
            executor.clock.run(executor.acall("a.B", arefuse))  # type: ignore[attr-defined]  # a VirtualClock

    def make(executor: Executor) -> Timeline:
        with recourse.record_timeline() as capture, pytest.raises(ConnectionRefusedError):
            carry_out(executor)
        assert capture.timeline is not None
        return capture.timeline

    return make


def test_the_kill_switch_leaves_one_attempt_that_is_still_told(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOURSE_DISABLE", "1")
    seen = Seen()
    executor = Executor(policies=[EVERYTHING], clock=VirtualClock(), observers=[seen])

    timelines = [lost(executor) for _ in range(3)]

    assert [one.attempts_run for one in timelines] == [1, 1, 1]  # and no breaker refused one
    assert "a.B" not in executor.circuits
    assert (
        seen.names == ["CallStart", "PolicyResolved", "AttemptStart", "AttemptEnd", "CallEnd"] * 3
    )


def test_the_most_attempts_are_lowered_and_never_raised(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(most: str) -> int:
        monkeypatch.setenv("RECOURSE_MAX_ATTEMPTS", most)
        policy = Policy("a.B", retry=RetryPolicy(max_attempts=3))
        return lost(Executor(policies=[policy], clock=VirtualClock())).attempts_run

    assert [run("2"), run("9"), run("")] == [2, 3, 3]


def test_the_parts_of_a_switched_policy_are_made_once(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOURSE_MAX_ATTEMPTS", "2")
    executor = Executor(policies=[EVERYTHING], clock=VirtualClock())

    lost(executor)
    before = executor._resolver.bounds["a.B"]
    with pytest.raises(recourse.CircuitOpenError):
        executor.call("a.B", refuse)

    assert executor._resolver.bounds["a.B"] is before
    assert before.policy.retry.max_attempts == 2
    assert before.given.retry.max_attempts == 4


def test_a_switch_that_says_neither_yes_nor_no_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_DISABLE", "maybe")

    with pytest.raises(PolicyError, match="RECOURSE_DISABLE 'maybe' is not allowed; use 1 or 0"):
        Executor()
