"""The default classifier: HTTP where an error looks like it, and a retry for every other error."""

from functools import lru_cache
from typing import Any, Final

from recourse.classify.http import HTTPClassifier
from recourse.classify.http_error import Failure, HTTPFacts, asked_wait_s, facts_of_type
from recourse.classify.own import SAID, outcome_of
from recourse.outcome import SUCCESS, Health, Outcome, OutcomeKind
from recourse.policy.model import EffectivePolicy
from recourse.reasons import Reason

__all__ = ["AutoClassifier"]

_REASONS: Final = {
    Failure.ATTEMPT_TIMEOUT: Reason.ATTEMPT_TIMEOUT,
    Failure.TIMEOUT: Reason.TIMEOUT_ERROR,
    Failure.DEADLINE: Reason.CONTEXT_DEADLINE_EXCEEDED,
}


class AutoClassifier:
    """Judges by the rules of HTTP what looks like HTTP, and retries on every other ``Exception``.

    An error of another protocol may say itself what it means, by an outcome in an attribute
    ``recourse_outcome``: integrations put it there, so that their calls need no other classifier.

    A value is a success. Under a policy that says ``idempotent=False`` an error is retried only
    when the request was refused or never sent. An error may ask for a wait by an attribute
    ``retry_after_s``.

    Args:
        http: The rules for HTTP; by default those of a plain :class:`HTTPClassifier`.
    """

    __slots__ = ("_http", "_of_type")

    errors_only: Final = True

    def __init__(self, http: HTTPClassifier | None = None) -> None:
        self._http = http or HTTPClassifier()
        # Most errors tell nothing beyond their class, and reading them in full costs 10 us.
        self._of_type = lru_cache(maxsize=256)(self._judged_by_type)

    def bound_to(self, policy: EffectivePolicy) -> "AutoClassifier":
        """The classifier that knows from the policy whether the operation may be repeated."""
        http = self._http.bound_to(policy)
        return self if http is self._http else AutoClassifier(http)

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome by the rules of HTTP, or by the simple rule."""
        if error is None:
            return SUCCESS
        del value
        args = error.args
        holds_an_error = bool(args) and isinstance(args[0], Exception)
        if not holds_an_error and error.__cause__ is None and not error.__dict__:
            by_type = self._of_type(type(error))  # type: ignore[arg-type]  # a class is hashable, whatever its instances are
            if by_type is not None:
                return by_type
        return outcome_of(error, self._read)

    def _read(self, error: Exception) -> Outcome:
        facts = self._http.facts(error)
        if isinstance(facts, Outcome):
            return facts
        return self._judged(facts, asked_wait_s(error))

    def _judged_by_type(self, kind: type[Exception]) -> Outcome | None:
        facts = None if hasattr(kind, SAID) else facts_of_type(kind)
        return None if facts is None else self._judged(facts, None)

    def _judged(self, facts: HTTPFacts, wait_s: float | None) -> Outcome:
        if facts.from_client:
            return self._http.judged(facts)
        if facts.failure is not Failure.NOT_SENT and not self._http.may_repeat(facts):
            told = {"idempotent": "false"}
            return Outcome(OutcomeKind.NON_RETRYABLE, "", told, health=Health.UNHEALTHY)
        reason = Reason.RETRYABLE_ERROR
        if facts.failure is not None:
            reason = _REASONS.get(facts.failure, reason)
        return Outcome(OutcomeKind.RETRYABLE, reason, retry_after_s=wait_s)
