"""Carries plans out on an event loop: inline in the caller's task, or beside it in tasks."""

import asyncio
import contextvars
from collections.abc import Awaitable, Coroutine
from typing import Any, assert_never, cast

from recourse.clock import wake_up
from recourse.drivers.awaited import arun_inline, operate, quietly, slept, soon
from recourse.drivers.threads import INNER_CANCELLED
from recourse.errors import ExecutorClosed
from recourse.plan.call import Call, Run
from recourse.plan.govern import Bind, Plan, govern
from recourse.plan.late import end_late
from recourse.plan.steps import Await, Cancel, Drop, Finish, Launch, Sleep, Step
from recourse.plan.unheard import Unheard

__all__ = ["AsyncHands", "adrive", "ago_on", "aplanned"]


def aplanned(call: Call, bind: Bind) -> Coroutine[Any, Any, Any]:
    """As :func:`recourse.drivers.threads.planned`, awaited."""
    call.is_async = True
    return adrive(call, govern(call, bind))


async def adrive(call: Call, plan: Plan, hands: "AsyncHands | None" = None) -> Any:
    """Carry a plan out in the caller's task; gives the value or raises the error."""
    hands = hands or AsyncHands(call)
    finish = await _finish(plan, hands)
    error = finish.error
    if error is None:
        return finish.value
    try:
        raise error
    finally:
        del error, finish, hands, call, plan


async def _finish(plan: Plan, hands: "AsyncHands") -> Finish:
    reply: Any = None
    try:
        while True:
            reply = await hands.do(plan.send(reply))
    except StopIteration as end:
        return cast("Finish", end.value)
    except BaseException:
        # Not the plan's doing: an observer may stop the process, with runs in flight.
        hands.let_go()
        raise


async def ago_on(unheard: Unheard, bind: Bind) -> Any:
    """As :func:`recourse.drivers.threads.go_on`, awaited."""
    while (delay_s := unheard.pause_s()) is not None:
        woke = None
        if delay_s > 0:
            woke = await slept(unheard.runtime, delay_s, unheard.bound.key)
        run = unheard.next_run(woke)
        if run is None:
            break
        await operate(unheard, run)
        if run.error is None:
            return unheard.succeeded()
    if unheard.disposition is None:
        call = unheard.taken_over()
        return await adrive(call, govern(call, bind, unheard))
    raised = unheard.failed()
    try:
        raise raised
    finally:
        del raised


class AsyncHands:
    """Does what a plan asks for."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._runtime = call.runtime
        self._tasks: dict[Run, asyncio.Task[None]] = {}
        self._landed: set[Run] = set()
        self._arrived: list[Any] = []
        self._wake: asyncio.Future[None] | None = None

    async def do(self, step: Step) -> Any:
        """Carry out one step and give its reply."""
        match step:
            case Run():
                await arun_inline(self._call, step)
                return None
            case Sleep():
                return await slept(self._runtime, step.seconds, self._call.info.key)
            case Launch():
                return self._launch(step.run)
            case Await():
                return await self._await(step.until_s)
            case Cancel():
                return self._cancel(step.run)
            case Drop():
                return self._drop(step.run)
            case _:
                assert_never(step)

    def let_go(self) -> None:
        """Drop what is in flight: nobody will wait for it."""
        for run in list(self._tasks):
            if run.work is None and run.outcome is None and not run.dropped:
                self._drop(run)

    def post(self, item: Any) -> None:
        """Let the plan have a run that has landed, or what ends its wait, as soon as it asks."""
        self._arrived.append(item)
        if self._wake is not None:
            wake_up(self._wake)

    def _launch(self, run: Run) -> None:
        loop = asyncio.get_running_loop()
        if run in self._tasks:
            return  # it was launched before the plan took over
        if run.work is not None:
            self._look_up(loop, run)
            return
        task = loop.create_task(
            self._detached_run(run), name="recourse-attempt", context=contextvars.copy_context()
        )
        self.adopt(run, task)

    def adopt(self, run: Run, task: asyncio.Task[None]) -> None:
        """Have a run land here that a task carries out."""

        def unbegun(ended: asyncio.Task[None]) -> None:
            if ended.cancelled() and run not in self._landed:
                self.land(run, Run(run.info, run.attempt), asyncio.CancelledError())

        self._track(run, task)
        # What is cancelled before its first step would never come to its end.
        task.add_done_callback(unbegun)

    def _track(self, run: Run, task: asyncio.Task[None]) -> None:
        self._tasks[run] = task
        self._runtime.tasks.add(task)
        task.add_done_callback(self._runtime.tasks.discard)

    def _look_up(self, loop: asyncio.AbstractEventLoop, run: Run) -> None:
        """Run a policy look-up: a coroutine in a task, a call that may block in a thread."""
        if run.is_async_work:
            self._track(run, loop.create_task(self._awaited_work(run), name="recourse-policy"))
            return

        def body() -> None:
            try:
                run.value = run.work() if run.work is not None else None
            except BaseException as error:  # the waiting call decides
                run.error = error
            soon(loop, self._arrive_unless_dropped, run)

        self._runtime.track(self._runtime.clock.spawn(body, "recourse-policy"))

    async def _awaited_work(self, run: Run) -> None:
        try:
            run.value = await run.work() if run.work is not None else None
        except BaseException as error:  # the waiting call decides
            run.error = error
        self._arrive_unless_dropped(run)

    def _arrive_unless_dropped(self, run: Run) -> None:
        if not run.dropped:
            self._landed.add(run)
            self.post(run)

    async def _detached_run(self, run: Run) -> None:
        own = Run(run.info, run.attempt, run.hedge_index)
        own.start = run.start
        await operate(self._call, own)
        # The error's traceback holds a frame that holds ``own``: kept there it would be a cycle.
        error, own.error = own.error, None
        rest = self.land(run, own, error)
        if rest is not None:
            await quietly(rest)

    def land(self, run: Run, own: Run, error: BaseException | None) -> Awaitable[Any] | None:
        """Take what a run came to: for the plan, or as late when nobody waits for it."""
        self._landed.add(run)
        if run.dropped:
            return end_late(self._call, run, own.value, error)
        run.value, run.error, run.given, run.ended_s = own.value, error, own.given, own.ended_s
        if isinstance(error, asyncio.CancelledError):
            # Neither the call nor its caller is being cancelled, or nobody would wait for this.
            run.given = INNER_CANCELLED
        self.post(run)
        return None

    async def _await(self, until_s: float | None) -> list[Run] | BaseException:
        loop, clock = asyncio.get_running_loop(), self._runtime.clock
        self._wake = wake = loop.create_future()
        if self._arrived:
            wake_up(wake)
        alarm = None
        if until_s is not None:
            delay_s = max(0.0, until_s - clock.monotonic_s())
            alarm = clock.call_later(loop, delay_s, lambda: wake_up(wake))
        self._runtime.waiters[self] = lambda error: soon(loop, self.post, error)
        try:
            if self._runtime.deserted:
                return ExecutorClosed(self._call.info.key)
            await wake
        except BaseException as error:  # the plan decides what passes on
            return error
        finally:
            self._runtime.waiters.pop(self, None)
            self._wake = None
            if alarm is not None:
                alarm.cancel()
        items, self._arrived = self._arrived, []
        for item in items:
            if isinstance(item, BaseException):
                return item
        return items

    def _cancel(self, run: Run) -> bool:
        if run in self._landed:
            return False
        run.dropped = True
        task = self._tasks.get(run)
        if task is not None:
            task.cancel()
        return True

    def _drop(self, run: Run) -> bool:
        if self._cancel(run):
            return False
        run.dropped = True
        # Beside the caller, who must not wait for a loser's value to be closed.
        loop = asyncio.get_running_loop()
        self._track(run, loop.create_task(self._end_landed(run), name="recourse-late"))
        return True

    async def _end_landed(self, run: Run) -> None:
        error, run.error = run.error, None
        rest = end_late(self._call, run, run.value, error)
        if rest is not None:
            await quietly(rest)
