"""First attempts of calls that somebody hears; what is no plain success is gone on with elsewhere."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from types import CoroutineType
from typing import Any, TypeVar

from recourse.attempt import AttemptInfo, HeardAttempt
from recourse.circuit.protocol import Admission
from recourse.context import TAPS, Ambient, Capture, enter, leave, surroundings
from recourse.drivers.aio import ago_on, aplanned
from recourse.drivers.misuse import (
    PLAIN,
    awaitable_in_call,
    check_acall,
    check_call,
    is_plain,
    plain_in_acall,
)
from recourse.drivers.threads import given, go_on, planned
from recourse.identity import CallInfo
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Call, Run
from recourse.plan.govern import Bind
from recourse.plan.heard import Heard
from recourse.plan.opening import TOLD, begun, new_call, succeeded
from recourse.plan.scopes import Around

__all__ = ["HeardCalls"]

T = TypeVar("T")


class HeardCalls:
    """The calls of one key, which follow a policy that never changes.

    Only a capture may be around a first attempt that is made here, and its breaker must be calm:
    every other call is the plan's from its beginning.
    """

    __slots__ = ("_bind", "_bound", "_now_s", "_runtime")

    def __init__(self, runtime: Runtime, bind: Bind, bound: Bound) -> None:
        self._runtime = runtime
        self._bind = bind
        self._bound = bound
        self._now_s = runtime.clock.monotonic_s

    def call(self, op: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        """Run ``op(*args, **kwargs)`` in the caller's thread."""
        check_call(op)
        runtime, bound, now_s = self._runtime, self._bound, self._now_s
        operation = partial(op, *args, **kwargs) if args or kwargs else op
        lease, ambient = bound.circuit.calm, surroundings()
        if (
            lease is None
            or bound.limit_s is not None
            or (ambient is not None and not ambient.only_captures)
        ):
            del ambient  # what it captures are errors, whose tracebacks hold this frame
            return self._planned(operation)
        audience = runtime.listeners() if TAPS.observers else runtime.audience
        info = new_call(runtime, bound, now_s())
        start = begun(audience, info, bound)
        attempt = HeardAttempt()
        attempt.bearings, attempt.call = bound, info
        capture = None if ambient is None else _capture(ambient, attempt)
        del ambient
        value: Any = None
        failed: BaseException | None = None
        token = enter(attempt)
        try:
            if audience.scoped:
                with Around(audience.scoped, audience.failed, start):
                    value = operation()
            else:
                value = operation()
            if type(value) not in PLAIN and not is_plain(value):
                failed = awaitable_in_call(value)
        except BaseException as error:  # the plan decides what passes on
            failed = error
        finally:
            leave(token)
            del token
        if failed is None and bound.circuit.calm is lease:
            if audience.ends or capture is not None:
                succeeded(audience, info, attempt, now_s(), capture)
            first: T = value
            return first
        run = _run(attempt, info, now_s(), lease, failed)
        run.value, run.start = value, start
        heard = Heard(runtime, bound, operation, run, info, audience, capture)
        # A captured error's traceback holds this frame, and must not lead back to it.
        del failed, capture
        came: T = heard.succeeded() if run.error is None else go_on(heard, self._bind)
        return came

    async def acall(
        self, op: Callable[..., Awaitable[T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        """Await ``op(*args, **kwargs)`` in the caller's task."""
        check_acall(op)
        runtime, bound, now_s = self._runtime, self._bound, self._now_s
        operation = partial(op, *args, **kwargs) if args or kwargs else op
        lease, ambient = bound.circuit.calm, surroundings()
        # The executor may have been closed since this coroutine was made.
        if (
            lease is None
            or bound.is_timed
            or runtime.closed
            or (ambient is not None and not ambient.only_captures)
        ):
            del ambient  # what it captures are errors, whose tracebacks hold this frame
            return await self._aplanned(operation)
        audience = runtime.listeners() if TAPS.observers else runtime.audience
        info = new_call(runtime, bound, now_s())
        start = begun(audience, info, bound)
        attempt = HeardAttempt()
        attempt.bearings, attempt.call = bound, info
        capture = None if ambient is None else _capture(ambient, attempt)
        del ambient
        value: Any = None
        failed: BaseException | None = None
        token = enter(attempt)
        try:
            if audience.scoped:
                with Around(audience.scoped, audience.failed, start):
                    value = await _awaitable(operation())
            else:
                value = await _awaitable(operation())
        except BaseException as error:  # the plan decides what passes on
            failed = error
        finally:
            leave(token)
            del token
        if failed is None and bound.circuit.calm is lease:
            if audience.ends or capture is not None:
                succeeded(audience, info, attempt, now_s(), capture)
            first: T = value
            return first
        run = _run(attempt, info, now_s(), lease, failed)
        run.value, run.start = value, start
        heard = Heard(runtime, bound, operation, run, info, audience, capture)
        # A captured error's traceback holds this frame, and must not lead back to it.
        del failed, capture
        heard.is_async = True
        came: T = heard.succeeded() if run.error is None else await ago_on(heard, self._bind)
        return came

    def _planned(self, operation: Callable[[], T]) -> T:
        value: T = planned(Call.begun(self._runtime, self._bound.key, operation), self._bind)
        return value

    def _aplanned(self, operation: Callable[[], Awaitable[T]]) -> Coroutine[Any, Any, T]:
        return aplanned(Call.begun(self._runtime, self._bound.key, operation), self._bind)


def _capture(ambient: Ambient | AttemptInfo, attempt: HeardAttempt) -> Capture | None:
    """The capture around the call; the attempt knows of it when it wants nested calls too."""
    capture = ambient.capture
    if capture is not None and capture.nested:
        attempt.within(ambient)
    return capture


def _awaitable(result: object) -> Any:
    kind: type[object] = type(result)
    if kind is CoroutineType or not is_plain(result):
        return result
    raise plain_in_acall()


def _run(
    attempt: HeardAttempt,
    info: CallInfo,
    ended_s: float,
    lease: Admission,
    failed: BaseException | None,
) -> Run:
    """The attempt that was made, as the plan knows attempts."""
    run = Run(attempt, 0, 0, info.started_s)
    run.ended_s, run.admission, run.error = ended_s, lease, failed
    info.numbered = TOLD
    run.given = given(failed)
    return run
