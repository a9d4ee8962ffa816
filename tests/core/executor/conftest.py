"""One operation, carried out by threads and by asyncio: the same test sees both."""

import asyncio
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import pytest

from recourse import (
    AttemptTimeout,
    CircuitOpenError,
    DeadlineExceeded,
    Event,
    Executor,
    ExecutorClosed,
    HedgePolicy,
    NoPolicyError,
    Policy,
    RetryPolicy,
    Timeline,
    record_timeline,
)
from recourse.events import AttemptEnd, AttemptStart, CallEnd, RetryScheduled
from recourse.policy.model import Jitter
from recourse.testing import VirtualClock

Steps: TypeAlias = Generator[float, None, Any]
Operation: TypeAlias = Callable[[], Steps]
E = TypeVar("E")

KEY: Final = "svc.Op"
NO_JITTER: Final = RetryPolicy(jitter=Jitter.NONE)  # three attempts, after 50 and 100 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one call gave its caller, and what was heard of it.

    Attributes:
        value: What the caller got.
        error: What the caller caught instead.
        timeline: What a capture around the call holds.
        events: What an observer heard, late events included.
        sleeps: Waits between attempts.
        took_s: Virtual time until the caller went on.
        runs: How often the operation was begun.
        complaints: What the event loop's exception handler was told.
    """

    value: Any
    error: BaseException | None
    timeline: Timeline
    events: tuple[Event, ...]
    sleeps: tuple[float, ...]
    took_s: float
    runs: int
    complaints: tuple[Any, ...]

    @property
    def names(self) -> list[str]:
        """The events by name."""
        return [type(event).__name__ for event in self.events]

    @property
    def outcomes(self) -> list[tuple[int, int, str, str]]:
        """What became of each run: attempt, hedge index, kind and reason."""
        return [
            (record.attempt, record.hedge_index, f"{record.outcome.kind}", record.outcome.reason)
            for record in self.timeline.attempts
        ]

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Heard:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


class Side:
    """Carries operations out on one side: ``call`` (threads) or ``acall`` (a virtual event loop).

    An operation is a generator function: every number that it yields is a wait of so many seconds,
    what it returns is its value. A list does as well: each run takes the next entry (the last one
    again and again) and returns it, raises it when it is an exception (or its class), and takes
    its time first when it is a pair of seconds and one of these.
    """

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.is_async = verb == "acall"
        self.clock = VirtualClock()
        self.heard = Heard()
        self.runs = 0

    def executor(self, key: str = KEY, observers: Sequence[Any] = (), **options: Any) -> Executor:
        """An executor with one policy; ``retry``, ``hedge``, ``circuit`` and ``idempotent`` make it."""
        blocks = {
            name: options.pop(name)
            for name in ("retry", "hedge", "circuit", "idempotent")
            if name in options
        }
        policy = Policy(key, **{"retry": NO_JITTER, **blocks})
        if options.get("provider") is None:
            options = {"policies": [policy], **options}
        jitter = random.Random(1)  # noqa: S311  # no secret
        facts = {"clock": self.clock, "random": jitter, **options}
        return Executor(observers=[self.heard, *observers], **facts)

    def __call__(
        self,
        operation: Operation | Sequence[Any],
        *,
        executor: Executor | None = None,
        key: str = KEY,
        settle_s: float = 0.0,
        **options: Any,
    ) -> Told:
        """Call it once; ``settle_s`` is how long to look on after the caller has gone on."""
        governed = executor or self.executor(key, **options)
        begun, slept, runs = len(self.heard.events), len(self.clock.sleeps), self.runs
        came, complaints = _Came(), list[Any]()
        if self.is_async:
            self.clock.run(self._acall(governed, key, operation, came, complaints, settle_s))
        else:
            self._call(governed, key, operation, came)
            if settle_s:
                self.clock.mailbox().take(settle_s)
        assert came.timeline is not None
        told = Told(
            value=came.value,
            error=came.error,
            timeline=came.timeline,
            events=tuple(self.heard.events[begun:]),
            sleeps=tuple(self.clock.sleeps[slept:]),
            took_s=came.took_s,
            runs=self.runs - runs,
            complaints=tuple(complaints),
        )
        _look_over(told)
        return told

    @staticmethod
    def in_turn(*operations: Operation) -> Operation:
        """An operation whose runs do one of these after the other."""
        left = iter(operations)

        def run() -> Steps:
            return (yield from next(left)())

        return run

    @staticmethod
    def stubborn(seconds: float, value: Any) -> Operation:
        """An operation that takes its time whoever cancels it."""

        def run() -> Steps:
            left_s = seconds
            while left_s > 0:
                left_s -= 0.25
                try:
                    yield 0.25
                except asyncio.CancelledError:
                    continue
            return value

        return run

    def operation(self, steps: Operation | Sequence[Any]) -> Callable[[], Any]:
        """The operation as this side's executor wants it."""
        begin = steps if callable(steps) else _script(steps)

        def play() -> Any:
            self.runs += 1
            run = begin()
            try:
                while True:
                    self.clock.advance(next(run))
            except StopIteration as end:
                return end.value

        async def aplay() -> Any:
            self.runs += 1
            run = begin()
            try:
                wait_s = next(run)
                while True:
                    try:
                        await asyncio.sleep(wait_s)  # noqa: TID251  # on the virtual loop
                    except BaseException as error:  # noqa: BLE001  # the operation's to handle
                        wait_s = run.throw(error)
                    else:
                        wait_s = next(run)
            except StopIteration as end:
                return end.value

        return aplay if self.is_async else play

    def _call(self, executor: Executor, key: str, steps: Any, came: "_Came") -> None:
        began_s = self.clock.monotonic_s()
        with record_timeline() as capture:
            try:
                came.value = executor.call(key, self.operation(steps))
            except BaseException as error:  # noqa: BLE001  # the test looks at it
                came.error = error
        came.took_s = self.clock.monotonic_s() - began_s
        came.timeline = capture.timeline

    async def _acall(
        self,
        executor: Executor,
        key: str,
        steps: Any,
        came: "_Came",
        complaints: list[Any],
        settle_s: float,
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        began_s = self.clock.monotonic_s()
        with record_timeline() as capture:
            try:
                came.value = await executor.acall(key, self.operation(steps))
            except BaseException as error:  # noqa: BLE001  # the test looks at it
                came.error = error
        came.took_s = self.clock.monotonic_s() - began_s
        came.timeline = capture.timeline
        if settle_s:
            await asyncio.sleep(settle_s)  # noqa: TID251  # on the virtual loop


def _look_over(told: Told) -> None:
    """What holds for every call, whatever its test is about."""
    timeline, error = told.timeline, told.error
    events = [event for event in told.events if event.call_id == timeline.call_id]
    numbers = [event.seq for event in events]
    assert numbers == sorted(set(numbers))
    assert {event.key for event in events} <= {timeline.key}
    assert all(event.t_wall_ns >= timeline.started_unix_ns for event in events)
    assert sum(record.ran for record in timeline.attempts) == timeline.attempts_run
    assert timeline.policy_id or not timeline.attempts
    started = {(start.attempt, start.hedge_index): start for start in told.of(AttemptStart)}
    for event in events:
        if isinstance(event, AttemptStart | AttemptEnd | RetryScheduled | CallEnd):
            assert event.policy_id == timeline.policy_id
        if isinstance(event, AttemptEnd):
            _look_over_end(event, started)
        if isinstance(event, CallEnd):
            assert event.error is error
            assert event.disposition == timeline.disposition
            assert event.attempts_run == timeline.attempts_run
            assert event.hedges == sum(
                record.is_hedge and record.ran for record in timeline.attempts
            )
            assert event.t_wall_ns == timeline.ended_unix_ns
    if isinstance(error, DeadlineExceeded | NoPolicyError | ExecutorClosed | CircuitOpenError):
        assert error.key == timeline.key
    if isinstance(error, DeadlineExceeded):
        assert error.limit_s >= 0


def _look_over_end(end: AttemptEnd, started: dict[tuple[int, int], AttemptStart]) -> None:
    """What holds for the end of every attempt."""
    assert end.ran is end.budget_allowed
    assert not end.ran or (end.attempt, end.hedge_index) in started
    assert end.overrun_s == 0 or end.late
    assert end.outcome.attributes is not None
    if isinstance(end.error, AttemptTimeout) and (
        start := started.get((end.attempt, end.hedge_index))
    ):
        assert end.error.timeout_s == start.timeout_s


class _Came:
    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.timeline: Timeline | None = None
        self.took_s = 0.0


def _script(entries: Sequence[Any]) -> Operation:
    left = list(entries)

    def begin() -> Steps:
        entry = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(entry, tuple):
            seconds, entry = entry
            yield seconds
        if isinstance(entry, BaseException) or (
            isinstance(entry, type) and issubclass(entry, BaseException)
        ):
            raise entry
        return entry

    return begin


@pytest.fixture(params=["call", "acall"])
def both(request: pytest.FixtureRequest) -> Side:
    """The test runs twice: on threads and on asyncio."""
    return Side(request.param)


@pytest.fixture
def sync_side() -> Side:
    """For what only threads can show."""
    return Side("call")


@pytest.fixture
def async_side() -> Side:
    """For what only asyncio can show."""
    return Side("acall")


class Hedged:
    """Calls with one attempt and a hedge after 500 ms, in threads where the side has threads."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.defaults: dict[str, Any] = {
            "retry": RetryPolicy(max_attempts=1),
            "hedge": HedgePolicy(hedge_delay_s=0.5),
            "sync_timeout": "thread",
        }

    def executor(self, **options: Any) -> Executor:
        """An executor for several calls."""
        return self.side.executor(**{**self.defaults, **options})

    def __call__(self, operation: Operation | Sequence[Any], **options: Any) -> Told:
        """Call it once."""
        return self.side(operation, **{**self.defaults, **options})


@pytest.fixture
def hedged(both: Side) -> Hedged:
    """The test runs twice, with hedging."""
    return Hedged(both)


@pytest.fixture(scope="session")
def side_of() -> Callable[[str], Side]:
    """Makes a fresh side, by its verb: a property needs one per example."""
    return Side
