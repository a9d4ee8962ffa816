"""Retries of redis-py under policies: commands, pipelines and connections."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar, Token
from typing import Any, Final, Self, TypeVar

from redis.asyncio.retry import Retry as RedisAsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry as RedisRetry

from recourse.clock import Clock, Mailbox
from recourse.context import AttemptInfo, current_attempt
from recourse.errors import PolicyError
from recourse.executor import Executor
from recourse.facade import get_executor
from recourse.integrations.redis.classifier import RedisClassifier
from recourse.integrations.redis.commands import Doing, doing
from recourse.integrations.verdicts import judge_here, say
from recourse.outcome import OutcomeKind

__all__ = ["AsyncRetry", "Retry"]

T = TypeVar("T")

# Within an attempt of ours redis-py connects again, and asks for retries of that as well.
_INSIDE: Final[ContextVar[bool]] = ContextVar("recourse.redis", default=False)
# A thread whose socket was shut wakes at once; one that is still connecting is not waited for.
_LETTING_GO_S: Final = 0.25


class Exchange:
    """One thing that redis-py wants done, and everything that is known about it.

    Attributes:
        doing: What it is.
        is_busy: An attempt uses the connection.
    """

    def __init__(self, do: Any, fail: Callable[..., Any], *, counts: bool) -> None:
        self.doing: Doing = doing(do)
        self.is_busy: bool = False
        self._left: Mailbox | None = None
        self._fail = fail
        self._counts = counts
        self._failures = 0

    def begin(self) -> AttemptInfo:
        """An attempt begins.

        Raises:
            PolicyError: Another one still uses the connection.
        """
        running = current_attempt()
        assert running is not None  # noqa: S101 -- the executor runs it
        if self.is_busy:
            field = "the policy of " + running.key
            wrong = "a hedge" if running.is_hedge else "a timeout that leaves threads behind"
            raise PolicyError(field, wrong, "neither: one connection carries one command at a time")
        self.is_busy = True
        running.annotate(command=self.doing.name)
        if self.doing.idempotent is not None:
            # For a timeout that redis-py never sees.
            running.annotate(idempotent=self.doing.idempotent)
        return running

    def judged(self, error: Exception, running: AttemptInfo) -> bool:
        """Have the error say what it means; whether its connection must go."""
        judge = judge_here(running, RedisClassifier())
        if judge.replay_safe is None:
            judge = RedisClassifier(self.doing.idempotent)
        outcome = judge.classify(None, error)
        say(error, outcome)
        is_lost = "ConnectionError" in _names(error) or "TimeoutError" in _names(error)
        return is_lost or outcome.kind is OutcomeKind.RETRYABLE

    def end(self) -> None:
        """The attempt needs the connection no more."""
        self.is_busy = False
        if self._left is not None:
            self._left.post(self)

    def part(self, error: BaseException, clock: Clock) -> None:
        """Drop the connection that a thread which was left behind still uses.

        The thread finds its socket shut and closes the connection itself, which must not be in the
        hands of the next caller by then.
        """
        self._left = clock.mailbox()
        self.failed(error)
        if self.is_busy:
            self._left.take(_LETTING_GO_S)

    def failed(self, error: BaseException) -> Any:
        """Let redis-py drop the connection; what it gives is awaitable with asyncio."""
        self._failures += 1
        return self._fail(error, self._failures) if self._counts else self._fail(error)


class Turn:
    """An attempt while it has the connection; what redis-py would retry inside of it is not."""

    __slots__ = ("_exchange", "_token")
    _token: Token[bool]

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __enter__(self) -> AttemptInfo:
        running = self._exchange.begin()
        self._token = _INSIDE.set(True)
        return running

    def __exit__(self, *_: object) -> None:
        _INSIDE.reset(self._token)
        self._exchange.end()


class Options:
    """What both kinds of ``Retry`` are told.

    Args:
        key: The policy key, or what gives one for ``GET``, ``PIPELINE``, ``CONNECT`` and so on.
        executor: Carries out; the process's own when left out.
    """

    def __init__(
        self, key: str | Callable[[str], str] = "redis", executor: Executor | None = None
    ) -> None:
        self._key = key
        self._executor = executor

    @property
    def executor(self) -> Executor:
        """What carries out."""
        return self._executor or get_executor()

    def key(self, name: str) -> str:
        """The policy key of a command."""
        return self._key if isinstance(self._key, str) else self._key(name)


class Retry(RedisRetry):
    """For ``redis.Redis(retry=Retry("cache"))``: policies decide instead of redis-py's ten retries.

    A command that must not be carried out twice (``INCR``, ``LPUSH``, a pipeline with one of them)
    is repeated only when it surely was not carried out, unless its policy says
    ``idempotent = true``. Connecting is one call of its own, and inside a retried command no retry
    at all.

    Args:
        key: The policy key, or a function that gives one for ``GET``, ``PIPELINE``, ``CONNECT``, …
        executor: Carries the calls out; the process's own when left out.
    """

    def __init__(
        self, key: str | Callable[[str], str] = "redis", executor: Executor | None = None
    ) -> None:
        super().__init__(NoBackoff(), 0)
        self._options = Options(key, executor)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # every connection takes a copy, and there is no state to copy

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002 -- redis-py's signature
        **_: Any,
    ) -> T:
        """Carry out what redis-py wants done."""
        del is_retryable  # the classifier decides
        exchange = Exchange(do, fail, counts=with_failure_count)
        if _INSIDE.get() or exchange.doing.is_done:
            return _once(exchange, do)

        def attempt() -> T:
            with Turn(exchange) as running:
                try:
                    return do()
                except Exception as error:
                    if exchange.judged(error, running):
                        _dropped(exchange, error, running)
                    raise

        executor = self._options.executor
        try:
            return executor.call(self._options.key(exchange.doing.name), attempt)
        except BaseException as error:
            if exchange.is_busy:
                exchange.part(error, executor.clock)
            raise


class AsyncRetry(RedisAsyncRetry):
    """As :class:`Retry`, for ``redis.asyncio.Redis(retry=AsyncRetry("cache"))``.

    Args:
        key: The policy key, or a function that gives one for ``GET``, ``PIPELINE``, ``CONNECT``, …
        executor: Carries the calls out; the process's own when left out.
    """

    def __init__(
        self, key: str | Callable[[str], str] = "redis", executor: Executor | None = None
    ) -> None:
        super().__init__(NoBackoff(), 0)
        self._options = Options(key, executor)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # as above

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[T]],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,  # noqa: FBT001, FBT002 -- redis-py's signature
        **_: Any,
    ) -> T:
        """Carry out what redis-py wants done."""
        del is_retryable  # the classifier decides
        exchange = Exchange(do, fail, counts=with_failure_count)
        if _INSIDE.get() or exchange.doing.is_done:
            return await _aonce(exchange, do)

        async def attempt() -> T:
            with Turn(exchange) as running:
                try:
                    return await do()
                except Exception as error:
                    if exchange.judged(error, running):
                        await _adropped(exchange, error, running)
                    raise

        return await self._options.executor.acall(self._options.key(exchange.doing.name), attempt)


def _once(exchange: Exchange, do: Callable[[], T]) -> T:
    """Carry out what is part of an attempt already, or what nobody can do twice."""
    try:
        return do()
    except Exception as error:
        exchange.failed(error)
        raise


async def _aonce(exchange: Exchange, do: Callable[[], Awaitable[T]]) -> T:
    try:
        return await do()
    except Exception as error:
        await exchange.failed(error)
        raise


def _dropped(exchange: Exchange, error: Exception, running: AttemptInfo) -> None:
    """Drop the connection; a transaction that was being watched ends with that."""
    try:
        exchange.failed(error)
    except Exception as other:
        exchange.judged(other, running)
        raise


async def _adropped(exchange: Exchange, error: Exception, running: AttemptInfo) -> None:
    try:
        await exchange.failed(error)
    except Exception as other:
        exchange.judged(other, running)
        raise


def _names(error: Exception) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
