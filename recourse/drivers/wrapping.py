"""Functions that are governed wherever they are called: what ``guard`` makes."""

import functools
import inspect
from typing import Any, Protocol

from recourse.drivers.misuse import flags_of
from recourse.key import PolicyKey

__all__ = ["Governor", "guarded"]


class Governor(Protocol):
    """What carries guarded calls out: an executor, or whichever is the default at the moment."""

    def carry(
        self, key: str | PolicyKey, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], /
    ) -> Any:
        """As :meth:`recourse.Executor.carry`."""
        ...

    def acarry(
        self, key: str | PolicyKey, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], /
    ) -> Any:
        """As :meth:`recourse.Executor.acarry`."""
        ...

    def stream(self, key: str | PolicyKey, op: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`recourse.Executor.stream`."""
        ...

    def astream(self, key: str | PolicyKey, op: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`recourse.Executor.astream`."""
        ...


def guarded(governor: Governor, key: str | PolicyKey, function: Any) -> Any:
    """``function`` with the same signature, governed under ``key``; sync, async or a generator.

    Args:
        governor: Carries out every call.
        key: The policy key.
        function: A function, a method or a callable object.

    Raises:
        TypeError: It is a ``staticmethod``, ``classmethod`` or class: guard the function inside.
    """
    key = str(PolicyKey.parse(key))
    if isinstance(function, staticmethod | classmethod | type) or not callable(function):
        message = f"guard({key!r}) needs a function; put it below @staticmethod and @classmethod"
        raise TypeError(message)
    carry, acarry = governor.carry, governor.acarry
    flags = flags_of(function)
    if flags & inspect.CO_COROUTINE or inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def acalling(*args: Any, **kwargs: Any) -> Any:
            return await acarry(key, function, args, kwargs)

        return acalling
    if flags & inspect.CO_ASYNC_GENERATOR:

        @functools.wraps(function)
        def astreaming(*args: Any, **kwargs: Any) -> Any:
            return governor.astream(key, function, *args, **kwargs)

        return astreaming
    if flags & inspect.CO_GENERATOR:

        @functools.wraps(function)
        def streaming(*args: Any, **kwargs: Any) -> Any:
            return governor.stream(key, function, *args, **kwargs)

        return streaming

    @functools.wraps(function)
    def calling(*args: Any, **kwargs: Any) -> Any:
        return carry(key, function, args, kwargs)

    return calling
