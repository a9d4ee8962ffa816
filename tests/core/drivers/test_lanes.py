"""One timer for all attempts that have equally long: each is cancelled at its own limit."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from recourse.clock import SystemClock
from recourse.drivers.lanes import Lane, Lanes
from recourse.testing import VirtualClock

LENGTH_S = 1.0


class Bell:
    """A timer that a test rings."""

    def __init__(self, at_s: float, callback: Callable[[], None]) -> None:
        self.at_s = at_s
        self.callback = callback
        self.is_off = False

    def cancel(self) -> None:
        self.is_off = True


class BellClock(SystemClock):
    """A clock that a test moves on; to a lane it is the machine's own."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.bells: list[Bell] = []
        self.monotonic_s = lambda: self.now_s  # type: ignore[misc]  # the class has it read-only  # pyright: ignore[reportAttributeAccessIssue]

    def call_later(self, loop: Any, seconds: float, callback: Callable[[], None]) -> Bell:
        assert seconds >= 0
        self.bells.append(Bell(self.now_s + seconds, callback))
        return self.bells[-1]

    @property
    def set(self) -> list[Bell]:
        return [bell for bell in self.bells if not bell.is_off]

    def advance(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while due := [bell for bell in self.set if bell.at_s <= until_s]:
            first = min(due, key=lambda bell: bell.at_s)
            first.is_off = True
            self.now_s = max(self.now_s, first.at_s)
            first.callback()
        self.now_s = until_s


class FakeTask:
    """Remembers when it was cancelled."""

    def __init__(self, clock: BellClock) -> None:
        self._clock = clock
        self.cancelled_s: list[float] = []

    def cancel(self) -> None:
        self.cancelled_s.append(self._clock.now_s)


def nothing() -> None:
    """What is done when a moment comes that nobody waits for."""


class LaneMachine(RuleBasedStateMachine):
    """Attempts come and go, and time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = BellClock()
        self.closed = 0
        self.lane = Lane(self.clock, Any, self.close)  # type: ignore[arg-type]  # only passed on
        self.running: list[tuple[float, FakeTask]] = []
        self.ended: list[FakeTask] = []

    def close(self) -> None:
        self.closed += 1

    @rule()
    def begin(self) -> None:
        task = FakeTask(self.clock)
        limit_s = self.clock.now_s + LENGTH_S
        self.lane.arm(task, limit_s, task.cancel)
        self.running.append((limit_s, task))

    @precondition(lambda self: self.running)
    @rule(which=st.randoms(use_true_random=False))
    def end(self, which: Any) -> None:
        limit_s, task = self.running.pop(which.randrange(len(self.running)))

        assert self.lane.disarm(task) is (limit_s > self.clock.now_s)

        self.ended.append(task)
        task.cancelled_s = task.cancelled_s or [-1.0]

    @rule(seconds=st.sampled_from([0.0, 0.125, 0.5, 1.0, 3.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def whoever_is_past_the_limit_was_cancelled_once_at_it(self) -> None:
        now_s = self.clock.now_s
        for limit_s, task in self.running:
            assert task.cancelled_s == ([limit_s] if limit_s <= now_s else [])
        assert all(len(task.cancelled_s) == 1 for task in self.ended)

    @invariant()
    def there_is_one_timer_at_most_and_one_while_anybody_waits(self) -> None:
        waiting = any(limit_s > self.clock.now_s for limit_s, _ in self.running)
        assert waiting <= len(self.clock.set) <= 1


TestLane = pytest.mark.slow(LaneMachine.TestCase)
TestLane.settings = settings(max_examples=40, stateful_step_count=20)


@pytest.mark.slow
@given(works=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12))
@settings(max_examples=30)
def test_on_an_event_loop_each_attempt_is_cancelled_at_its_own_limit(
    works: list[tuple[int, int]],
) -> None:
    """An attempt begins after so many eighths of a second, and would take so many."""
    clock = VirtualClock()
    ends: dict[int, tuple[str, float]] = {}

    async def attempt(number: int, begins_s: float, takes_s: float, lanes: Lanes) -> None:
        await asyncio.sleep(begins_s)  # noqa: TID251  # on the virtual loop
        loop, limit_s = asyncio.get_running_loop(), clock.monotonic_s() + LENGTH_S
        lane, task = lanes.lane(loop, LENGTH_S), asyncio.current_task()
        assert task is not None
        lane.arm(number, limit_s, task.cancel)
        try:
            await asyncio.sleep(takes_s)  # noqa: TID251  # on the virtual loop
            how = "ended"
        except asyncio.CancelledError:
            how = "cancelled"
        assert lane.disarm(number) is (how == "ended")
        ends[number] = how, clock.monotonic_s() - begins_s

    async def main() -> None:
        lanes = Lanes(clock)
        pairs = [(begins / 8, takes / 8 + 0.0625) for begins, takes in works]
        await asyncio.gather(*(attempt(i, *pair, lanes) for i, pair in enumerate(pairs)))
        assert len(lanes) == 0

    clock.run(main())

    for number, (_, takes) in enumerate(works):
        takes_s = takes / 8 + 0.0625
        expected = ("ended", takes_s) if takes_s < LENGTH_S else ("cancelled", LENGTH_S)
        assert ends[number] == expected


def test_a_thousand_attempts_share_one_timer_which_outlives_them() -> None:
    clock, closed = BellClock(), []
    lane = Lane(clock, Any, lambda: closed.append(clock.now_s))  # type: ignore[arg-type]  # as above

    for number in range(1000):
        clock.now_s = number / 1000
        lane.arm(number, clock.now_s + LENGTH_S, nothing)
        assert lane.disarm(number)

    assert len(clock.bells) == 1
    clock.advance(5.0)
    assert (closed, clock.set) == ([LENGTH_S], [])


def test_a_timer_that_is_a_little_early_is_not_set_again() -> None:
    clock = BellClock()
    task = FakeTask(clock)
    lane = Lane(clock, Any, lambda: None)  # type: ignore[arg-type]  # as above
    lane.arm(task, LENGTH_S, task.cancel)

    clock.now_s = LENGTH_S - 1e-9
    clock.bells[0].callback()

    assert len(task.cancelled_s) == 1
    assert len(clock.bells) == 1


def test_on_a_simulated_clock_no_timer_is_left_behind() -> None:
    clock = VirtualClock()

    async def main() -> None:
        lanes = Lanes(clock)
        lane = lanes.lane(asyncio.get_running_loop(), LENGTH_S)
        lane.arm("first", LENGTH_S, nothing)
        lane.arm("second", LENGTH_S, nothing)
        assert lane.disarm("first")
        assert len(lanes) == 1
        assert lane.disarm("second")
        assert len(lanes) == 0
        assert not lane.disarm("second")

    clock.run(main())

    assert clock.monotonic_s() == 0.0


def test_lanes_of_loops_that_are_closed_are_forgotten() -> None:
    lanes = Lanes(SystemClock())

    async def use(length_s: float) -> Lane:
        lane = lanes.lane(asyncio.get_running_loop(), length_s)
        assert lanes.lane(asyncio.get_running_loop(), length_s) is lane
        lane.arm("attempt", 1e9, nothing)
        return lane

    first = asyncio.run(use(1.0))
    second = asyncio.run(use(1.0))

    assert first is not second
    assert len(lanes) == 1


@pytest.mark.parametrize("length_s", [0.001, 1.0])
def test_attempts_of_other_lengths_go_elsewhere(length_s: float) -> None:
    lanes = Lanes(VirtualClock())

    async def main() -> bool:
        loop = asyncio.get_running_loop()
        return lanes.lane(loop, length_s) is lanes.lane(loop, 2.0)

    assert not asyncio.run(main())
    assert len(lanes) == 2
