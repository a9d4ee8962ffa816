"""First attempts of calls that nobody hears: what most calls of most processes are."""

from collections.abc import Awaitable, Callable
from functools import partial
from types import CoroutineType
from typing import Any, TypeVar

from recourse.attempt import AttemptInfo, FirstAttempt
from recourse.circuit.protocol import Admission
from recourse.context import TAPS, Ambient, enter, leave, surroundings
from recourse.drivers.aio import ago_on
from recourse.drivers.heard import HeardCalls
from recourse.drivers.hedged import HedgedCalls
from recourse.drivers.limited import LimitedCalls
from recourse.drivers.misuse import (
    PLAIN,
    check_acall,
    check_call,
    is_plain,
    misuse_in_call,
    plain_in_acall,
)
from recourse.drivers.threads import given, go_on
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Run
from recourse.plan.govern import Bind
from recourse.plan.success import Success
from recourse.plan.unheard import Unheard, over

__all__ = ["UnheardCalls"]

T = TypeVar("T")


class UnheardCalls:
    """The calls of one key, which follow a policy that never changes.

    Nothing is built for a first attempt that succeeds, unless a block around it records timelines. What
    is no plain success is gone on with, and a call that somebody hears after all, or whose breaker is
    not calm, is made elsewhere.

    Args:
        runtime: What all calls of the executor share.
        bind: Resolves policies, for calls that the plan takes over.
        bound: The key under its policy.
        timed: Carries out asynchronous first attempts that have a limit, or may be hedged.
    """

    __slots__ = (
        "_bind",
        "_bound",
        "_circuit",
        "_heard",
        "_is_heard",
        "_limit_s",
        "_now_s",
        "_runtime",
        "_timed",
    )

    def __init__(
        self,
        runtime: Runtime,
        bind: Bind,
        bound: Bound,
        timed: LimitedCalls | HedgedCalls | None,
    ) -> None:
        self._runtime = runtime
        self._bind = bind
        self._bound = bound
        self._timed = timed
        self._heard = HeardCalls(runtime, bind, bound)
        self._is_heard = bool(runtime.audience.observers)
        # At hand here, because looking them up in two steps takes twice as long.
        self._circuit = bound.circuit
        self._limit_s = bound.limit_s
        self._now_s = runtime.clock.monotonic_s

    def call(self, op: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        """Run ``op(*args, **kwargs)`` in the caller's thread."""
        circuit, ambient, now_s = self._circuit, surroundings(), self._now_s
        lease = circuit.calm
        if (
            lease is None
            or self._is_heard
            or TAPS.observers
            or (ambient is not None and not ambient.is_bare and not self._may_record(ambient))
        ):
            del ambient  # what it captures are errors, whose tracebacks hold this frame
            return self._heard.call(op, args, kwargs)
        info = FirstAttempt()
        info.bearings = self._bound
        began_s = now_s()
        limit_s = self._limit_s
        if limit_s is not None:
            info.limit(began_s + limit_s)
        token = enter(info)
        try:
            # Unpacking costs, even when there is nothing to unpack.
            value = op(*args, **kwargs) if kwargs else op(*args) if args else op()
        except Exception as error:  # judged outside this block
            failed: BaseException | None = error
        except BaseException as error:  # likewise, for the capture
            if ambient is None or ambient.is_bare:
                raise
            failed = error
        else:
            if (
                type(value) in PLAIN
                and circuit.calm is lease
                and (ambient is None or ambient.is_bare)
            ):
                return value
            failed = misuse_in_call(op, value)
            if failed is None:
                self._well(info, began_s, lease, ambient)
                return value
        finally:
            leave(token)
        if isinstance(failed, TypeError):
            check_call(op)
        run = _ended(info, began_s, now_s(), lease, failed)
        unheard = Unheard(self._runtime, self._bound, partial(op, *args, **kwargs), ambient, run)
        # A captured error's traceback holds this frame, and must not lead back to it.
        del failed, ambient, token
        del run
        gone_on: T = go_on(unheard, self._bind)
        return gone_on

    async def acall(
        self, op: Callable[..., Awaitable[T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        """Await ``op(*args, **kwargs)`` in the caller's task."""
        circuit, ambient, now_s = self._circuit, surroundings(), self._now_s
        lease = circuit.calm
        if (
            lease is None
            or self._is_heard
            or TAPS.observers
            or self._runtime.closed  # since the coroutine was made
            or (ambient is not None and not ambient.is_bare and not self._may_record(ambient))
        ):
            del ambient
            return await self._heard.acall(op, args, kwargs)
        if self._timed is not None:
            return await self._timed.call(self._bound, ambient, lease, op, args, kwargs)
        info = FirstAttempt()
        info.bearings = self._bound
        began_s = now_s()
        token = enter(info)
        try:
            result = op(*args, **kwargs) if kwargs else op(*args) if args else op()
            kind: type[object] = type(result)
            if kind is CoroutineType or not is_plain(result):
                value = await result
                if circuit.calm is not lease or (ambient is not None and not ambient.is_bare):
                    self._well(info, began_s, lease, ambient)
                return value
            failed: BaseException = plain_in_acall()
        except Exception as error:  # judged outside this block
            failed = error
        except BaseException as error:  # likewise, for the capture
            if ambient is None or ambient.is_bare:
                raise
            failed = error
        finally:
            leave(token)
        if isinstance(failed, TypeError):
            check_acall(op)
        run = _ended(info, began_s, now_s(), lease, failed)
        unheard = Unheard(self._runtime, self._bound, partial(op, *args, **kwargs), ambient, run)
        # A captured error's traceback holds this frame, and must not lead back to it.
        del failed, ambient, token
        unheard.is_async = True
        del run
        gone_on: T = await ago_on(unheard, self._bind)
        return gone_on

    def _may_record(self, ambient: Ambient | AttemptInfo) -> bool:
        """Whether nothing is around a call but a block that records it, and no nested ones."""
        capture = ambient.capture if ambient.only_captures else None
        return capture is not None and not capture.nested and not self._bound.is_timed

    def _well(
        self,
        info: AttemptInfo,
        began_s: float,
        lease: Admission,
        ambient: Ambient | AttemptInfo | None,
    ) -> None:
        """Tell of a success: the breaker, if it is not as calm as it was, and the capture."""
        runtime, bound = self._runtime, self._bound
        capture = None if ambient is None else ambient.capture
        if capture is not None and bound.circuit.calm is lease:
            capture.record(Success(runtime, bound, info, began_s))
            return
        run = _ended(info, began_s, self._now_s(), lease, None)
        Unheard(runtime, bound, over, ambient, run).succeeded()


def _ended(
    info: AttemptInfo,
    began_s: float,
    ended_s: float,
    lease: Admission,
    failed: BaseException | None,
) -> Run:
    """The attempt that was made, as the plan knows attempts."""
    run = Run(info, 0, 0, began_s)
    run.ended_s, run.admission, run.error = ended_s, lease, failed
    run.given = given(failed)
    return run
