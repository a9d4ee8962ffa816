"""One call of an HTTP client: whether its body may be sent again, which of its responses are open.

A failed response is kept as the caller would get it only where it is the call's last word by the
rules of HTTP; every other one is read and closed at once, so that its connection is free while the
call waits (see the decision "What the caller of a client gets").
"""

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, cast

from recourse.classify.http import HTTPClassifier
from recourse.classify.http_error import IDEMPOTENT_METHODS, HTTPFacts
from recourse.classify.own import SAID
from recourse.classify.retry_after import retry_after_s
from recourse.context import AttemptInfo, current_attempt
from recourse.errors import AttemptTimeout, DeadlineExceeded, ResultRejected, RetryExhausted
from recourse.executor import Executor
from recourse.facade import get_executor
from recourse.integrations.http import BodyNotReplayable, Settings, StatusError, key_of
from recourse.outcome import Health, Outcome, OutcomeKind

__all__ = ["Attempt", "Ending", "Exchange", "Replay", "acall", "call"]

_BODY_GONE: Final = "http_body_not_replayable"
_IDEMPOTENCY_KEY: Final = "Idempotency-Key"
_FIRST_FAILURE: Final = 400
# By the rules alone, and by the rules for a request that may be carried out twice.
_BY_METHOD: Final = HTTPClassifier()
_MAY_PASS: Final = HTTPClassifier(replay_safe=True)


class Replay(StrEnum):
    """How often a request's body can be sent."""

    ANY = "any"
    IN_TURN = "in_turn"  # a file: again, but never twice at once
    NEVER = "never"


class Ending(NamedTuple):
    """What the caller of the client gets for a failed call: a response, or an error."""

    response: Any
    error: Exception | None


class Exchange:
    """One call of a client: its request, its attempts and their responses.

    Attributes:
        executor: Carries the call out.
        key: Its policy key.
        over: The call has ended; attempts that nobody waits for may still be under way.
        failed_body_bytes: How much of a failed response is kept.
    """

    def __init__(
        self, settings: Settings, request: Any, host: str | None, replay: Replay, key: Any = None
    ) -> None:
        self.executor: Executor = settings.executor or get_executor()
        self.over: bool = False
        self.failed_body_bytes: int = settings.failed_body_bytes
        self._as_client = settings.errors == "client"
        self._request = request
        self._replay = replay
        self._facts: dict[str, Any] = {"method": request.method, "peer": host}
        if replay is Replay.NEVER:
            self._facts["replayable"] = False
        self._give_idempotency_key(settings)
        if key is None and settings.key_func is not None:
            key = settings.key_func(request)
        self.key: str = key or key_of(host, request.method)
        self._open: deque[tuple[int, Any]] = deque()
        self._begun = False
        self._running: set[AttemptInfo] = set()
        self._first_error: Exception | None = None

    def begin(self, attempt: AttemptInfo) -> bool:
        """Start an attempt; whether it sends the body again.

        Raises:
            BodyNotReplayable: The body is gone, or is being sent just now.
        """
        attempt.annotate(**self._facts)
        again, self._begun = self._begun, True
        if again and (self._replay is Replay.NEVER or self._is_being_sent()):
            raise self._refusal(attempt)
        self._running.add(attempt)
        return again and self._replay is Replay.IN_TURN

    def end(self, attempt: AttemptInfo, error: BaseException | None) -> None:
        """Take note of how an attempt ended."""
        self._running.discard(attempt)
        if not isinstance(error, Exception):
            return
        self._name_request(error)
        if self._replay is not Replay.NEVER:
            return
        self._first_error = error
        outcome = _MAY_PASS.classify(None, error)
        if outcome.kind is OutcomeKind.RETRYABLE:
            told = {**outcome.attributes, "cause": outcome.reason}
            error.__dict__[SAID] = Outcome(
                OutcomeKind.NON_RETRYABLE, _BODY_GONE, told, health=Health.UNHEALTHY
            )

    def received(self, attempt: AttemptInfo, response: Any, status: int) -> StatusError | None:
        """Take an answer; the error to raise for it, if it is a failure."""
        attempt.annotate(status=status)
        if status < _FIRST_FAILURE:
            self._open.append((attempt.attempt, response))
            return None
        asked_s: float | None = None
        if "Retry-After" in response.headers:
            asked_s = retry_after_s(response.headers, self.executor.clock.time_unix_ns())
        error = StatusError(status, self._request.method, asked_s)
        error.request, error.response = self._request, response
        return error

    def frees(self, attempt: AttemptInfo, error: StatusError) -> bool:
        """Whether a failed response is to be read and closed at once, as it may not be the last."""
        is_final = (
            attempt.is_last or self._replay is Replay.NEVER or not self._may_pass(error.status)
        )
        if not is_final or not self._as_client:
            return True
        self._open.append((attempt.attempt, error.response))
        return self.over

    def stale(self, attempt: AttemptInfo) -> list[Any]:
        """Responses of earlier attempts: now that this one begins, nobody will get them."""
        found: list[Any] = []
        while not attempt.is_hedge and self._open and self._open[0][0] < attempt.attempt:
            found.append(self._open.popleft()[1])
        return found

    def others(self, response: Any) -> list[Any]:
        """End the call; the responses that its caller does not get."""
        self.over = True
        self._first_error = None
        found: list[Any] = []
        while self._open:
            other = self._open.popleft()[1]
            if other is not response:
                found.append(other)
        return found

    def ending(self, error: Exception, timed_out: Callable[[str], Exception]) -> Ending:
        """What the caller gets for a call that failed with ``error``."""
        if not self._as_client:
            return Ending(None, error)
        error = _told(error)
        match error:
            case StatusError():
                return Ending(error.response, None)
            case ResultRejected():
                return Ending(error.value, None)
            case AttemptTimeout() | DeadlineExceeded() | BodyNotReplayable():
                return Ending(None, _as(timed_out(str(error)), error))
            case _:
                return Ending(None, error)

    def _may_pass(self, status: int) -> bool:
        facts = HTTPFacts(
            status=status, method=self._request.method, repeatable=self._facts.get("idempotent")
        )
        return _BY_METHOD.judged(facts).kind is OutcomeKind.RETRYABLE

    def _give_idempotency_key(self, settings: Settings) -> None:
        headers, give = self._request.headers, settings.idempotency_key
        keyed = _IDEMPOTENCY_KEY in headers
        if give is not None and not keyed and self._request.method not in IDEMPOTENT_METHODS:
            headers[_IDEMPOTENCY_KEY] = give(self._request)
            keyed = True
        if keyed:
            self._facts["idempotent"] = True

    def _name_request(self, error: Any) -> None:
        """Put the request on an error that has none yet: its method decides on repetition."""
        known: Any = None
        with suppress(RuntimeError):  # httpx raises it for a request that is not there
            known = getattr(error, "request", None)
        if known is None:
            with suppress(AttributeError):  # an error may be frozen
                error.request = self._request

    def _is_being_sent(self) -> bool:
        return self._replay is Replay.IN_TURN and bool(self._running)

    def _refusal(self, attempt: AttemptInfo) -> BodyNotReplayable:
        # A refused hedge must not end the primary, which is sending the body.
        kind = OutcomeKind.RETRYABLE if attempt.is_hedge else OutcomeKind.NON_RETRYABLE
        refusal = BodyNotReplayable()
        refusal.__dict__[SAID] = Outcome(kind, _BODY_GONE, health=Health.NEUTRAL)
        refusal.__cause__ = self._first_error
        return refusal


class Attempt:
    """Surrounds one attempt of an exchange; entering it may refuse the attempt.

    Attributes:
        info: The attempt.
        rewinds: Whether the body has been sent before and is to begin anew.
    """

    __slots__ = ("_exchange", "info", "rewinds")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.info: AttemptInfo = cast("AttemptInfo", current_attempt())
        self.rewinds: bool = False

    def __enter__(self) -> Self:
        self.rewinds = self._exchange.begin(self.info)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exchange.end(self.info, error)


def call(
    exchange: Exchange, timed_out: Callable[[str], Exception], op: Callable[..., Any], *args: Any
) -> Any:
    """Carry an exchange out; its response, or the error that the client's caller expects.

    Args:
        exchange: The call.
        timed_out: Makes the client's own timeout error.
        op: One attempt.
        args: Its arguments.
    """
    try:
        return exchange.executor.call(exchange.key, op, *args)
    except Exception as error:  # noqa: BLE001  # raised below, without this block as its context
        ending = exchange.ending(error, timed_out)
    try:
        return _given(ending)
    finally:
        del ending  # as in _given


async def acall(
    exchange: Exchange,
    timed_out: Callable[[str], Exception],
    op: Callable[..., Awaitable[Any]],
    *args: Any,
) -> Any:
    """As :func:`call`, awaiting."""
    try:
        return await exchange.executor.acall(exchange.key, op, *args)
    except Exception as error:  # noqa: BLE001  # raised below, without this block as its context
        ending = exchange.ending(error, timed_out)
    try:
        return _given(ending)
    finally:
        del ending  # as in _given


def _told(error: Exception) -> Exception:
    """What the last attempt that was sent came to, out of what is wrapped around it."""
    while True:
        match error:
            case RetryExhausted():
                error = error.exceptions[-1]
            case BodyNotReplayable() if isinstance(error.__cause__, Exception):
                error = error.__cause__
            case _:
                return error


def _as(own: Exception, error: Exception) -> Exception:
    """The client's own error in the place of ours, whose timeline and notes it takes over."""
    own.__dict__.update(error.__dict__)
    own.__cause__ = error
    return own


def _given(ending: Ending) -> Any:
    if ending.error is None:
        return ending.response
    try:
        raise ending.error
    finally:
        # The traceback holds this frame: without this the error would be part of a cycle.
        del ending
