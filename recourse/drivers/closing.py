"""Closing an executor: wake who sleeps, wait for what runs, then cut it off."""

import asyncio

from recourse.errors import ExecutorClosed
from recourse.plan.bound import Runtime

__all__ = ["aclose_runtime", "close_runtime"]


def _stop_sleepers(runtime: Runtime) -> None:
    runtime.closed = True
    for wake in list(runtime.sleepers.values()):
        wake(ExecutorClosed())


def _stop_waiters(runtime: Runtime) -> None:
    for wake in list(runtime.waiters.values()):
        wake(ExecutorClosed())


def close_runtime(runtime: Runtime, grace_s: float) -> None:
    """Stop from a thread. Threads that are still running after the grace are left, being daemons."""
    _stop_sleepers(runtime)
    clock = runtime.clock
    until_s = clock.monotonic_s() + grace_s
    for thread in list(runtime.threads):
        thread.join(max(0.0, until_s - clock.monotonic_s()))
    _stop_waiters(runtime)


async def aclose_runtime(runtime: Runtime, grace_s: float) -> None:
    """Stop from a coroutine; tasks that are still running after the grace are cancelled."""
    _stop_sleepers(runtime)
    own = asyncio.current_task()
    loop = asyncio.get_running_loop()
    tasks = {task for task in runtime.tasks if task is not own and task.get_loop() is loop}
    if tasks:
        _, running = await asyncio.wait(tasks, timeout=grace_s)
        _stop_waiters(runtime)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=grace_s)
    _stop_waiters(runtime)
    await asyncio.to_thread(close_runtime, runtime, grace_s)
