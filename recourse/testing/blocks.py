"""Blocks that change how calls behave inside them, and scripts that stand in for operations.

The blocks are scoped by context: they never reach another test, task or thread.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from recourse.context import AMBIENT, Ambient, Overrides
from recourse.duration import seconds
from recourse.errors import RecourseError

__all__ = ["HTTPFailure", "disable", "http", "instant", "limit_attempts", "script"]

_END: Final = object()


class HTTPFailure(RecourseError):
    """A scripted HTTP failure, as the HTTP classifier reads one.

    Attributes:
        status: The HTTP status.
        method: The request's method.
        retry_after_s: What the server asked to wait, if it did.
    """

    def __init__(
        self, status: int, method: str = "GET", retry_after_s: float | timedelta | None = None
    ) -> None:
        super().__init__(status, method, retry_after_s)
        self.status = status
        self.method = method
        self.retry_after_s: float | None = (
            None if retry_after_s is None else seconds("retry_after_s", retry_after_s)
        )

    def __str__(self) -> str:
        return f"{self.method} answered {self.status}"


def http(
    status: int, method: str = "GET", retry_after_s: float | timedelta | None = None
) -> HTTPFailure:
    """A scripted failure of an HTTP request, for :func:`script`."""
    return HTTPFailure(status, method, retry_after_s)


@contextmanager
def _overridden(**facts: Any) -> Generator[None]:
    outer = AMBIENT.get()
    known = None if outer is None else outer.overrides
    token = AMBIENT.set(Ambient.inside(outer, overrides=Overrides.over(known, **facts)))
    try:
        yield
    finally:
        AMBIENT.reset(token)


@contextmanager
def instant() -> Generator[None]:
    """Take no wait between attempts; records keep what was planned."""
    with _overridden(instant=True):
        yield


@contextmanager
def limit_attempts(count: int) -> Generator[None]:
    """Let calls make at most ``count`` attempts."""
    if not _is_count(count):
        message = f"limit_attempts {count!r} would let no call run; use 1 or more"
        raise ValueError(message)
    with _overridden(max_attempts=count):
        yield


@contextmanager
def disable() -> Generator[None]:
    """Let calls make one attempt, without hedges; they are told and recorded all the same."""
    with _overridden(disabled=True):
        yield


@contextmanager
def script(key: str, outcomes: Iterable[Any]) -> Generator[None]:
    """Give the calls of ``key`` these outcomes, one per attempt, instead of running operations.

    Args:
        key: The policy key.
        outcomes: Values to return; exceptions (instances or classes) are raised.

    Raises:
        RecourseError: More attempts were made than there are outcomes.
    """
    steps = iter(list(outcomes))

    def play() -> Any:
        step: Any = next(steps, _END)
        if step is _END:
            message = f"script for {key!r} has no outcome left; give one per attempt"
            raise RecourseError(message)
        if _is_error(step):
            raise step
        return step

    with _overridden(scripts={key: play}):
        yield


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_error(step: object) -> bool:
    return isinstance(step, BaseException) or (
        isinstance(step, type) and issubclass(step, BaseException)
    )
