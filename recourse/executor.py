"""The executor: configuration, and which driver runs what."""

import os
import random as random_module
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from recourse.budget.protocol import Budget
from recourse.circuit.registry import Circuits
from recourse.classify.protocol import Classifier
from recourse.clock import Clock, SystemClock
from recourse.drivers.closing import aclose_runtime, close_runtime
from recourse.drivers.misuse import check_stream
from recourse.drivers.ways import Ways
from recourse.drivers.wrapping import guarded
from recourse.duration import seconds
from recourse.hedge.protocol import Trigger
from recourse.key import PolicyKey
from recourse.observer import Observer
from recourse.policy.model import Policy
from recourse.wiring import Options, OwnChance, resolver_of, runtime_of, tell_transitions

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
        PolicyError: An option has a value that it must not have, or contradicts another.
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
            observers=observers,
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
            clock=SystemClock() if clock is None else clock,
            random=OwnChance() if random is None else random,
            environment=os.environ,
        )
        self._runtime = runtime_of(options)
        self._resolver = resolver_of(options, self._runtime)
        self._end_telling = tell_transitions(self._resolver.circuits, self._runtime)
        self._ways = Ways(self._runtime, self._resolver)
        self._calls = self._ways.calls
        self._acalls = self._ways.acalls

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
        calls = self._calls.get(key)
        if calls is None:
            return self._ways.carry(key, op, args, kwargs)
        return calls.call(op, args, kwargs)

    def acall(
        self,
        key: str | PolicyKey,
        op: Callable[P, Awaitable[T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        """Await ``op(*args, **kwargs)`` under the policy of ``key`` and return what it gives.

        Raises:
            Exception: The operation's own, of its last attempt; or one of :mod:`recourse.errors`.
        """
        calls = self._acalls.get(key)
        if calls is None:
            return self._ways.acarry(key, op, args, kwargs)
        return calls.acall(op, args, kwargs)

    def carry(
        self,
        key: str | PolicyKey,
        op: Callable[..., T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> T:
        """As :meth:`call`, for those who have the arguments in hand."""
        calls = self._calls.get(key)
        if calls is None:
            return self._ways.carry(key, op, args, kwargs)
        return calls.call(op, args, kwargs)

    def acarry(
        self,
        key: str | PolicyKey,
        op: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Coroutine[Any, Any, T]:
        """As :meth:`acall`, for those who have the arguments in hand."""
        calls = self._acalls.get(key)
        if calls is None:
            return self._ways.acarry(key, op, args, kwargs)
        return calls.acall(op, args, kwargs)

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
        return self._ways.stream(key, partial(op, *args, **kwargs))

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
        return self._ways.astream(key, partial(op, *args, **kwargs))

    def guard(self, key: str | PolicyKey) -> Callable[[F], F]:
        """Decorate a function, coroutine function or generator function: every call is governed."""

        def decorate(function: F) -> F:
            wrapped: F = guarded(self, key, function)
            return wrapped

        return decorate

    def close(self, grace_s: float | timedelta = 5.0) -> None:
        """Stop: sleeping calls wake with ``ExecutorClosed``, what runs has ``grace_s`` to end."""
        self._shut()
        close_runtime(self._runtime, seconds("grace_s", grace_s))
        self._end_telling()  # breakers that are shared would keep what is closed

    async def aclose(self, grace_s: float | timedelta = 5.0) -> None:
        """As :meth:`close`, without blocking the event loop."""
        self._shut()
        await aclose_runtime(self._runtime, seconds("grace_s", grace_s))
        self._end_telling()

    def _shut(self) -> None:
        # In this order: a key that is resolved in between finds the executor closed.
        self._runtime.closed = True
        self._ways.shut()

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
