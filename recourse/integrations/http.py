"""What users of any HTTP client's integration meet: its options, its errors, keys of requests."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict

from recourse.errors import PolicyError, RecourseError
from recourse.executor import Executor

__all__ = [
    "BodyNotReplayable",
    "Options",
    "Settings",
    "StatusError",
    "key_of",
    "new_idempotency_key",
    "timeout_s",
]

# Clients refuse a timeout of nothing at all.
_SHORTEST_S: Final = 0.001


class StatusError(RecourseError):
    """A request was answered with a status of 400 or more.

    Attributes:
        status: The answer's status.
        method: The request's method.
        retry_after_s: Seconds that the server asks to wait, if it does.
        request: The client's request; not part of a pickle.
        response: The client's response, readable; not part of a pickle.
    """

    def __init__(self, status: int, method: str, retry_after_s: float | None = None) -> None:
        super().__init__(status, method, retry_after_s)
        self.status = status
        self.method = method
        self.retry_after_s = retry_after_s
        self.request: Any = None
        self.response: Any = None

    def __reduce__(self) -> tuple[type["StatusError"], tuple[Any, ...]]:
        return StatusError, self.args

    def __str__(self) -> str:
        asks = "" if self.retry_after_s is None else f"; it asks to wait {self.retry_after_s:g} s"
        return f"a {self.method} request was answered {self.status}{asks}"


class BodyNotReplayable(RecourseError):
    """An attempt would have sent a body that is gone, or that is being sent just now."""

    def __str__(self) -> str:
        return "the body cannot be sent again; give bytes, or let it be kept by spool_body_bytes"


class Options(TypedDict, total=False):
    """What every integration of an HTTP client takes, by name.

    Attributes:
        executor: Carries the calls out; by default the one of ``recourse.init`` and ``using``.
        key_func: Gives a request's policy key, or ``None`` for ``host.METHOD``.
        idempotency_key: Gives the ``Idempotency-Key`` of a POST or PATCH that has none, once per
            call; with it such a request may be repeated. :func:`new_idempotency_key` is one.
        spool_body_bytes: A body that could be sent only once is read into memory up to this size,
            so that it can be repeated (httpx family and requests).
        failed_body_bytes: How much of a failed response is kept when its connection is freed for
            the next attempt; 64 KiB by default.
        errors: ``client``: a failed call gives what the client alone would (its last response, its
            own timeout); ``recourse``: it raises :class:`StatusError` and the executor's errors.
    """

    executor: Executor | None
    key_func: Callable[[Any], str | None] | None
    idempotency_key: Callable[[Any], str] | None
    spool_body_bytes: int
    failed_body_bytes: int
    errors: Literal["client", "recourse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one integration, checked; see :class:`Options`.

    Raises:
        PolicyError: ``errors`` is neither of the two.
    """

    executor: Executor | None = None
    key_func: Callable[[Any], str | None] | None = None
    idempotency_key: Callable[[Any], str] | None = None
    spool_body_bytes: int = 0
    failed_body_bytes: int = 65_536
    errors: str = "client"

    def __post_init__(self) -> None:
        if self.errors not in ("client", "recourse"):
            field = "errors"
            raise PolicyError(field, self.errors, "client or recourse")


def key_of(host: str | None, method: str) -> str:
    """The policy key of requests that name none: host and method, never the path.

    >>> key_of("api.example.com", "GET")
    'api.example.com.GET'
    >>> key_of("10.0.0.7", "GET")
    'http.GET'
    """
    # The last label of a name is never a number, and no name has a colon.
    if not host or ":" in host or host.rpartition(".")[2].isdigit():
        return f"http.{method}"
    return f"{host.lower()}.{method}"


def new_idempotency_key(request: Any) -> str:
    """A fresh idempotency key: a random UUID, whatever the request is."""
    del request
    return str(uuid.uuid4())


def timeout_s(own_s: float | None, remaining_s: float) -> float:
    """A client's own timeout, bounded by what is left for the attempt."""
    return max(_SHORTEST_S, remaining_s if own_s is None else min(own_s, remaining_s))
