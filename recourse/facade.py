"""The boring call site: module-level functions on the process's default executor."""

import os
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, ParamSpec, TypeVar

from recourse.drivers.wrapping import guarded
from recourse.errors import PolicyError, RecourseError
from recourse.executor import Executor
from recourse.key import PolicyKey
from recourse.locks import Mutex
from recourse.policy.environment import Environment
from recourse.policy.model import Policy, RetryPolicy

__all__ = ["acall", "astream", "call", "get_executor", "guard", "init", "stream", "using"]

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_OVERRIDE: Final[ContextVar[Executor | None]] = ContextVar("recourse.using", default=None)


class _Default:
    """The process's executor: given once by :func:`init`, or made at the first call."""

    def __init__(self) -> None:
        self._mutex = Mutex()
        self.executor: Executor | None = None

    def given(self, executor: Executor) -> None:
        with self._mutex.lock:
            if self.executor is not None:
                message = "init() came too late: an executor is in use; call it once, before the first call"
                raise RecourseError(message)
            self.executor = executor

    def made(self) -> Executor:
        with self._mutex.lock:
            if self.executor is None:
                self.executor = _own_executor()
            return self.executor


def _own_executor() -> Executor:
    """What calls get when nobody has configured anything: three attempts, 10 s in all, one policy."""
    default = Policy(
        "recourse.default",
        retry=RetryPolicy(overall_timeout_s=10.0),
        id="recourse.default",
    )
    path = Environment.of(os.environ).policy_file
    if not path:
        return Executor(default_policy=default)
    # Only a process that names a policy file pays for the parsers.
    from recourse.provider.file import FileProvider

    provider = FileProvider(path)
    if provider.file.fallback is not None:  # the file itself says what other keys follow
        return Executor(provider=provider, missing_policy="fallback")
    return Executor(provider=provider, default_policy=default)


_DEFAULT: Final = _Default()


def init(executor: Executor) -> None:
    """Make ``executor`` the one that the module-level functions use.

    Raises:
        PolicyError: It is no executor.
        RecourseError: There is one already, by an earlier ``init`` or an earlier call.
    """
    _DEFAULT.given(_executor(executor))


def get_executor() -> Executor:
    """The executor that the module-level functions use here."""
    return _OVERRIDE.get() or _DEFAULT.executor or _DEFAULT.made()


@contextmanager
def using(executor: Executor) -> Generator[Executor]:
    """Let the module-level functions use ``executor`` inside the block, in this context only.

    Raises:
        PolicyError: It is no executor.
    """
    token = _OVERRIDE.set(_executor(executor))
    try:
        yield executor
    finally:
        _OVERRIDE.reset(token)


def call(key: str | PolicyKey, op: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``op(*args, **kwargs)`` under the policy of ``key``; see :meth:`Executor.call`."""
    return get_executor().call(key, op, *args, **kwargs)


def acall(
    key: str | PolicyKey, op: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, T]:
    """Await ``op(*args, **kwargs)`` under the policy of ``key``; see :meth:`Executor.acall`."""
    return get_executor().acall(key, op, *args, **kwargs)


def stream(
    key: str | PolicyKey, op: Callable[P, Iterable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> Iterator[T]:
    """Iterate over ``op(*args, **kwargs)``; see :meth:`Executor.stream`."""
    return get_executor().stream(key, op, *args, **kwargs)


def astream(
    key: str | PolicyKey, op: Callable[P, AsyncIterable[T]], /, *args: P.args, **kwargs: P.kwargs
) -> AsyncIterator[T]:
    """Iterate asynchronously over ``op(*args, **kwargs)``; see :meth:`Executor.astream`."""
    return get_executor().astream(key, op, *args, **kwargs)


class _Current:
    """Carries calls out on the executor that is used where and when they are made."""

    __slots__ = ()

    def carry(
        self, key: str | PolicyKey, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], /
    ) -> Any:
        return get_executor().carry(key, op, args, kwargs)

    def acarry(
        self, key: str | PolicyKey, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], /
    ) -> Any:
        return get_executor().acarry(key, op, args, kwargs)

    def stream(self, key: str | PolicyKey, op: Any, /, *args: Any, **kwargs: Any) -> Any:
        return get_executor().stream(key, op, *args, **kwargs)

    def astream(self, key: str | PolicyKey, op: Any, /, *args: Any, **kwargs: Any) -> Any:
        return get_executor().astream(key, op, *args, **kwargs)


def guard(key: str | PolicyKey) -> Callable[[F], F]:
    """Decorate a function, coroutine function or generator function: every call is governed.

    The executor is looked up at each call, so a decorated function follows ``init`` and ``using``.

    Raises:
        PolicyError: There is no key; ``@guard`` without one has the function in its place.
    """
    PolicyKey.parse(key)

    def decorate(function: F) -> F:
        wrapped: F = guarded(_Current(), key, function)
        return wrapped

    return decorate


def _executor(given: object) -> Executor:
    if not isinstance(given, Executor):
        field = "executor"
        raise PolicyError(field, given, "an Executor")
    return given
