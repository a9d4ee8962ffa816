"""The rules of HTTP: which failures may be repeated, and when.

An answer 408 or 429 says that the request was not carried out: it may be repeated whatever its
method. So may a request that never left. Everything else that may pass (a 5xx but 501 and 505, a
timeout, a broken connection) is repeated only if the request may be carried out twice.
"""

from collections.abc import Iterable
from typing import Any, Final

from recourse.classify.http_error import IDEMPOTENT_METHODS, Failure, HTTPFacts, http_facts
from recourse.classify.own import outcome_of
from recourse.clock import Clock, SystemClock
from recourse.errors import PolicyError
from recourse.outcome import Health, Outcome, OutcomeKind
from recourse.policy.model import EffectivePolicy
from recourse.reasons import Reason

__all__ = ["HTTPClassifier"]

_REFUSED: Final = frozenset({408, 429})
_UNAVAILABLE: Final = 503
_FINAL_5XX: Final = frozenset({501, 505})
_NOT_HTTP: Final = Outcome(
    OutcomeKind.NON_RETRYABLE, Reason.CLASSIFIER_TYPE_MISMATCH, health=Health.NEUTRAL
)


class HTTPClassifier:
    """Judges the errors of any HTTP client; every returned value is a success.

    An error that has nothing to do with HTTP is not retried (``classifier_type_mismatch``): use
    :class:`AutoClassifier` where both kinds occur.

    Args:
        extra_retryable: Further 4xx statuses to retry, for example ``(404,)`` for a store that is
            consistent after a while.
        replay_safe: Whether a request may be carried out twice. ``None`` goes by the method and
            an ``Idempotency-Key``; ``True`` lets a POST be repeated; ``False`` treats every
            request like a POST: only what was refused or never sent is repeated.
        clock: For a ``Retry-After`` that is a date.

    Raises:
        PolicyError: An extra status is no 4xx.
    """

    __slots__ = ("_clock", "_extra", "_replay_safe")

    errors_only: Final = True

    def __init__(
        self,
        extra_retryable: Iterable[int] = (),
        replay_safe: bool | None = None,  # noqa: FBT001 -- pinned; it is passed by name
        clock: Clock | None = None,
    ) -> None:
        self._extra = frozenset(extra_retryable)
        self._replay_safe = replay_safe
        self._clock: Clock = clock or SystemClock()
        for status in self._extra:
            if status not in range(400, 500):
                field = "extra_retryable"
                raise PolicyError(field, status, "statuses from 400 to 499")

    def bound_to(self, policy: EffectivePolicy) -> "HTTPClassifier":
        """The classifier whose ``replay_safe`` is what the policy says, if it says anything."""
        if policy.idempotent is None or policy.idempotent is self._replay_safe:
            return self
        return HTTPClassifier(self._extra, policy.idempotent, self._clock)

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome by the rules of HTTP."""
        del value
        return outcome_of(error, self._read)

    def _read(self, error: Exception) -> Outcome:
        facts = self.facts(error)
        return facts if isinstance(facts, Outcome) else self.judged(facts)

    def facts(self, error: Exception) -> HTTPFacts | Outcome:
        """What the error tells of its request, or the outcome if an error of recourse's own decides."""
        return http_facts(error, self._clock)

    def judged(self, facts: HTTPFacts) -> Outcome:
        """The outcome of a request of which this is known."""
        if facts.status is not None:
            return self._answered(facts.status, facts)
        match facts.failure:
            case None:
                return _NOT_HTTP
            case Failure.NOT_SENT:
                return Outcome(OutcomeKind.RETRYABLE, Failure.TRANSPORT.value)
            case _:
                outcome = Outcome(OutcomeKind.RETRYABLE, facts.failure.value)
                return self._if_repeatable(facts, outcome)

    def may_repeat(self, facts: HTTPFacts) -> bool:
        """Whether the request may be carried out twice; one of unknown method may."""
        if self._replay_safe is not None:
            return self._replay_safe
        if facts.repeatable is not None:
            return facts.repeatable
        return facts.method is None or facts.method in IDEMPOTENT_METHODS

    def _answered(self, status: int, facts: HTTPFacts) -> Outcome:
        family = f"{status // 100}xx"
        was_refused = status in _REFUSED or status in self._extra
        may_pass = was_refused or (family == "5xx" and status not in _FINAL_5XX)
        tells_when = was_refused or status == _UNAVAILABLE or family == "3xx"
        outcome = Outcome(
            OutcomeKind.RETRYABLE if may_pass else OutcomeKind.NON_RETRYABLE,
            f"http_{status}",
            {"family": family},
            facts.retry_after_s if tells_when else None,
        )
        return self._if_repeatable(facts, outcome) if may_pass and not was_refused else outcome

    def _if_repeatable(self, facts: HTTPFacts, outcome: Outcome) -> Outcome:
        if self.may_repeat(facts):
            return outcome
        told = {"method": facts.method} if facts.method is not None else {}
        return Outcome(
            OutcomeKind.NON_RETRYABLE,
            "http_non_idempotent",
            {**outcome.attributes, **told, "cause": outcome.reason},
            outcome.retry_after_s,
            # Final for the caller, yet the dependency did fail: its breaker must count it.
            Health.UNHEALTHY,
        )
