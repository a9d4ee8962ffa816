"""First attempts under a limit, of calls that nobody hears: what asynchronous calls mostly are."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import CoroutineType
from typing import Any, Final, TypeVar, cast

from recourse.attempt import AttemptInfo, FirstAttempt
from recourse.circuit.protocol import Admission
from recourse.context import Ambient, enter, leave
from recourse.drivers.aio import ago_on
from recourse.drivers.awaited import cut_off
from recourse.drivers.lanes import Lanes
from recourse.drivers.misuse import check_acall, is_plain, plain_in_acall
from recourse.drivers.threads import given
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Run
from recourse.plan.govern import Bind
from recourse.plan.unheard import Unheard

__all__ = ["LimitedCalls"]

T = TypeVar("T")

_new: Final = object.__new__


class LimitedCalls:
    """Carries such calls out in the caller's task. What is not a plain success goes on elsewhere."""

    __slots__ = ("_bind", "_lanes", "_now_s", "_runtime")

    def __init__(self, runtime: Runtime, bind: Bind, lanes: Lanes) -> None:
        self._runtime = runtime
        self._bind = bind
        self._lanes = lanes
        self._now_s = runtime.clock.monotonic_s

    async def call(
        self,
        bound: Bound,
        ambient: Ambient | AttemptInfo | None,
        lease: Admission,
        op: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> T:
        """Await ``op(*args, **kwargs)``, cancelled at its limit as by ``asyncio.timeout``.

        Args:
            bound: The key under its policy.
            ambient: What surrounds the call; nothing in it matters to an attempt.
            lease: What lets the attempt through the breaker.
            op: What an attempt runs.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
        """
        info = FirstAttempt()
        info.bearings = bound
        length_s = bound.limit_s or 0.0
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        before = 0 if task is None else task.cancelling()
        lane = self._lanes.lane(loop, length_s)
        began_s = self._now_s()
        limit_s = began_s + length_s
        info.limit(limit_s)
        lane.arm(info, limit_s, _nothing if task is None else task.cancel)
        token = enter(info)
        run: Run | None = None
        value: T = cast("T", None)
        try:
            # Without keywords, which cost a dictionary even when there are none.
            result = op(*args, **kwargs) if kwargs else op(*args)
            kind: type[object] = type(result)
            if kind is not CoroutineType and is_plain(result):
                raise plain_in_acall()  # noqa: TRY301  # it is told as an operation's own error
            value = await result
        except BaseException as error:  # the plan decides what passes on
            run = _failed(Run(info, 0, 0, began_s), error)
        finally:
            leave(token)
            in_time = lane.disarm(info)
        if in_time and run is None and bound.circuit.calm is lease:
            return value
        if run is None:
            run = Run(info, 0, 0, began_s)
            run.value = value
        elif isinstance(run.error, TypeError):
            check_acall(op)
        run.limit_s, run.admission = limit_s, lease
        if task is not None and not in_time:
            cut_off(run, ours=task.uncancel() <= before)
        unheard = Unheard(self._runtime, bound, partial(op, *args, **kwargs), ambient, run)
        del run  # its error's traceback holds this frame
        return cast("T", await self._gone_on(unheard))

    async def _gone_on(self, unheard: Unheard) -> Any:
        """What a call comes to whose first attempt was not a plain success."""
        unheard.is_async = True
        run = unheard.run
        run.ended_s = self._now_s()
        is_well = run.error is None and not run.expired
        del run
        return unheard.succeeded() if is_well else await ago_on(unheard, self._bind)


def _nothing() -> None:
    """What is done at the limit of an attempt that runs in no task: it cannot be cancelled."""


def _failed(run: Run, error: BaseException) -> Run:
    """The attempt with what it raised, as the plan knows attempts."""
    run.error, run.given = error, given(error)
    return run
