"""Watching functions that tenacity retries: every attempt is told, nothing is changed."""

import functools
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

_CURRENT: Final[ContextVar[WatchedCall | None]] = ContextVar("recourse.tenacity", default=None)
_UNKNOWN_ATTEMPTS: Final = 10


def watched(
    key: str, observers: Sequence[Observer] | None = None, *, clock: Clock | None = None
) -> Callable[[F], F]:
    """Decorate a function that tenacity has decorated: ``@watched("…")`` above ``@retry(…)``.

    Its own hooks are called as before. tenacity has none for a success, so the function is wrapped.

    Args:
        key: The policy key that the calls shall have.
        observers: Who is told; those of the process's executor when left out.
        clock: What times are read on.
    """
    watching = Watch("tenacity", observers, clock)

    def decorate(function: F) -> F:
        decorated: Any = function
        retrying = decorated.retry
        hooked = decorated.retry_with(
            before=_with(_before, retrying.before),
            after=_with(_after, retrying.after),
            before_sleep=_with(_before_sleep, retrying.before_sleep),
        )
        attempts = getattr(retrying.stop, "max_attempt_number", _UNKNOWN_ATTEMPTS)

        def begin() -> WatchedCall:
            return watching.call(key, int(attempts))

        around = _around_coroutine if inspect.iscoroutinefunction(function) else _around
        return cast("F", around(function, hooked, begin))

    return decorate


def _around(
    function: Callable[..., Any], hooked: Callable[..., Any], begin: Callable[[], WatchedCall]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with _told(begin()):
            return hooked(*args, **kwargs)

    return wrapped


def _around_coroutine(
    function: Callable[..., Any], hooked: Callable[..., Any], begin: Callable[[], WatchedCall]
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        with _told(begin()):
            return await hooked(*args, **kwargs)

    return wrapped


@contextmanager
def _told(call: WatchedCall) -> Generator[None]:
    token = _CURRENT.set(call)
    try:
        yield
    except BaseException as error:
        call.ended(error, outcome=_given_up(call, error))
        raise
    else:
        call.ended()
    finally:
        _CURRENT.reset(token)


def _given_up(call: WatchedCall, error: BaseException) -> Outcome | None:
    """What the last attempt meant: an attempt that still runs failed with what nobody retries."""
    if not call.is_running:
        return None
    outcome = outcome_of(error)
    if outcome.kind is not OutcomeKind.RETRYABLE:
        return outcome
    return Outcome(OutcomeKind.NON_RETRYABLE, "", {"cause": outcome.reason})


def _with(ours: Callable[[Any], None], theirs: Any) -> Callable[[Any], Any]:
    """A hook that calls ours, and then theirs if there is one."""

    def hook(state: Any) -> Any:
        ours(state)
        return None if theirs is None else theirs(state)

    async def ahook(state: Any) -> None:
        ours(state)
        await theirs(state)

    return ahook if inspect.iscoroutinefunction(theirs) else hook


def _before(state: Any) -> None:
    del state
    call = _CURRENT.get()
    if call is not None:
        call.attempt_started()


def _after(state: Any) -> None:
    call = _CURRENT.get()
    if call is None:
        return
    error = state.outcome.exception()
    if error is None:  # a value that the function's own rule rejects
        call.attempt_ended(Outcome(OutcomeKind.RETRYABLE, "result_rejected"))
        return
    outcome = outcome_of(error)
    call.attempt_ended(Outcome(OutcomeKind.RETRYABLE, outcome.reason, outcome.attributes), error)


def _before_sleep(state: Any) -> None:
    call = _CURRENT.get()
    if call is not None:
        call.waits(float(state.next_action.sleep))
