"""What is awaited in the caller's task: an attempt under its limit, and the wait after it."""

import asyncio
from collections.abc import Awaitable, Coroutine
from types import CoroutineType
from typing import Any

from recourse.clock import wake_up
from recourse.context import enter, leave
from recourse.drivers.misuse import MISUSED, is_plain, plain_in_acall
from recourse.drivers.threads import inner_cancelled
from recourse.errors import ExecutorClosed
from recourse.plan.bound import Runtime
from recourse.plan.call import Call, Run
from recourse.plan.scopes import Scopes
from recourse.plan.unheard import Unheard

__all__ = ["arun_inline", "cut_off", "operate", "quietly", "slept", "soon"]


async def slept(runtime: Runtime, seconds: float, key: str) -> BaseException | None:
    """Wait between attempts, unless the executor is closed; what ended the wait early."""
    loop = asyncio.get_running_loop()
    wake: asyncio.Future[None] = loop.create_future()
    woke: list[BaseException] = []

    def post(error: BaseException) -> None:
        woke.append(error)
        wake_up(wake)

    runtime.sleepers[wake] = lambda error: soon(loop, post, error)
    try:
        # Looked at only now: whoever closes the executor later wakes this one.
        if runtime.closed:
            return ExecutorClosed(key)
        await runtime.clock.asleep(seconds, wake)
    except BaseException as error:  # the plan decides what passes on
        return error
    finally:
        runtime.sleepers.pop(wake, None)
    return woke[0] if woke else None


async def operate(call: Call | Unheard, run: Run) -> None:
    """Run the operation here and now; what it raises is kept, not raised."""
    token = enter(run.info)
    try:
        if call.scoped:
            with Scopes(call, run):
                await _awaited(call, run)
        else:
            await _awaited(call, run)
    except BaseException as error:  # the plan decides what passes on
        run.error = error
        if isinstance(error, asyncio.CancelledError):
            run.given = inner_cancelled()
    finally:
        leave(token)
        del token  # it knows the capture, and an error's traceback holds this frame
    run.ended_s = call.runtime.clock.monotonic_s()


async def _awaited(call: Call | Unheard, run: Run) -> None:
    result = call.operation()
    if type(result) is CoroutineType or not is_plain(result):
        run.value = await result
    else:
        run.error, run.given = plain_in_acall(), MISUSED


async def arun_inline(
    call: Call | Unheard, run: Run, work: Coroutine[Any, Any, None] | None = None
) -> None:
    """Run the operation in this task, cancelled at its limit as by ``asyncio.timeout``."""
    working = work or operate(call, run)
    task = asyncio.current_task()
    if run.limit_s is None or task is None:
        await working
        return
    clock = call.runtime.clock
    before = task.cancelling()
    fired = False

    def expire() -> None:
        nonlocal fired
        fired = True
        task.cancel()

    alarm = clock.call_later(
        asyncio.get_running_loop(), max(0.0, run.limit_s - clock.monotonic_s()), expire
    )
    try:
        await working
    finally:
        alarm.cancel()
    if fired:
        ours = task.uncancel() <= before
        cut_off(run, ours=ours)


def cut_off(run: Run, *, ours: bool) -> None:
    """Read what an operation that was cancelled at its limit made of it."""
    error = run.error
    if isinstance(error, asyncio.CancelledError):
        # When the caller has cancelled too, the cancellation is the caller's.
        if ours:
            run.error, run.given, run.expired = None, None, True
    elif isinstance(error, Exception):
        run.expired = True
    else:
        run.outlasted = True


def soon(loop: asyncio.AbstractEventLoop, callback: Any, item: Any) -> None:
    """Call back on the loop from any thread; a loop that is gone needs no call."""
    try:
        loop.call_soon_threadsafe(callback, item)
    except RuntimeError:
        return


async def quietly(rest: Awaitable[Any]) -> None:
    """Await the closing of a value that nobody waits for."""
    try:
        await rest
    except Exception:  # nobody can use its error
        return
