"""Retries of whole transactions, for psycopg 3, SQLAlchemy 2 and everything shaped like them."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from recourse.context import current_attempt
from recourse.executor import Executor
from recourse.facade import get_executor
from recourse.integrations.sql.classifier import Phase, SQLStateClassifier
from recourse.integrations.verdicts import judge_here, say

__all__ = ["limit_statements", "transactional"]

P = ParamSpec("P")
T = TypeVar("T")

_JUDGE: Final = SQLStateClassifier()
# A statement that is cancelled at its limit fails a little before or after it.
_NEARLY_S: Final = 0.02


def transactional(
    key: str, begin: Callable[[], Any], *, executor: Executor | None = None
) -> Callable[[Callable[Concatenate[Any, P], T]], Callable[P, T]]:
    """Decorate a function of a transaction: it runs in one of its own, and all of it again.

    The function gets what ``begin`` opens, a connection or session, before its own arguments. A
    transaction that the database gave up is begun anew with everything that the function does, so
    the function must do nothing outside of the database. A connection that breaks while the
    function runs is no obstacle; one that breaks during the commit leaves nobody knowing whether it
    was done, and is final unless the policy says ``idempotent = true``.

    Args:
        key: The policy key.
        begin: Opens a context manager that commits when it is left in peace and rolls back
            otherwise: SQLAlchemy's ``engine.begin`` or ``sessionmaker.begin``, psycopg's
            ``pool.connection`` or ``lambda: psycopg.connect(dsn)``. For a coroutine function it may
            give an awaitable of one.
        executor: Carries the calls out; the process's own when left out.
    """

    def decorate(function: Callable[Concatenate[Any, P], T]) -> Callable[P, T]:
        if inspect.iscoroutinefunction(function):
            return cast("Callable[P, T]", _asynchronous(key, begin, function, executor))

        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
            def attempt() -> T:
                phase = Phase.RUNNING
                try:
                    with begin() as connection:
                        value = function(connection, *args, **kwargs)
                        phase = Phase.COMMITTING
                except Exception as error:
                    _explain(error, phase)
                    raise
                return value

            return (executor or get_executor()).call(key, attempt)

        return wrapped

    return decorate


def _asynchronous(
    key: str, begin: Callable[[], Any], function: Callable[..., Any], executor: Executor | None
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        async def attempt() -> Any:
            phase = Phase.RUNNING
            try:
                opened = begin()
                if inspect.isawaitable(opened):
                    opened = await opened
                async with opened as connection:
                    value = await function(connection, *args, **kwargs)
                    phase = Phase.COMMITTING
            except Exception as error:
                _explain(error, phase)
                raise
            return value

        return await (executor or get_executor()).acall(key, attempt)

    return wrapped


def limit_statements(connection: Any) -> Any:
    """Let PostgreSQL cancel what outlasts the running attempt: for the first line of a transaction.

    Gives what the connection's ``execute`` gives: with an asynchronous connection, await it.

    Args:
        connection: What ``execute(sql)`` can be called on; SQLAlchemy's takes ``text(sql)``, so
            give its ``exec_driver_sql`` in the form ``connection.exec_driver_sql``.
    """
    running = current_attempt()
    left_s = None if running is None else running.remaining_s()
    # Zero is no limit for PostgreSQL.
    limit_ms = 0 if left_s is None else max(1, round(left_s * 1000))
    execute = getattr(connection, "execute", connection)
    return execute(f"SET LOCAL statement_timeout = {limit_ms}")


def _explain(error: Exception, phase: Phase) -> None:
    """Have the error say what it means, now that it is known where the transaction was."""
    running = current_attempt()
    assert running is not None  # noqa: S101 -- the executor runs it
    left_s = running.remaining_s()
    at_limit = left_s is not None and left_s <= _NEARLY_S
    say(error, judge_here(running, _JUDGE).judged(error, phase, at_limit=at_limit))
