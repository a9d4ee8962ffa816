"""The rules of Redis: which errors may be repeated. They are known by the names of their classes."""

from typing import Any, Final

from recourse.classify.auto import AutoClassifier
from recourse.classify.http import HTTPClassifier
from recourse.classify.own import causes, outcome_of
from recourse.outcome import Health, Outcome, OutcomeKind
from recourse.policy.model import EffectivePolicy

__all__ = ["RedisClassifier"]

# The server, or redis-py, says that nothing was carried out.
_REFUSED: Final = (
    "BusyLoadingError",
    "ClusterDownError",
    "MasterDownError",
    "MaxConnectionsError",
    "ReadOnlyError",
    "TryAgainError",
)
# Refusals that stay what they are, although redis-py derives some from ConnectionError.
_FINAL: Final = ("AuthenticationError", "AuthorizationError", "NoPermissionError", "OutOfMemoryError")  # fmt: skip
_LOST: Final = ("TimeoutError", "ConnectionError")
_CONNECTING: Final = " connecting to "


class RedisClassifier:
    """Judges errors of redis-py; every returned value is a success.

    What the server refused for the moment, and what never reached it, is retried. When a connection
    broke or a time ran out, the command may have been carried out: it is repeated unless
    ``replay_safe`` is false, which :class:`Retry` knows of each command. Errors that are none of
    redis-py's are judged like :class:`AutoClassifier` does.

    Args:
        replay_safe: Whether a command may be carried out twice; ``None`` does not know, and retries.
    """

    __slots__ = ("_otherwise", "replay_safe")

    errors_only: Final = True

    def __init__(self, replay_safe: bool | None = None) -> None:  # noqa: FBT001 -- as HTTPClassifier takes it
        self.replay_safe: bool | None = replay_safe
        self._otherwise = AutoClassifier(HTTPClassifier(replay_safe=replay_safe))

    def bound_to(self, policy: EffectivePolicy) -> "RedisClassifier":
        """The classifier that knows from the policy whether the command may be repeated."""
        if policy.idempotent is None or policy.idempotent is self.replay_safe:
            return self
        return RedisClassifier(policy.idempotent)

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome by the rules of Redis."""
        del value
        return outcome_of(error, self._judged)

    def _judged(self, error: Exception) -> Outcome:
        for link in causes(error):
            if any(kind.__name__ == "RedisError" for kind in type(link).__mro__):
                return self._by_name(link)
        return self._otherwise.classify(None, error)

    def _by_name(self, error: Exception) -> Outcome:
        names = {kind.__name__ for kind in type(error).__mro__}
        reason = f"redis_{type(error).__name__}"
        if not names.isdisjoint(_FINAL):
            return Outcome(OutcomeKind.NON_RETRYABLE, reason)
        if not names.isdisjoint(_REFUSED):
            return Outcome(OutcomeKind.RETRYABLE, reason)
        if names.isdisjoint(_LOST):
            return Outcome(OutcomeKind.NON_RETRYABLE, reason)
        if self.replay_safe is False and _CONNECTING not in str(error):
            told = {"cause": reason}
            unhealthy = Health.UNHEALTHY
            return Outcome(OutcomeKind.NON_RETRYABLE, "redis_non_idempotent", told, None, unhealthy)
        return Outcome(OutcomeKind.RETRYABLE, reason)
