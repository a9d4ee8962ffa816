"""Watching functions that stamina retries: every attempt is told, nothing is changed."""

import functools
import importlib
import inspect
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar, cast

from recourse.clock import Clock
from recourse.integrations.watch import Watch, WatchedCall, outcome_of
from recourse.observer import Observer
from recourse.outcome import Outcome, OutcomeKind

__all__ = ["watched"]

F = TypeVar("F", bound=Callable[..., Any])

_CURRENT: Final[ContextVar[WatchedCall | None]] = ContextVar("recourse.stamina", default=None)


def watched(
    key: str,
    observers: Sequence[Observer] | None = None,
    *,
    max_attempts: int = 10,
    clock: Clock | None = None,
) -> Callable[[F], F]:
    """Decorate a function that stamina has decorated: ``@watched("…")`` above ``@retry(…)``.

    stamina tells of retries only, neither of a success nor of the last failure, so the function is
    wrapped as well. Its other hooks stay; do not set hooks after this.

    Args:
        key: The policy key that the calls shall have.
        observers: Who is told; those of the process's executor when left out.
        max_attempts: What ``attempts`` says to stamina; its default is ten.
        clock: What times are read on.
    """
    watching = Watch("stamina", observers, clock)

    def decorate(function: F) -> F:
        _hook_in()
        around = _around_coroutine if inspect.iscoroutinefunction(function) else _around
        return cast("F", around(function, lambda: watching.call(key, max_attempts)))

    return decorate


def _around(function: Callable[..., Any], begin: Callable[[], WatchedCall]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with _told(begin()):
            return function(*args, **kwargs)

    return wrapped


def _around_coroutine(
    function: Callable[..., Any], begin: Callable[[], WatchedCall]
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        with _told(begin()):
            return await function(*args, **kwargs)

    return wrapped


@contextmanager
def _told(call: WatchedCall) -> Generator[None]:
    token = _CURRENT.set(call)
    call.attempt_started()
    try:
        with call:
            yield
    finally:
        _CURRENT.reset(token)


def _hook_in() -> None:
    """Be among stamina's hooks, once."""
    stamina: Any = importlib.import_module("stamina.instrumentation")
    hooks = stamina.get_on_retry_hooks()
    if _on_retry not in hooks:
        stamina.set_on_retry_hooks((*hooks, _on_retry))


@contextmanager
def _waiting(call: WatchedCall) -> Generator[None]:
    """Left by stamina right before it tries again."""
    yield
    call.attempt_started()


def _on_retry(details: Any) -> Any:
    """The hook: an attempt has failed, and stamina will wait and try again."""
    call = _CURRENT.get()
    if call is None:
        return None
    error = details.caused_by
    outcome = outcome_of(error)
    call.attempt_ended(Outcome(OutcomeKind.RETRYABLE, outcome.reason, outcome.attributes), error)
    call.waits(float(details.wait_for))
    return _waiting(call)
