"""Every error that recourse raises of its own accord.

The operation's own exception passes through unchanged; these are the rest::

    RecourseError
    ├── PolicyError (ValueError)          a policy or an option cannot mean what it says
    │   └── KeyCardinalityError           a policy key carries request data
    ├── PolicyNotFoundError (LookupError) a provider has no policy for a key
    ├── NoPolicyError                     a call was refused because no policy could be resolved
    ├── ClassifierError                   a classifier failed on a value that the operation returned
    ├── ResultRejected                    the last value was classified as a failure
    ├── AttemptTimeout (TimeoutError)     one attempt reached its limit
    ├── DeadlineExceeded (TimeoutError)   the whole call reached its limit
    ├── CircuitOpenError                  a breaker refused the call before any attempt
    ├── RetryExhausted (ExceptionGroup)   with ``errors="wrap"``: what every attempt raised
    ├── CapacityError                     too many abandoned runs to start another one
    └── ExecutorClosed                    the executor was closed before or during the call

An error's ``args`` are its fields, so that it survives pickling; its text is built when it is shown.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from recourse.outcome import Outcome

__all__ = [
    "AttemptTimeout",
    "CapacityError",
    "CircuitOpenError",
    "ClassifierError",
    "DeadlineExceeded",
    "ExecutorClosed",
    "KeyCardinalityError",
    "NoPolicyError",
    "PolicyError",
    "PolicyNotFoundError",
    "RecourseError",
    "ResultRejected",
    "RetryExhausted",
]


class RecourseError(Exception):
    """The root of every error that recourse raises of its own accord."""


class PolicyError(RecourseError, ValueError):
    """A policy, key or option holds a value that it must not hold.

    Attributes:
        field: Dotted path of the field, for example ``retry.max_attempts``.
        value: The value that was given.
        allowed: What would be accepted, as a phrase.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(field, value, allowed)
        self.field = field
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.field} {self.value!r} is not allowed; use {self.allowed}"


class KeyCardinalityError(PolicyError):
    """A policy key carries request data, so that nothing could be aggregated on it.

    Attributes:
        value: The key as given.
        why: What is wrong with it, as a phrase.
    """

    def __init__(self, value: str, why: str) -> None:
        super().__init__(
            "key", value, "the name of an operation, for example 'user-service.GetUser'"
        )
        self.args: tuple[object, ...] = (value, why)
        self.why = why

    def __str__(self) -> str:
        return f"policy key {self.value!r} {self.why}; use {self.allowed}"


class PolicyNotFoundError(RecourseError, LookupError):
    """The provider has no policy for this key."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"no policy for key {self.key!r}; add one, or configure default_policy"


_OTHERWISE: Final = "or choose missing_policy='allow' or 'fallback'"
_HELP: Final = {
    "not_found": f"add a policy for the key, {_OTHERWISE}",
    "invalid": f"mend the policy as the error's cause says, {_OTHERWISE}",
    "provider_error": f"mend the provider, which raised the error's cause, {_OTHERWISE}",
    "provider_timeout": f"raise resolve_timeout_s, let the provider cache, {_OTHERWISE}",
    "classifier_not_found": (
        "register the classifier that the policy names, or choose missing_classifier='fallback'"
    ),
}


class NoPolicyError(RecourseError):
    """A call was refused because no policy could be resolved for its key, or none be followed.

    Attributes:
        key: The call's key.
        reason: ``not_found``, ``invalid``, ``provider_error``, ``provider_timeout`` or
            ``classifier_not_found``.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        advice = _HELP.get(self.reason, "see the error's cause")
        return f"call {self.key!r} was refused without a policy ({self.reason}); {advice}"


class ClassifierError(RecourseError):
    """A classifier failed, or gave something that is no outcome, for a value that was returned.

    Attributes:
        classifier: The classifier's name or type.
        problem: What it did, as a phrase.
    """

    def __init__(self, classifier: str, problem: str) -> None:
        super().__init__(classifier, problem)
        self.classifier = classifier
        self.problem = problem

    def __str__(self) -> str:
        return f"classifier {self.classifier!r} {self.problem}; it must give an Outcome"


class ResultRejected(RecourseError):
    """The last value that the operation returned was classified as a failure.

    Attributes:
        outcome: How the value was classified.
        value: The value itself; it is not part of the message.
    """

    def __init__(self, outcome: "Outcome", value: object) -> None:
        super().__init__(outcome, value)
        self.outcome = outcome
        self.value = value

    def __str__(self) -> str:
        return f"the result was classified {self.outcome.kind} ({self.outcome.reason})"


class AttemptTimeout(RecourseError, TimeoutError):
    """One attempt reached its limit.

    Attributes:
        timeout_s: The limit, in seconds.
        annotations: What the operation noted on its attempt (``method``, ``peer``, …), so that a
            classifier can judge a timeout that no client has seen.
    """

    def __init__(self, timeout_s: float, annotations: dict[str, object] | None = None) -> None:
        super().__init__(timeout_s, annotations or {})
        self.timeout_s = timeout_s
        self.annotations: dict[str, object] = annotations or {}

    def __str__(self) -> str:
        return f"the attempt took longer than {self.timeout_s:g} s"


class DeadlineExceeded(RecourseError, TimeoutError):
    """The whole call reached its limit, by its own policy or by an ambient deadline.

    Attributes:
        key: The call's key.
        limit_s: Seconds the call had when it began.
    """

    def __init__(self, key: str, limit_s: float) -> None:
        super().__init__(key, limit_s)
        self.key = key
        self.limit_s = limit_s

    def __str__(self) -> str:
        return f"call {self.key!r} did not finish within {self.limit_s:g} s"


class CircuitOpenError(RecourseError):
    """A breaker refused the call before any attempt.

    Attributes:
        key: The call's key.
        state: ``open``, ``half_open`` or ``isolated``.
        reason: ``circuit_open``, ``circuit_half_open_probe_limit`` or ``circuit_forced_open``.
        retry_after_s: Seconds until a probe may pass; ``None`` when nobody can know.
    """

    def __init__(self, key: str, state: str, reason: str, retry_after_s: float | None) -> None:
        super().__init__(key, state, reason, retry_after_s)
        self.key = key
        self.state = state
        self.reason = reason
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        wait = (
            ""
            if self.retry_after_s is None
            else f"; a probe may pass in {self.retry_after_s:.3g} s"
        )
        return f"the circuit of {self.key!r} is {self.state} ({self.reason}){wait}"


class RetryExhausted(RecourseError, ExceptionGroup[Exception]):
    """With ``errors="wrap"``: what the attempts of a failed call raised, as they failed."""

    def __new__(cls, message: str, exceptions: Sequence[Exception], /) -> Self:
        """Build the group; ``exceptions`` holds at least one."""
        return super().__new__(cls, message, exceptions)

    def derive(self, excs: Sequence[Exception], /) -> "RetryExhausted":  # type: ignore[override]  # narrower on purpose: a part of this group is this group's kind
        """Return the same kind of group over a part of the errors (``except*`` needs it)."""
        return RetryExhausted(self.message, excs)


class CapacityError(RecourseError):
    """So many abandoned runs are still going on that another one must not start.

    Attributes:
        limit: The executor's ``max_abandoned``.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} abandoned runs are still going on; raise max_abandoned or mend the operation"


class ExecutorClosed(RecourseError):
    """The executor was closed before or during the call."""

    def __init__(self, key: str = "") -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"call {self.key!r} met a closed executor" if self.key else "the executor is closed"
