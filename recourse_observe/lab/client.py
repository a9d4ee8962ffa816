"""What an operation makes of a dependency's answer: a value, or what a client would raise."""

from typing import Final

from recourse_observe.lab.server import REFUSED, RESET, Reply
from recourse_observe.lab.spec import KeySpec

__all__ = ["GOOD", "AnsweredError", "BackendError", "taken"]

GOOD: Final = 200


class AnsweredError(Exception):
    """A dependency answered with a bad status.

    Attributes:
        status: The status.
        method: The request's method, where it has one.
        retry_after_s: What the dependency asked to wait, if it did.
    """

    def __init__(self, status: int, method: str | None, retry_after_s: float | None) -> None:
        super().__init__(f"answered {status}")
        self.status = status
        self.method = method
        self.retry_after_s = retry_after_s


class BackendError(Exception):
    """What a dependency that does not speak HTTP raises.

    Attributes:
        code: Its own number for it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"error {code}")
        self.code = code


def taken(reply: Reply, spec: KeySpec) -> int:
    """The value of a good reply; a bad one raises what an HTTP client would."""
    if reply.status == GOOD:
        return reply.status
    if reply.status == REFUSED:
        message = "connection refused"
        raise ConnectionRefusedError(message)
    if reply.status == RESET:
        message = "connection reset by peer"
        raise ConnectionResetError(message)
    if not spec.speaks_http:
        raise BackendError(reply.status)
    raise AnsweredError(reply.status, spec.method, reply.retry_after_s)
