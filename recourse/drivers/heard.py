"""First attempts of calls that somebody hears; what is no plain success is gone on with elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any, TypeVar

from recourse.attempt import AttemptInfo, HeardAttempt
from recourse.circuit.protocol import Admission
from recourse.context import TAPS, Capture, enter, leave, surroundings
from recourse.drivers.aio import ago_on
from recourse.drivers.misuse import PLAIN, awaitable_in_call, is_plain, misused, plain_in_acall
from recourse.drivers.threads import go_on, inner_cancelled
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Run
from recourse.plan.govern import Bind
from recourse.plan.heard import Heard
from recourse.plan.opening import TOLD, begun, new_call, succeeded
from recourse.plan.scopes import Around

__all__ = ["acall_heard", "call_heard"]

T = TypeVar("T")


def call_heard(
    runtime: Runtime,
    bind: Bind,
    bound: Bound,
    lease: Admission,
    operation: Callable[[], T],
) -> T:
    """Run a call whose policy is known and whose breaker is calm, in the caller's thread.

    Nothing but a capture is around it.
    """
    now_s = runtime.clock.monotonic_s
    audience = runtime.listeners() if TAPS.observers else runtime.audience
    info = new_call(runtime, bound, now_s())
    start = begun(audience, info, bound)
    attempt = HeardAttempt(bound, info)
    capture = _capture(attempt)
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
    run = _run(attempt, info.started_s, now_s(), lease, failed)
    heard = Heard(runtime, bound, operation, run, info, audience, capture)
    run.value, run.start, info.numbered = value, start, TOLD
    # A captured error's traceback holds this frame, and must not lead back to it.
    del failed, capture
    given: T = heard.succeeded() if run.error is None else go_on(heard, bind)
    return given


async def acall_heard(
    runtime: Runtime,
    bind: Bind,
    bound: Bound,
    lease: Admission,
    operation: Callable[[], Awaitable[T]],
) -> T:
    """As :func:`call_heard`, awaited."""
    now_s = runtime.clock.monotonic_s
    audience = runtime.listeners() if TAPS.observers else runtime.audience
    info = new_call(runtime, bound, now_s())
    start = begun(audience, info, bound)
    attempt = HeardAttempt(bound, info)
    capture = _capture(attempt)
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
    run = _run(attempt, info.started_s, now_s(), lease, failed)
    heard = Heard(runtime, bound, operation, run, info, audience, capture)
    run.value, run.start, info.numbered = value, start, TOLD
    # A captured error's traceback holds this frame, and must not lead back to it.
    del failed, capture
    heard.is_async = True
    given: T = heard.succeeded() if run.error is None else await ago_on(heard, bind)
    return given


def _capture(attempt: HeardAttempt) -> Capture | None:
    """The capture around the call; the attempt knows of it when it wants nested calls too."""
    ambient = surroundings()
    if ambient is None:
        return None
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
    attempt: AttemptInfo,
    began_s: float,
    ended_s: float,
    lease: Admission,
    failed: BaseException | None,
) -> Run:
    """The attempt that was made, as the plan knows attempts."""
    run = Run(attempt, 0, 0, began_s)
    run.ended_s, run.admission, run.error = ended_s, lease, failed
    if isinstance(failed, asyncio.CancelledError):
        run.given = inner_cancelled()
    elif isinstance(failed, TypeError):
        run.given = misused(failed)
    return run
