"""The rules of SQLSTATE: what a database gave up for the moment. No driver is imported."""

from enum import StrEnum
from typing import Any, Final

from recourse.classify.auto import AutoClassifier
from recourse.classify.http import HTTPClassifier
from recourse.classify.own import causes, outcome_of
from recourse.outcome import Health, Outcome, OutcomeKind
from recourse.policy.model import EffectivePolicy

__all__ = ["Phase", "SQLStateClassifier"]

# The database has rolled back, or never began: doing it again is doing it once.
_ROLLED_BACK: Final = frozenset({"40001", "40P01", "55P03"})
_NOT_BEGUN: Final = frozenset({"53300", "57P03", "08001", "08004"})
# The connection is gone, and with it the transaction, unless its COMMIT was on the way.
_LOST: Final = frozenset({"57P01", "57P02"})
_BUSY: Final = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})
_CANCELED: Final = "57014"
_UNHEALTHY: Final = ("08", "53", "57", "58", "XX")


class Phase(StrEnum):
    """Where a transaction was when it failed."""

    UNKNOWN = "unknown"
    RUNNING = "running"
    COMMITTING = "committing"


class SQLStateClassifier:
    """Judges errors of databases by their SQLSTATE; every returned value is a success.

    Serialization failures (40001), deadlocks (40P01), locks that were not free (55P03), a server
    that starts, stops or has no room (57P01-03, 53300) and broken connections (08xxx) are retried;
    what is wrong with the statement is not. A connection that broke may have carried out what was
    sent: with ``replay_safe=False`` only what was surely rolled back is repeated. Errors that are
    none of a database's are judged like :class:`AutoClassifier` does.

    Only whole transactions can be repeated: see :func:`transactional`.

    Args:
        replay_safe: Whether the operation may be carried out twice; ``None`` does not know.
    """

    __slots__ = ("_otherwise", "_replay_safe")

    errors_only: Final = True

    def __init__(self, replay_safe: bool | None = None) -> None:  # noqa: FBT001 -- as HTTPClassifier takes it
        self._replay_safe = replay_safe
        self._otherwise = AutoClassifier(HTTPClassifier(replay_safe=replay_safe))

    def bound_to(self, policy: EffectivePolicy) -> "SQLStateClassifier":
        """The classifier that knows from the policy whether the operation may be repeated."""
        if policy.idempotent is None or policy.idempotent is self._replay_safe:
            return self
        return SQLStateClassifier(policy.idempotent)

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome by the rules of SQLSTATE."""
        del value
        return outcome_of(error, self.judged)

    def judged(
        self, error: Exception, phase: Phase = Phase.UNKNOWN, *, at_limit: bool = False
    ) -> Outcome:
        """The outcome of one error.

        Args:
            error: What the operation raised.
            phase: Where its transaction was.
            at_limit: The attempt's time was up, so that a cancelled statement is its timeout.
        """
        for link in causes(error):
            state = _sqlstate_of(link)
            if state is not None:
                return self._by_state(state, phase, at_limit=at_limit)
            if (name := _sqlite_name(link)) is not None:
                kind = OutcomeKind.RETRYABLE if name in _BUSY else OutcomeKind.NON_RETRYABLE
                return Outcome(kind, name.lower())
            if _is_lost(link):
                return self._lost("sql_connection_lost", phase, {})
        return self._otherwise.classify(None, error)

    def _by_state(self, state: str, phase: Phase, *, at_limit: bool) -> Outcome:
        reason = f"sqlstate_{state}"
        family = {"family": state[:2]}
        if state in _ROLLED_BACK or state in _NOT_BEGUN:
            return Outcome(OutcomeKind.RETRYABLE, reason, family)
        if state in _LOST or state[:2] == "08":
            return self._lost(reason, phase, family)
        if state == _CANCELED and at_limit:
            return Outcome(OutcomeKind.RETRYABLE, reason, {**family, "cause": "attempt_timeout"})
        health = Health.UNHEALTHY if state.startswith(_UNHEALTHY) else None
        return Outcome(OutcomeKind.NON_RETRYABLE, reason, family, health=health)

    def _lost(self, reason: str, phase: Phase, family: dict[str, str]) -> Outcome:
        """A connection that broke: what it was doing decides."""
        is_safe = self._replay_safe
        if phase is Phase.RUNNING:
            is_safe = True  # nothing was committed, and nothing will be
        elif phase is Phase.COMMITTING:
            is_safe = bool(is_safe)
        if is_safe is False:
            told = {**family, "cause": reason}
            unknown = "sql_commit_unknown" if phase is Phase.COMMITTING else "sql_non_idempotent"
            return Outcome(OutcomeKind.NON_RETRYABLE, unknown, told, health=Health.UNHEALTHY)
        return Outcome(OutcomeKind.RETRYABLE, reason, family)


def _sqlstate_of(error: object) -> str | None:
    """The SQLSTATE that an error carries, or that of the driver's error inside it."""
    for holder in (error, getattr(error, "orig", None)):
        for name in ("sqlstate", "pgcode"):
            state = getattr(holder, name, None)
            if isinstance(state, str) and len(state) == len("00000"):
                return state
    return None


def _is_lost(error: object) -> bool:
    """Whether a driver that has no SQLSTATE for it says that the connection is gone."""
    if getattr(error, "connection_invalidated", False):
        return True
    original = getattr(error, "orig", None) or error
    return any(kind.__name__ == "OperationalError" for kind in type(original).__mro__)


def _sqlite_name(error: object) -> str | None:
    """SQLite's own name of what is wrong; it has no SQLSTATE, and no connection to lose."""
    name = getattr(getattr(error, "orig", None) or error, "sqlite_errorname", None)
    return name if isinstance(name, str) else None
