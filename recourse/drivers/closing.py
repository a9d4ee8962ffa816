"""Closing an executor: wake who sleeps, wait for what runs, then let it go."""

import asyncio
import threading
from typing import Any, Final

from recourse.clock import wake_up
from recourse.drivers.awaited import soon
from recourse.errors import ExecutorClosed
from recourse.plan.bound import Runtime

__all__ = ["aclose_runtime", "close_runtime"]

# What is cancelled after the grace gets so long to clean up.
_CLEAN_UP_S: Final = 1.0


def close_runtime(runtime: Runtime, grace_s: float) -> None:
    """Stop from a thread. Threads that are still running after the grace are left, being daemons."""
    _wake_sleepers(runtime)
    _join(runtime, runtime.clock.monotonic_s() + grace_s)
    _wake_waiters(runtime)


async def aclose_runtime(runtime: Runtime, grace_s: float) -> None:
    """Stop from a coroutine; tasks that are still running after the grace are cancelled."""
    _wake_sleepers(runtime)
    until_s = runtime.clock.monotonic_s() + grace_s
    tasks = _tasks(runtime)
    if tasks:
        await asyncio.wait(tasks, timeout=grace_s)
    if _threads(runtime):
        await _joined(runtime, until_s)
    _wake_waiters(runtime)
    tasks = _tasks(runtime)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CLEAN_UP_S)


def _wake_sleepers(runtime: Runtime) -> None:
    runtime.closed = True
    for wake in list(runtime.sleepers.values()):
        wake(ExecutorClosed())


def _wake_waiters(runtime: Runtime) -> None:
    runtime.deserted = True
    for wake in list(runtime.waiters.values()):
        wake(ExecutorClosed())


def _join(runtime: Runtime, until_s: float) -> None:
    """Wait for threads, those included that are started meanwhile."""
    clock = runtime.clock
    while (threads := _threads(runtime)) and (left_s := until_s - clock.monotonic_s()) > 0:
        threads[0].join(left_s)


async def _joined(runtime: Runtime, until_s: float) -> None:
    """Wait for threads in one more thread, so that the loop goes on."""
    loop = asyncio.get_running_loop()
    joined = loop.create_future()

    def join() -> None:
        _join(runtime, until_s)
        soon(loop, wake_up, joined)

    runtime.clock.spawn(join, "closing-recourse")
    await joined


def _threads(runtime: Runtime) -> list[threading.Thread]:
    own = threading.current_thread()
    return [each for each in list(runtime.threads) if each is not own and each.is_alive()]


def _tasks(runtime: Runtime) -> set[asyncio.Task[None]]:
    """Tasks on this loop, those included that a caller waits for; one may ask that itself is to end."""
    own, loop = asyncio.current_task(), asyncio.get_running_loop()
    waiting: list[Any] = [each for each in list(runtime.waiters) if isinstance(each, asyncio.Task)]
    tasks = (*list(runtime.tasks), *waiting)
    return {each for each in tasks if each is not own and each.get_loop() is loop}
