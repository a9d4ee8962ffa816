"""The executor: configuration, and which driver runs what."""

import itertools
import os
import random as random_module
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import timedelta
from functools import partial
from types import CoroutineType, TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from recourse.attempt import AttemptInfo, FirstAttempt
from recourse.budget.protocol import Budget
from recourse.circuit.protocol import Admission
from recourse.circuit.registry import Circuits
from recourse.classify.protocol import Classifier
from recourse.clock import Clock, SystemClock
from recourse.context import TAPS, Ambient, enter, leave, surroundings
from recourse.drivers.aio import adrive, ago_on
from recourse.drivers.closing import aclose_runtime, close_runtime
from recourse.drivers.heard import acall_heard, call_heard
from recourse.drivers.hedged import HedgedCalls
from recourse.drivers.lanes import Lanes
from recourse.drivers.limited import LimitedCalls
from recourse.drivers.misuse import (
    PLAIN,
    check_acall,
    check_call,
    check_stream,
    is_plain,
    misuse_in_call,
    misused,
    plain_in_acall,
)
from recourse.drivers.streams import adrive_stream, drive_stream
from recourse.drivers.threads import drive, go_on
from recourse.drivers.wrapping import guarded
from recourse.duration import seconds
from recourse.hedge.protocol import Trigger
from recourse.key import PolicyKey
from recourse.observer import Observer
from recourse.plan.bound import Bound
from recourse.plan.call import Call, Run
from recourse.plan.govern import govern
from recourse.plan.unheard import Unheard
from recourse.policy.model import Policy
from recourse.wiring import Options, OwnChance, resolver_of, runtime_of

__all__ = ["Executor"]

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Executor:
    """Carries calls out under the policies of their keys.

    Args:
        policies: One per key; or give ``provider``.
        provider: Where policies come from: anything with ``get(key)``.
        default_policy: Followed by keys that have no policy.
        fallback_policy: Followed with ``missing_policy="fallback"`` when resolution fails.
        observers: Who is told of everything that happens.
        classifiers: Further classifiers, by the name that policies use.
        default_classifier: The classifier of policies that name none.
        budgets: Budgets by the name that policies use.
        triggers: Further hedge triggers, by name.
        circuits: Breakers, to share them between executors.
        missing_policy: ``deny``, ``allow`` (one plain attempt) or ``fallback``.
        missing_budget: ``deny`` or ``allow_unsafe``.
        missing_classifier: ``fallback`` (to ``default_classifier``) or ``deny``.
        missing_trigger: ``fallback`` (to a fixed delay) or ``deny`` (no hedging).
        sync_timeout: ``cooperative`` (inline, the operation reads ``remaining_s()``) or ``thread``.
        max_abandoned: Threads that may still run what nobody waits for any more.
        resolve_timeout_s: Longest wait for a provider.
        capture_messages: Whether events carry texts of errors.
        redact: Cleans such a text before anybody sees it.
        errors: ``last`` (the last attempt's own exception) or ``wrap`` (:class:`RetryExhausted`).
        key_guard: ``warn``, ``raise`` or ``off`` for keys that carry request data.
        max_keys: Keys with state of their own.
        clock: Time and waiting; the system's by default.
        random: Source of jitter and ids.

    Raises:
        PolicyError: An option has a value that is not listed, or contradicts another.
    """

    def __init__(  # noqa: PLR0913  # the pinned signature
        self,
        policies: Iterable[Policy] | None = None,
        *,
        provider: Any = None,
        default_policy: Policy | None = None,
        fallback_policy: Policy | None = None,
        observers: Sequence[Observer] = (),
        classifiers: Mapping[str, Classifier] | None = None,
        default_classifier: str = "auto",
        budgets: Mapping[str, Budget | None] | None = None,
        triggers: Mapping[str, Trigger] | None = None,
        circuits: Circuits | None = None,
        missing_policy: str = "deny",
        missing_budget: str = "deny",
        missing_classifier: str = "fallback",
        missing_trigger: str = "fallback",
        sync_timeout: str = "cooperative",
        max_abandoned: int = 32,
        resolve_timeout_s: float | timedelta = 0.25,
        capture_messages: bool = False,
        redact: Callable[[str], str] | None = None,
        errors: str = "last",
        key_guard: str = "warn",
        max_keys: int = 1000,
        clock: Clock | None = None,
        random: random_module.Random | None = None,
    ) -> None:
        options = Options(
            policies=policies,
            provider=provider,
            default_policy=default_policy,
            fallback_policy=fallback_policy,
            observers=tuple(observers),
            classifiers=classifiers,
            default_classifier=default_classifier,
            budgets=budgets,
            triggers=triggers,
            circuits=circuits,
            missing_policy=missing_policy,
            missing_budget=missing_budget,
            missing_classifier=missing_classifier,
            missing_trigger=missing_trigger,
            sync_timeout=sync_timeout,
            max_abandoned=max_abandoned,
            resolve_timeout_s=seconds("resolve_timeout_s", resolve_timeout_s),
            capture_messages=capture_messages,
            redact=redact,
            errors=errors,
            key_guard=key_guard,
            max_keys=max_keys,
            clock=clock or SystemClock(),
            random=random or OwnChance(),
            environment=os.environ,
        )
        self._runtime = runtime_of(options)
        self._resolver = resolver_of(options, self._runtime)
        self._bind = self._resolver.bind
        lanes = Lanes(self._runtime.clock)
        self._limited = LimitedCalls(self._runtime, self._bind, lanes)
        self._hedged = HedgedCalls(self._runtime, self._bind, lanes)
        self._now_s = self._runtime.clock.monotonic_s
        self._short = self._resolver.short
        self._ashort = self._resolver.ashort
        self._is_heard = bool(options.observers)

    @property
    def clock(self) -> Clock:
        """The clock that everything here follows."""
        return self._runtime.clock

    @property
    def observers(self) -> tuple[Observer, ...]:
        """Who is told of everything that happens here."""
        return self._runtime.audience.observers

    @property
    def circuits(self) -> Circuits:
        """The breakers, by key: to look at, isolate, force, disable or reset."""
        return self._resolver.circuits

    @property
    def observer_errors(self) -> int:
        """Exceptions that observers have raised so far."""
        return self._runtime.observer_errors

    def call(
        self, key: str | PolicyKey, op: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``op(*args, **kwargs)`` under the policy of ``key`` and return what it gives.

        Raises:
            Exception: The operation's own, of its last attempt; or one of :mod:`recourse.errors`.
        """
        bound = self._short.get(key)
        ambient = surroundings()
        if bound is None or (lease := bound.circuit.calm) is None:
            check_call(op)
            return self._planned(key, partial(op, *args, **kwargs))
        if self._is_heard or TAPS.observers or (ambient is not None and not ambient.is_bare):
            check_call(op)
            operation = partial(op, *args, **kwargs) if args or kwargs else op
            if bound.limit_s is not None or (ambient is not None and not ambient.only_captures):
                return self._planned(key, operation)
            del ambient  # what it captures are errors, whose tracebacks hold this frame
            return call_heard(self._runtime, self._bind, bound, lease, operation)
        # Nobody listens: nothing is built. What is not a plain success is gone on with elsewhere.
        info = FirstAttempt()
        info.bearings = bound
        now_s = self._now_s
        began_s = now_s()
        if bound.limit_s is not None:
            info.limit(began_s + bound.limit_s)
        token = enter(info)
        try:
            # Without keywords, which cost a dictionary even when there are none.
            value = op(*args, **kwargs) if kwargs else op(*args)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        except Exception as error:  # noqa: BLE001  # judged outside this block
            failed: Exception | None = error
        else:
            if type(value) in PLAIN and bound.circuit.calm is lease:
                return value
            failed = misuse_in_call(op, value)
            if failed is None:
                self._well(bound, info, began_s, lease, ambient)
                return value
        finally:
            leave(token)
        if isinstance(failed, TypeError):
            check_call(op)
        run = _ended(info, began_s, now_s(), lease, failed)
        del failed
        unheard = Unheard(self._runtime, bound, partial(op, *args, **kwargs), ambient, run)
        del run
        gone_on: T = go_on(unheard, self._bind)
        return gone_on

    async def acall(
        self,
        key: str | PolicyKey,
        op: Callable[P, Awaitable[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Await ``op(*args, **kwargs)`` under the policy of ``key`` and return what it gives.

        Raises:
            Exception: The operation's own, of its last attempt; or one of :mod:`recourse.errors`.
        """
        bound = self._ashort.get(key)
        ambient = surroundings()
        if bound is None or (lease := bound.circuit.calm) is None:
            check_acall(op)
            return await self._aplanned(key, partial(op, *args, **kwargs))
        if self._is_heard or TAPS.observers or (ambient is not None and not ambient.is_bare):
            check_acall(op)
            operation = partial(op, *args, **kwargs) if args or kwargs else op
            if bound.is_timed or (ambient is not None and not ambient.only_captures):
                return await self._aplanned(key, operation)
            del ambient
            return await acall_heard(self._runtime, self._bind, bound, lease, operation)
        if bound.is_timed:
            timed = self._limited if bound.hedge_s is None else self._hedged
            return await timed.call(bound, ambient, lease, op, args, kwargs)
        info = FirstAttempt()
        info.bearings = bound
        now_s = self._now_s
        began_s = now_s()
        token = enter(info)
        try:
            result = op(*args, **kwargs) if kwargs else op(*args)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
            kind: type[object] = type(result)
            if kind is CoroutineType or not is_plain(result):
                value = await result
                if bound.circuit.calm is not lease:
                    self._well(bound, info, began_s, lease, ambient)
                return value
            failed: Exception = plain_in_acall()
        except Exception as error:  # noqa: BLE001  # judged outside this block
            failed = error
        finally:
            leave(token)
        if isinstance(failed, TypeError):
            check_acall(op)
        run = _ended(info, began_s, now_s(), lease, failed)
        del failed
        unheard = Unheard(self._runtime, bound, partial(op, *args, **kwargs), ambient, run)
        unheard.is_async = True
        del run
        gone_on: T = await ago_on(unheard, self._bind)
        return gone_on

    def stream(
        self,
        key: str | PolicyKey,
        op: Callable[P, Iterable[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Iterator[T]:
        """Iterate over ``op(*args, **kwargs)``, retried until its first item and committed then.

        Nothing runs before the first item is asked for.
        """
        check_stream(op)
        call = self._new_call(key, partial(op, *args, **kwargs))
        call.is_stream = True
        return drive_stream(call, govern(call, self._bind))

    def astream(
        self,
        key: str | PolicyKey,
        op: Callable[P, AsyncIterable[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> AsyncIterator[T]:
        """Iterate asynchronously over ``op(*args, **kwargs)``, retried until its first item."""
        check_stream(op)
        call = self._new_call(key, partial(op, *args, **kwargs))
        call.is_async = call.is_stream = True
        return adrive_stream(call, govern(call, self._bind))

    def guard(self, key: str | PolicyKey) -> Callable[[F], F]:
        """Decorate a function, coroutine function or generator function: every call is governed."""

        def decorate(function: F) -> F:
            # Gives the executor without a frame of its own.
            wrapped: F = guarded(itertools.repeat(self).__next__, key, function)
            return wrapped

        return decorate

    def _new_call(self, key: str | PolicyKey, operation: Callable[[], Any]) -> Call:
        text = key if isinstance(key, str) and key else PolicyKey.parse(key).text
        info = self._runtime.new_call(text, self._now_s())
        return Call(self._runtime, info, operation, surroundings())

    def _planned(self, key: str | PolicyKey, operation: Callable[[], T]) -> T:
        """A call whose policy is new, or asks for more than one attempt at once."""
        call = self._new_call(key, operation)
        value: T = drive(call, govern(call, self._bind))
        return value

    async def _aplanned(self, key: str | PolicyKey, operation: Callable[[], Awaitable[T]]) -> T:
        call = self._new_call(key, operation)
        call.is_async = True
        value: T = await adrive(call, govern(call, self._bind))
        return value

    def _well(
        self,
        bound: Bound,
        info: AttemptInfo,
        began_s: float,
        lease: Admission,
        ambient: Ambient | AttemptInfo | None,
    ) -> None:
        """Tell the breaker of a success, unless it is as calm as when the attempt began."""
        if bound.circuit.calm is not lease:
            run = _ended(info, began_s, self._now_s(), lease, None)
            Unheard(self._runtime, bound, _nothing, ambient, run).succeeded()

    def close(self, grace_s: float | timedelta = 5.0) -> None:
        """Stop: sleeping calls wake with ``ExecutorClosed``, what runs has ``grace_s`` to end."""
        self._shut()
        close_runtime(self._runtime, seconds("grace_s", grace_s))

    async def aclose(self, grace_s: float | timedelta = 5.0) -> None:
        """As :meth:`close`, without blocking the event loop."""
        self._shut()
        await aclose_runtime(self._runtime, seconds("grace_s", grace_s))

    def _shut(self) -> None:
        # In this order: a key that is resolved in between finds the executor closed.
        self._runtime.closed = True
        self._short.clear()
        self._ashort.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _ended(
    info: AttemptInfo,
    began_s: float,
    ended_s: float,
    lease: Admission | None,
    failed: Exception | None,
) -> Run:
    """The attempt that a short path has made, as the plan knows attempts."""
    run = Run(info, 0, 0, began_s)
    run.ended_s, run.admission, run.error = ended_s, lease, failed
    if isinstance(failed, TypeError):
        run.given = misused(failed)
    return run


def _nothing() -> None:
    """What a call runs that is over."""
