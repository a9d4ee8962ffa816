"""A timed call that nobody hears comes to what one comes to that somebody hears."""

import asyncio
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings, strategies as st

from recourse import (
    CircuitPolicy,
    Event,
    Executor,
    HedgePolicy,
    Policy,
    RetryPolicy,
    current_attempt,
)
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock

KEY = "svc.Op"
POLICIES: dict[str, dict[str, Any]] = {
    "limited": {"timeout_per_attempt_s": 1.0},
    "bounded": {"overall_timeout_s": 2.0},
    "hedged": {},
    "both": {"timeout_per_attempt_s": 1.5, "overall_timeout_s": 4.0},
}
ERRORS = {"refused": ConnectionError, "cancelled": asyncio.CancelledError, "wrong": ValueError}


class Act(NamedTuple):
    """What one run does.

    Attributes:
        takes: Eighths of a second; a little more is added, so that nothing happens at once.
        ends: By its value or an error.
        lingers: Eighths of a second that it takes to end when it is cancelled.
        swallows: It gives its value all the same when it is cancelled.
    """

    takes: int
    ends: str
    lingers: int
    swallows: bool


ACTS = st.builds(
    Act,
    takes=st.sampled_from([0, 1, 5, 7, 11, 40]),
    ends=st.sampled_from(["value", "value", *ERRORS]),
    lingers=st.sampled_from([0, 3]),
    swallows=st.booleans(),
)


class Listener:
    """Hears everything and keeps nothing."""

    def on_event(self, event: Event) -> None:
        """Take an event."""


def scripted(acts: list[Act], told: list[Any], clock: VirtualClock) -> Any:
    """An operation whose runs do one act after the other, and the last one ever after."""

    async def operation() -> str:
        info = current_attempt()
        assert info is not None
        act = acts[min(len(told), len(acts) - 1)]
        told.append((info.attempt, info.hedge_index, info.deadline, clock.monotonic_s()))
        name = f"value {len(told)}"
        try:
            await asyncio.sleep((act.takes + len(told) / 64) / 8)  # noqa: TID251  # on the virtual loop
        except asyncio.CancelledError:
            await asyncio.sleep(act.lingers / 8)  # noqa: TID251  # on the virtual loop
            if act.swallows:
                return name
            raise
        if act.ends != "value":
            raise ERRORS[act.ends](name)
        return name

    return operation


def outcome(kind: str, acts: list[Act], cancel_after: int, *, heard: bool) -> list[Any]:
    """What a call came to, when, and which runs it took; two calls, one after the other."""
    clock, told = VirtualClock(), list[Any]()
    hedge = HedgePolicy(hedge_delay_s=0.9, max_hedges=2) if kind in ("hedged", "both") else None
    retry = RetryPolicy(max_attempts=3, jitter=Jitter.NONE, **POLICIES[kind])
    policy = Policy(KEY, retry=retry, hedge=hedge, circuit=CircuitPolicy(threshold=4))
    executor = Executor([policy], clock=clock, observers=[Listener()] if heard else [])
    operation = scripted(acts, told, clock)

    async def known() -> None:
        """Nothing: from then on the key is known, and calls may take a short path."""

    async def main() -> None:
        await executor.acall(KEY, known)
        for _ in range(2):
            task = asyncio.ensure_future(executor.acall(KEY, operation))
            asyncio.get_running_loop().call_later((cancel_after + 0.5) / 8, task.cancel)
            try:
                told.append((await task, clock.monotonic_s()))
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # it is compared
                told.append((type(error), error.args, clock.monotonic_s()))
            told.append(executor.circuits[KEY].state)

    clock.run(main())
    return told


@pytest.mark.slow
@given(
    kind=st.sampled_from(sorted(POLICIES)),
    acts=st.lists(ACTS, min_size=1, max_size=5),
    cancel_after=st.sampled_from([0, 4, 12, 1000]),
)
@settings(max_examples=60)
def test_r74_a_timed_call_that_nobody_hears_comes_to_what_a_heard_one_comes_to(
    kind: str, acts: list[Act], cancel_after: int
) -> None:
    unheard = outcome(kind, acts, cancel_after, heard=False)

    assert unheard == outcome(kind, acts, cancel_after, heard=True)
