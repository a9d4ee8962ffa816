"""Functions that are governed wherever they are called: what ``guard`` makes."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol

from recourse.drivers.misuse import flags_of
from recourse.key import PolicyKey

__all__ = ["Governor", "guarded"]


class Governor(Protocol):
    """What carries guarded calls out: an executor."""

    def call(self, key: str | PolicyKey, op: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`recourse.Executor.call`."""
        ...

    def acall(self, key: str | PolicyKey, op: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`recourse.Executor.acall`."""
        ...

    def stream(self, key: str | PolicyKey, op: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`recourse.Executor.stream`."""
        ...

    def astream(self, key: str | PolicyKey, op: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`recourse.Executor.astream`."""
        ...


def guarded(governor: Callable[[], Governor], key: str | PolicyKey, function: Any) -> Any:
    """``function`` with the same signature, governed under ``key``; sync, async or a generator.

    Args:
        governor: Gives the executor, at each call.
        key: The policy key.
        function: A function, a method or a callable object.

    Raises:
        TypeError: It is a ``staticmethod``, ``classmethod`` or class: guard the function inside.
    """
    key = str(PolicyKey.parse(key))
    if isinstance(function, staticmethod | classmethod | type) or not callable(function):
        message = f"guard({key!r}) needs a function; put it below @staticmethod and @classmethod"
        raise TypeError(message)
    flags = flags_of(function)
    if flags & inspect.CO_COROUTINE or inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def acalling(*args: Any, **kwargs: Any) -> Any:
            return await governor().acall(key, function, *args, **kwargs)

        return acalling
    if flags & inspect.CO_ASYNC_GENERATOR:

        @functools.wraps(function)
        def astreaming(*args: Any, **kwargs: Any) -> Any:
            return governor().astream(key, function, *args, **kwargs)

        return astreaming
    if flags & inspect.CO_GENERATOR:

        @functools.wraps(function)
        def streaming(*args: Any, **kwargs: Any) -> Any:
            return governor().stream(key, function, *args, **kwargs)

        return streaming

    @functools.wraps(function)
    def calling(*args: Any, **kwargs: Any) -> Any:
        return governor().call(key, function, *args, **kwargs)

    return calling
