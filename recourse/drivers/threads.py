"""Carries plans out in threads: inline in the caller's, or beside it in daemon threads."""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, assert_never, cast

from recourse.clock import Mailbox
from recourse.context import enter, leave
from recourse.drivers.misuse import MISUSED, PLAIN, awaitable_in_call, is_plain, misused
from recourse.errors import ExecutorClosed
from recourse.outcome import Outcome, OutcomeKind
from recourse.plan.bound import Runtime
from recourse.plan.call import Call, Run
from recourse.plan.govern import Bind, Plan, govern
from recourse.plan.late import end_late
from recourse.plan.scopes import Scopes
from recourse.plan.steps import Await, Cancel, Drop, Finish, Launch, Sleep, Step
from recourse.plan.unheard import Unheard
from recourse.reasons import Reason

__all__ = [
    "INNER_CANCELLED",
    "Hands",
    "drive",
    "given",
    "go_on",
    "inner_cancelled",
    "planned",
    "run_inline",
]

INNER_CANCELLED = Outcome(OutcomeKind.ABORT, Reason.INNER_CANCELLED)


def planned(call: Call, bind: Bind) -> Any:
    """Make a call as the plan says, from its beginning; gives the value or raises the error."""
    return drive(call, govern(call, bind))


def drive(call: Call, plan: Plan) -> Any:
    """Carry a plan out in the caller's thread; gives the value or raises the error."""
    hands = Hands(call)
    finish = _finish(plan, hands)
    error = finish.error
    if error is None:
        return finish.value
    try:
        # Outside every except block, so that no earlier attempt becomes its __context__.
        raise error
    finally:
        # The traceback holds this frame: without this the error would be part of a cycle.
        del error, finish, hands, call, plan


def _finish(plan: Plan, hands: "Hands") -> Finish:
    reply: Any = None
    try:
        while True:
            reply = hands.do(plan.send(reply))
    except StopIteration as end:
        return cast("Finish", end.value)
    except BaseException:
        # Not the plan's doing: an observer may stop the process, with runs in flight.
        hands.let_go()
        raise


def go_on(unheard: Unheard, bind: Bind) -> Any:
    """Retry a call whose first attempt has failed, without the plan as long as it need not decide."""
    runtime = unheard.runtime
    box: Mailbox | None = None
    while (delay_s := unheard.pause_s()) is not None:
        woke = None
        if delay_s > 0:
            box = box or runtime.clock.mailbox()
            woke = _slept(runtime, box, delay_s, unheard.bound.key)
        run = unheard.next_run(woke)
        if run is None:
            break
        run_inline(unheard, run)
        if run.error is None:
            return unheard.succeeded()
    if unheard.disposition is None:
        call = unheard.taken_over()
        return drive(call, govern(call, bind, unheard))
    raised = unheard.failed()
    try:
        raise raised
    finally:
        del raised


def _slept(runtime: Runtime, box: Mailbox, seconds: float, key: str) -> BaseException | None:
    """Wait between attempts, unless the executor is closed; what ended the wait early."""
    runtime.sleepers[box] = box.post
    try:
        # Looked at only now: whoever closes the executor later wakes this one.
        woke = ExecutorClosed(key) if runtime.closed else runtime.clock.sleep(seconds, box)
    except BaseException as error:  # the plan decides what passes on
        return error
    finally:
        runtime.sleepers.pop(box, None)
    return woke if isinstance(woke, BaseException) else None


def run_inline(call: Call | Unheard, run: Run) -> None:
    """Run the operation here and now; what it raises is kept, not raised."""
    token = enter(run.info)
    try:
        if call.scoped:
            with Scopes(call, run):
                value = call.operation()
        else:
            value = call.operation()
        if type(value) in PLAIN or is_plain(value):
            run.value = value
        else:
            run.error, run.given = awaitable_in_call(value), MISUSED
    except BaseException as error:  # the plan decides what passes on
        run.error = error
        if isinstance(error, asyncio.CancelledError):
            run.given = inner_cancelled()
    finally:
        leave(token)
        del token  # it knows the capture, and an error's traceback holds this frame
    run.ended_s = call.runtime.clock.monotonic_s()


def given(failed: BaseException | None) -> Outcome | None:
    """What only the driver can know of what an attempt raised."""
    if isinstance(failed, TypeError):
        return misused(failed)
    return inner_cancelled() if isinstance(failed, asyncio.CancelledError) else None


def inner_cancelled() -> Outcome | None:
    """The outcome of a cancellation when something inside was cancelled, and not the caller."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return INNER_CANCELLED if task is None or not task.cancelling() else None


class Hands:
    """Does what a plan asks for."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._runtime = call.runtime
        self._mailbox: Any = None
        self._launched: list[Run] = []
        self._landed: set[Run] = set()

    def do(self, step: Step) -> Any:
        """Carry out one step and give its reply."""
        match step:
            case Run():
                run_inline(self._call, step)
                return None
            case Sleep():
                return _slept(self._runtime, self._box(), step.seconds, self._call.info.key)
            case Launch():
                return self._launch(step.run)
            case Await():
                return self._await(step.until_s)
            case Cancel():
                return self._cancel(step.run)
            case Drop():
                return self._drop(step.run)
            case _:
                assert_never(step)

    def let_go(self) -> None:
        """Drop what is in flight: nobody will wait for it."""
        for run in self._launched:
            if run.work is None and run.outcome is None and not run.dropped:
                self._drop(run)

    def _box(self) -> Any:
        if self._mailbox is None:
            self._mailbox = self._runtime.clock.mailbox()
        return self._mailbox

    def _launch(self, run: Run) -> None:
        context = contextvars.copy_context()
        box = self._box()
        target = self._detached_work if run.work is not None else self._detached_run
        self._launched.append(run)
        thread = self._runtime.clock.spawn(
            lambda: context.run(target, run, box.post), f"recourse-{run.info.key}"
        )
        self._runtime.track(thread)

    def _detached_work(self, run: Run, post: Callable[[Run], None]) -> None:
        try:
            run.value = run.work() if run.work is not None else None
        except BaseException as error:  # the waiting call decides
            run.error = error
        with self._runtime.mutex.lock:
            dropped = run.dropped
            self._landed.add(run)
        if not dropped:
            post(run)

    def _detached_run(self, run: Run, post: Callable[[Run], None]) -> None:
        # A copy is filled, so that a dropped run's record is not changed under the plan's eyes.
        own = Run(run.info, run.attempt, run.hedge_index)
        own.start = run.start
        run_inline(self._call, own)
        # The error's traceback holds a frame that holds ``own``: kept there it would be a cycle.
        error, own.error = own.error, None
        with self._runtime.mutex.lock:
            dropped = run.dropped
            if dropped:
                self._runtime.abandoned -= 1
            else:
                self._landed.add(run)
                run.value, run.error, run.given = own.value, error, own.given
                run.ended_s = own.ended_s
        if dropped:
            end_late(self._call, run, own.value, error)
        else:
            post(run)

    def _await(self, until_s: float | None) -> list[Run] | BaseException:
        box, clock = self._box(), self._runtime.clock
        self._runtime.waiters[self] = box.post
        try:
            if self._runtime.deserted:
                return ExecutorClosed(self._call.info.key)
            first = box.take(None if until_s is None else max(0.0, until_s - clock.monotonic_s()))
            items: list[Any] = []
            while first is not None:
                items.append(first)
                first = box.take(0.0)
        except BaseException as error:  # the plan decides what passes on
            return error
        finally:
            self._runtime.waiters.pop(self, None)
        for item in items:
            if isinstance(item, BaseException):
                return item
        return items

    def _cancel(self, run: Run) -> bool:
        with self._runtime.mutex.lock:
            if run in self._landed:
                return False
            run.dropped = True
            if run.work is None:
                self._runtime.abandoned += 1
            return True

    def _drop(self, run: Run) -> bool:
        if self._cancel(run):
            return False
        run.dropped = True

        def end() -> None:
            error, run.error = run.error, None
            end_late(self._call, run, run.value, error)

        # Beside the caller, who must not wait for a loser's value to be closed.
        self._runtime.track(self._runtime.clock.spawn(end, "recourse-late"))
        return True
