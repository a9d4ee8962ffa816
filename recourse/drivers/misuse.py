"""Operations of the wrong colour: said at once, never retried."""

import functools
import inspect
from collections.abc import Callable
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType
from typing import Any, Final

from recourse.outcome import Outcome, OutcomeKind
from recourse.reasons import Reason

__all__ = [
    "MISUSED",
    "PLAIN",
    "awaitable_in_call",
    "check_acall",
    "check_call",
    "check_stream",
    "flags_of",
    "is_plain",
    "misuse_in_call",
    "misused",
    "not_for_astream",
    "not_for_stream",
    "plain_in_acall",
]

MISUSED: Final = Outcome(OutcomeKind.ABORT, Reason.ABORT)

_GENERATOR: Final = inspect.CO_GENERATOR
_ASYNC_GENERATOR: Final = inspect.CO_ASYNC_GENERATOR
_COROUTINE: Final = inspect.CO_COROUTINE
_GENERATES: Final = _GENERATOR | _ASYNC_GENERATOR
_OTHER_COLOURS: Final = _GENERATES | _COROUTINE
# Values of these types are what operations give most often; the look for __await__ is spared them.
PLAIN: Final = frozenset(
    {type(None), bool, int, float, str, bytes, list, dict, tuple, set, frozenset}
)

_GENERATORS: Final = frozenset({GeneratorType, AsyncGeneratorType})


def is_plain(value: object) -> bool:
    """Whether a value is surely nothing to await."""
    kind = type(value)
    return kind in PLAIN or not hasattr(kind, "__await__")


def flags_of(operation: Any) -> int:
    """The code flags of a function, or of what a partial or callable object runs."""
    if type(operation) is FunctionType:
        return operation.__code__.co_flags
    while isinstance(operation, functools.partial):
        operation = operation.func
    code = getattr(operation, "__code__", None)
    if code is None:
        # The class's own method: an attribute of the instance would not be what a call runs.
        method = inspect.getattr_static(_kind(operation), "__call__", None)
        code = getattr(method, "__code__", None)
    return getattr(code, "co_flags", 0)


def _kind(value: object) -> type[object]:
    return type(value)


def check_call(operation: Any, verb: str = "call") -> None:
    """Refuse what ``call`` cannot run.

    Raises:
        TypeError: A generator function, or a coroutine function.
    """
    # Looked at here, because most operations are plain functions.
    if type(operation) is FunctionType and not operation.__code__.co_flags & _OTHER_COLOURS:
        return
    flags = flags_of(operation)
    if not flags & _OTHER_COLOURS and callable(operation):
        return
    _check_callable(operation, verb)
    _check_generator(flags, verb)
    message = f"{verb}() got a coroutine function; use a{verb}()"
    raise TypeError(message)


def check_acall(operation: Any, verb: str = "acall") -> None:
    """Refuse what ``acall`` cannot run.

    Raises:
        TypeError: A generator function of either kind.
    """
    # Likewise: most are coroutine functions.
    if type(operation) is FunctionType and not operation.__code__.co_flags & _GENERATES:
        return
    _check_callable(operation, verb)
    _check_generator(flags_of(operation), verb)


def check_stream(operation: Any) -> None:
    """Refuse what a stream cannot run.

    Raises:
        TypeError: It is not callable, or a coroutine function.
    """
    _check_callable(operation, "stream")
    if flags_of(operation) & _COROUTINE:
        message = "stream() got a coroutine function; use acall()"
        raise TypeError(message)


def _check_callable(operation: Callable[..., Any], verb: str) -> None:
    if not callable(operation):
        message = f"{verb}() needs a callable operation, not {type(operation).__name__}"
        raise TypeError(message)


def _check_generator(flags: int, verb: str) -> None:
    if flags & _GENERATOR:
        message = f"{verb}() got a generator function; use stream()"
        raise TypeError(message)
    if flags & _ASYNC_GENERATOR:
        message = f"{verb}() got an async generator function; use astream()"
        raise TypeError(message)


class Misuse(TypeError):
    """An operation of the wrong colour; raised as what it is, a ``TypeError`` of the caller's."""


def misused(error: Exception | None) -> Outcome | None:
    """The outcome of an error that says an operation was of the wrong colour."""
    return MISUSED if isinstance(error, Misuse) else None


def misuse_in_call(operation: Any, value: Any) -> Misuse | None:
    """The error for what ``call`` got and cannot return; ``None`` for a value that it can."""
    if not is_plain(value):
        return awaitable_in_call(value)
    wrong = type(value) in _GENERATORS and flags_of(operation) & _GENERATES
    return Misuse("the operation is a generator function; use stream()") if wrong else None


def awaitable_in_call(value: Any) -> Misuse:
    """The error for an operation of ``call`` that returned an awaitable; a coroutine is closed."""
    _close_coroutine(value)
    return Misuse("the operation returned an awaitable; use acall()")


def plain_in_acall() -> Misuse:
    """The error for an operation of ``acall`` that returned no awaitable."""
    return Misuse("the operation returned a plain value; use call()")


def not_for_stream(value: Any) -> Misuse:
    """The error for an operation of ``stream`` that returned nothing to iterate over."""
    _close_coroutine(value)
    return Misuse(
        "the operation returned no iterable; use call(), or astream() for async iterables"
    )


def not_for_astream(value: Any) -> Misuse:
    """The error for an operation of ``astream`` that returned no asynchronous iterable."""
    _close_coroutine(value)
    return Misuse(
        "the operation returned no async iterable; use acall(), or stream() for iterables"
    )


def _close_coroutine(value: Any) -> None:
    if isinstance(value, CoroutineType):
        value.close()
