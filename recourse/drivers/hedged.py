"""First attempts that may be hedged, of asynchronous calls that nobody hears.

Most of them end before a hedge is due. Until then there is the attempt in its task, the caller who
waits, and a moment in a lane; the plan is asked when anything else happens.
"""

import asyncio
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from functools import partial
from types import CoroutineType
from typing import Any, Final, TypeAlias, TypeVar

from recourse.attempt import AttemptInfo, FirstAttempt
from recourse.circuit.protocol import Admission
from recourse.clock import wake_up
from recourse.context import Ambient, enter
from recourse.drivers.aio import AsyncHands, adrive
from recourse.drivers.awaited import quietly, soon
from recourse.drivers.lanes import Lanes
from recourse.drivers.misuse import check_acall, is_plain, misused, plain_in_acall
from recourse.errors import ExecutorClosed
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Run
from recourse.plan.govern import Bind, govern
from recourse.plan.unheard import Flying

__all__ = ["HedgedCalls"]

NowS: TypeAlias = Callable[[], float]
T = TypeVar("T")

_new: Final = object.__new__


class HedgedCalls:
    """Carries such calls out. What is not a plain success in time goes on with the plan."""

    __slots__ = ("_bind", "_lanes", "_now_s", "_runtime")

    def __init__(self, runtime: Runtime, bind: Bind, lanes: Lanes) -> None:
        self._runtime = runtime
        self._bind = bind
        self._lanes = lanes
        self._now_s: NowS = runtime.clock.monotonic_s

    async def call(
        self,
        bound: Bound,
        ambient: Ambient | AttemptInfo | None,
        lease: Admission,
        op: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> T:
        """Await ``op(*args, **kwargs)`` in a task of its own, until a hedge is due.

        Args:
            bound: The key under its policy.
            ambient: What surrounds the call; nothing in it matters to an attempt.
            lease: What lets the attempt through the breaker.
            op: What an attempt runs.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
        """
        runtime, loop = self._runtime, get_running_loop()
        info, flight = FirstAttempt(), _new(_Flight)
        info.bearings = bound
        flight.info = info
        flight.wake = wake = loop.create_future()
        length_s, began_s = bound.hedge_s or 0.0, self._now_s()
        if bound.limit_s is not None:
            info.limit(began_s + bound.limit_s)
            length_s = min(length_s, bound.limit_s)
        # A task copies the context: what the attempt writes there is its own.
        task = loop.create_task(flight.fly(op, args, kwargs), name="recourse-attempt")
        runtime.waiters[task] = flight.stop_soon
        lane = self._lanes.lane(loop, length_s)
        lane.arm(flight, began_s + length_s, flight.look_up)
        try:
            if runtime.deserted:
                flight.stopped = ExecutorClosed(bound.key)
            else:
                await wake
        except BaseException as error:  # the plan decides what passes on
            flight.stopped = error
        finally:
            lane.disarm(flight)
            runtime.waiters.pop(task, None)
        if flight.went_well and flight.stopped is None and bound.circuit.calm is lease:
            value: T = flight.value
            return value
        if flight.stopped is None and isinstance(flight.error, TypeError):
            check_acall(op)
        run = Run(info, 0, 0, began_s)
        run.admission = lease
        past = Flying(runtime, bound, partial(op, *args, **kwargs), ambient, run)
        del run
        planned: T = await self._planned(past, flight, task)
        return planned

    async def _planned(self, past: Flying, flight: "_Flight", task: asyncio.Task[None]) -> Any:
        """What the plan makes of the call."""
        past.is_async = True
        call = past.taken_over()
        hands = AsyncHands(call)
        flight.hand_over(past.run, task, hands)
        return await adrive(call, govern(call, self._bind, past), hands)


class _Flight:
    """A first attempt in its task. Made by ``object.__new__``, and given ``info`` and ``wake``.

    Attributes:
        info: What the operation sees.
        wake: Done when its caller should look: it has landed, a hedge is due, or it must stop.
        value: What it gave.
        went_well: It has landed with a value.
        error: What it raised.
        ended_s: When it failed.
        stopped: What ended the caller's wait.
    """

    # Defaults stand on the class, so that a flight is given only what is its own.
    info: AttemptInfo
    wake: "asyncio.Future[None]"
    value: Any = None
    went_well = False
    error: BaseException | None = None
    ended_s: float | None = None
    stopped: BaseException | None = None
    _hands: AsyncHands | None = None
    _run: Run

    async def fly(
        self, op: Callable[..., Awaitable[Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Run the operation, in a context that is the attempt's own."""
        enter(self.info)
        try:
            # Without keywords, which cost a dictionary even when there are none.
            result = op(*args, **kwargs) if kwargs else op(*args)
            kind: type[object] = type(result)
            if kind is not CoroutineType and is_plain(result):
                raise plain_in_acall()  # noqa: TRY301  # it is told as an operation's own error
            self.value = await result
            self.went_well = True
        except BaseException as error:  # the plan decides what passes on
            self.error = error
            self.ended_s = self._now_s()
        if self._hands is None:
            if not self.wake.done():
                self.wake.set_result(None)
            return
        rest = self._land(self._hands)
        if rest is not None:
            await quietly(rest)

    def look_up(self) -> None:
        """Let the caller look, because a hedge is due."""
        wake_up(self.wake)

    def stop_soon(self, error: BaseException) -> None:
        """Have the caller's wait end by ``error``; from any thread."""
        soon(self.wake.get_loop(), self._stop, error)

    def hand_over(self, run: Run, task: asyncio.Task[None], hands: AsyncHands) -> None:
        """Let the plan's hands have what there is, and what is still to come."""
        self._run, self._hands = run, hands
        hands.adopt(run, task)
        if self.stopped is not None:
            hands.post(self.stopped)
            self.stopped = None
        if self.went_well or self.error is not None:
            self._land(hands)

    def _now_s(self) -> float:
        return self.info.bearings.clock.monotonic_s()

    def _stop(self, error: BaseException) -> None:
        self.stopped = error
        wake_up(self.wake)

    def _land(self, hands: AsyncHands) -> Awaitable[Any] | None:
        # The error's traceback holds a frame that holds this: kept here it would be a cycle.
        error, self.error = self.error, None
        own = Run(self.info, 0)
        own.value, own.ended_s = self.value, self.ended_s or self._now_s()
        if isinstance(error, TypeError):
            own.given = misused(error)
        return hands.land(self._run, own, error)
