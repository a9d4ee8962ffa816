"""The rules of gRPC: which status codes may be repeated, and when.

The status is read by shape, so this module needs no gRPC.
"""

from collections.abc import Iterable
from typing import Any, Final

from recourse.classify.auto import AutoClassifier
from recourse.classify.http import HTTPClassifier
from recourse.classify.own import causes, outcome_of
from recourse.errors import PolicyError
from recourse.outcome import Health, Outcome, OutcomeKind
from recourse.policy.model import EffectivePolicy

__all__ = ["CODES", "GRPCClassifier", "status_of"]

CODES: Final = (
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
PUSHBACK: Final = "grpc-retry-pushback-ms"
_MOST_DIGITS: Final = 15
_DEADLINE: Final = "DEADLINE_EXCEEDED"
_MAY_PASS: Final = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED"})
_BROKEN: Final = frozenset({"UNKNOWN", "INTERNAL", "DATA_LOSS", _DEADLINE})
# What the library itself says when it had no connection, so that nothing was sent.
_NOT_SENT: Final = ("failed to connect", "DNS resolution failed", "Name resolution failure")


class GRPCClassifier:
    """Judges errors of gRPC by their status code; every returned value is a success.

    ``UNAVAILABLE`` and ``RESOURCE_EXHAUSTED`` are retried. ``DEADLINE_EXCEEDED`` is, if the
    interceptors have seen that the attempt's own limit was reached: a server's answer of that name,
    or the end of the caller's time, is final. A server that pushes back
    (``grpc-retry-pushback-ms``) is obeyed: a negative value ends the call. Errors that are none of
    gRPC's are judged like :class:`AutoClassifier` does.

    Args:
        extra_retryable: Further status codes to retry, for example ``("ABORTED",)``.
        replay_safe: ``False`` repeats only what was refused with a push-back, or never sent.

    Raises:
        PolicyError: An extra code is none.
    """

    __slots__ = ("_extra", "_otherwise", "_replay_safe")

    errors_only: Final = True

    def __init__(
        self,
        extra_retryable: Iterable[str] = (),
        replay_safe: bool | None = None,  # noqa: FBT001 -- as HTTPClassifier takes it
    ) -> None:
        self._extra = frozenset(extra_retryable)
        self._replay_safe = replay_safe
        self._otherwise = AutoClassifier(HTTPClassifier(replay_safe=replay_safe))
        for code in sorted(self._extra):
            if code not in CODES:
                field = "extra_retryable"
                raise PolicyError(field, code, "names of status codes, for example 'ABORTED'")

    def bound_to(self, policy: EffectivePolicy) -> "GRPCClassifier":
        """The classifier that knows from the policy whether the call may be repeated."""
        if policy.idempotent is None or policy.idempotent is self._replay_safe:
            return self
        return GRPCClassifier(self._extra, policy.idempotent)

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome by the rules of gRPC."""
        del value
        return outcome_of(error, self.judged)

    def judged(self, error: Exception, *, is_attempts_deadline: bool = False) -> Outcome:
        """The outcome of one error.

        Args:
            error: What the call raised.
            is_attempts_deadline: A ``DEADLINE_EXCEEDED`` is the attempt's own limit.
        """
        for link in causes(error):
            code = status_of(link)
            if code is not None:
                return self.by_status(code, link, is_attempts_deadline=is_attempts_deadline)
        return self._otherwise.classify(None, error)

    def by_status(
        self, code: str, error: Exception | None = None, *, is_attempts_deadline: bool = False
    ) -> Outcome:
        """The outcome of a status code, with what the error tells beside it.

        Args:
            code: The code's name; never ``OK``.
            error: Asked for a push-back, and whether anything was sent.
            is_attempts_deadline: A ``DEADLINE_EXCEEDED`` is the attempt's own limit.
        """
        reason = f"grpc_{code}"
        if code == "CANCELLED":
            return Outcome(OutcomeKind.ABORT, reason)
        health = Health.UNHEALTHY if code in _BROKEN | _MAY_PASS else None
        final = Outcome(OutcomeKind.NON_RETRYABLE, reason, health=health)
        if code == _DEADLINE:
            may_pass = is_attempts_deadline
        else:
            may_pass = code in _MAY_PASS or code in self._extra
        if not may_pass:
            return final
        asked = _pushback(error)
        if asked is not None:
            asked_s = _asked_s(asked)
            if asked_s is None:
                told = {"pushback": "stop"}
                return Outcome(OutcomeKind.NON_RETRYABLE, reason, told, health=health)
            return Outcome(OutcomeKind.RETRYABLE, reason, {"pushback": "wait"}, asked_s)
        if self._replay_safe is False and not _was_not_sent(error):
            told = {"idempotent": "false"}
            return Outcome(OutcomeKind.NON_RETRYABLE, reason, told, health=health)
        return Outcome(OutcomeKind.RETRYABLE, reason)


def status_of(error: BaseException) -> str | None:
    """The name of an error's status code; ``None`` when it is no error of gRPC."""
    if not any(kind.__name__ == "RpcError" for kind in type(error).__mro__):
        return None
    told = _asked(error, "code")
    name = getattr(told, "name", None)
    return name if name in CODES else None


def _pushback(error: Exception | None) -> str | None:
    """What the server asks in its trailing metadata; the last word counts."""
    found: str | None = None
    for key, value in _asked(error, "trailing_metadata") or ():
        if key == PUSHBACK:
            found = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return found


def _asked_s(text: str) -> float | None:
    """Seconds to wait; ``None`` means: do not retry. What nobody can read means that too."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    # Longer than any wait, and int() refuses thousands of digits.
    return int(digits[:_MOST_DIGITS]) / 1000


def _was_not_sent(error: Exception | None) -> bool:
    return str(_asked(error, "details") or "").startswith(_NOT_SENT)


def _asked(error: object, name: str) -> Any:
    method = getattr(error, name, None)
    return method() if callable(method) else None
