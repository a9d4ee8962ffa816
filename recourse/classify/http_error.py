"""What an error tells about an HTTP request, read by shape and by class name.

A process can hold several HTTP clients, so no client's class is imported: a status, a method and
headers are looked for where the clients put them, and a failure without an answer is known by the
names of its classes.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from recourse.classify.own import causes, own_outcome
from recourse.classify.retry_after import header, retry_after_s
from recourse.clock import Clock
from recourse.duration import is_finite_number
from recourse.errors import AttemptTimeout, DeadlineExceeded, RecourseError
from recourse.outcome import Health, Outcome, OutcomeKind

__all__ = [
    "IDEMPOTENT_METHODS",
    "Failure",
    "HTTPFacts",
    "asked_wait_s",
    "facts_of_type",
    "http_facts",
]

S = TypeVar("S")
T = TypeVar("T")


class Failure(StrEnum):
    """How a request ended that has no answer."""

    NOT_SENT = "not_sent"
    TRANSPORT = "http_transport_error"
    TIMEOUT = "timeout_error"
    ATTEMPT_TIMEOUT = "attempt_timeout"
    DEADLINE = "context_deadline_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPFacts:
    """What is known of a failed request.

    Attributes:
        status: The answer's status, 100 to 599; ``None`` without an answer.
        failure: Why there is no answer; ``None`` when there is one, or nothing is known.
        method: In capitals; ``None`` when nobody says.
        repeatable: Whether the request itself says that it may be repeated (an idempotency key, a
            note on the attempt); ``None`` when it does not say.
        from_client: Whether the error is an HTTP client's beyond doubt.
        retry_after_s: Seconds that the server asks to wait.
    """

    status: int | None = None
    failure: Failure | None = None
    method: str | None = None
    repeatable: bool | None = None
    from_client: bool = False
    retry_after_s: float | None = None


IDEMPOTENT_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_METHODS: Final = IDEMPOTENT_METHODS | {"CONNECT", "PATCH", "POST"}
_STATUSES: Final = range(100, 600)
_TELLING: Final = (
    "headers",
    "method",
    "reason",
    "request",
    "request_info",
    "response",
    "retry_after_s",
    "status",
    "status_code",
)

# Class names along the MRO. The request did not leave, so any method may be repeated:
_NOT_SENT_BY_CLIENT: Final = frozenset({
    "ClientConnectorError",  # aiohttp
    "ConnectError",  # httpx
    "ConnectTimeout",  # httpx, requests
    "ConnectTimeoutError",  # urllib3
    "ConnectionTimeoutError",  # aiohttp
    "NewConnectionError",  # urllib3
    "PoolTimeout",  # httpx
})  # fmt: skip
_NOT_SENT: Final = _NOT_SENT_BY_CLIENT | {"ConnectionRefusedError", "gaierror"}
# It left, or may have:
_TIMEOUT: Final = frozenset({"ReadTimeout", "ReadTimeoutError", "TimeoutException", "WriteTimeout"})
_TRANSPORT_BY_CLIENT: Final = frozenset({
    "ClientConnectionError",
    "ClientPayloadError",
    "HTTPException",
    "ProtocolError",
    "RequestException",
    "TransportError",
    "MaxRetryError",
    "URLError",
})  # fmt: skip
_TRANSPORT: Final = _TRANSPORT_BY_CLIENT | {"ConnectionError", "IncompleteReadError", "SSLError"}
# What was to be sent is gone, so that a further attempt would send nothing in its place.
_GONE: Final = Outcome(
    OutcomeKind.NON_RETRYABLE, "http_body_not_replayable", health=Health.UNHEALTHY
)
_BY_CLIENT: Final = _NOT_SENT_BY_CLIENT | _TIMEOUT | _TRANSPORT_BY_CLIENT
_DEEPEST_INNER: Final = 3


def facts_of_type(kind: type[Exception]) -> HTTPFacts | None:
    """What the class alone tells; ``None`` when an instance of it may tell more."""
    decides = issubclass(kind, RecourseError | CancelledError | ExceptionGroup)
    if decides or any(hasattr(kind, name) for name in _TELLING):
        return None
    names = _names(kind)
    return HTTPFacts(failure=_failure_of_type(kind), from_client=bool(names & _BY_CLIENT))


def http_facts(error: Exception, clock: Clock) -> HTTPFacts | Outcome:
    """What the error, or the first of its causes that knows more, tells of its request.

    A status, or an error of recourse's own, decides wherever it stands among the causes; without
    one, the outermost failure does. The outcome is given when no rule of HTTP has a say.
    """
    links = [error] if error.__cause__ is None else list(causes(error))
    request = _first(_request, links)
    method = _first(_known_method, (_look(request, "method"), *(_look(x, "method") for x in links)))
    keyed = True if header(_look(request, "headers"), "idempotency-key") else None
    failure: Failure | None = None
    for link in links:
        if isinstance(link, AttemptTimeout):
            return _of_attempt_timeout(link)
        if isinstance(link, DeadlineExceeded):
            failure = Failure.DEADLINE
            break
        if (own := own_outcome(link)) is not None:
            return own
        if (status := _status(link)) is not None:
            return HTTPFacts(
                status=status,
                method=method,
                repeatable=keyed,
                from_client=True,
                retry_after_s=_retry_after_s(link, clock),
            )
    else:
        failure = _first(_failure, links)
    by_client = method is not None or any(_names(type(link)) & _BY_CLIENT for link in links)
    return HTTPFacts(failure=failure, method=method, repeatable=keyed, from_client=by_client)


def asked_wait_s(error: Exception) -> float | None:
    """Seconds that the error itself asks to wait, in an attribute ``retry_after_s``."""
    said = _look(error, "retry_after_s")
    if isinstance(said, timedelta):
        said = said.total_seconds()
    return max(0.0, float(said)) if is_finite_number(said) else None


def _first(tell: Callable[[S], T | None], given: Iterable[S]) -> T | None:
    return next((told for told in map(tell, given) if told is not None), None)


def _of_attempt_timeout(error: AttemptTimeout) -> HTTPFacts | Outcome:
    if error.annotations.get("replayable") is False:
        return _GONE
    method = _known_method(error.annotations.get("method"))
    noted = error.annotations.get("idempotent")
    return HTTPFacts(
        failure=Failure.ATTEMPT_TIMEOUT,
        method=method,
        repeatable=noted if isinstance(noted, bool) else None,
        from_client=method is not None,
    )


def _request(link: Exception) -> object | None:
    response = _look(link, "response")
    for holder, name in ((link, "request"), (link, "request_info"), (response, "request")):
        found: object = _look(holder, name)
        if found is not None:
            return found
    return None


def _known_method(value: object) -> str | None:
    # Other protocols have methods too: a name that is none of HTTP's says nothing about a request.
    method = value.upper() if isinstance(value, str) else None
    return method if method in _METHODS else None


def _status(link: Exception) -> int | None:
    for holder in (_look(link, "response"), link):
        for name in ("status_code", "status"):
            value = _look(holder, name)
            if isinstance(value, int) and value in _STATUSES:
                return int(value)
    return None


def _retry_after_s(link: Exception, clock: Clock) -> float | None:
    said = asked_wait_s(link)
    if said is not None:
        return said
    now_unix_ns = clock.time_unix_ns()
    answer = retry_after_s(_look(_look(link, "response"), "headers"), now_unix_ns)
    return retry_after_s(_look(link, "headers"), now_unix_ns) if answer is None else answer


def _failure(link: Exception) -> Failure | None:
    found = _failure_of_type(type(link))
    if found is Failure.TRANSPORT and _was_not_sent(link):
        return Failure.NOT_SENT
    return found


def _failure_of_type(kind: type[Exception]) -> Failure | None:
    names = _names(kind)
    if names & _NOT_SENT:
        return Failure.NOT_SENT
    if issubclass(kind, TimeoutError) or names & _TIMEOUT:
        return Failure.TIMEOUT
    # A client's error that is a ValueError as well complains about the request, not about the way.
    if names & _TRANSPORT and not issubclass(kind, ValueError):
        return Failure.TRANSPORT
    return None


def _was_not_sent(link: Exception) -> bool:
    """Whether what clients keep inside an error, instead of in its cause, says so."""
    inner: object = link
    for _ in range(_DEEPEST_INNER):
        inside = _look(inner, "reason")
        if not isinstance(inside, Exception):
            inside = next(iter(_look(inner, "args") or ()), None)
        if not isinstance(inside, Exception):
            return False
        if _names(type(inside)) & _NOT_SENT:
            return True
        inner = inside
    return False


def _names(kind: type[Exception]) -> set[str]:
    return {base.__name__ for base in kind.__mro__}


def _look(thing: object, name: str) -> Any:
    try:
        return getattr(thing, name, None)
    except Exception:  # noqa: BLE001 -- a client's property may raise anything, httpx's `request` does
        return None
