"""Classifiers made of the user's own words: every error, listed errors, a question about values."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from recourse.classify.auto import AutoClassifier
from recourse.classify.own import is_group, of_leaves, own_outcome
from recourse.classify.protocol import Classifier, PolicyAware
from recourse.errors import PolicyError
from recourse.outcome import SUCCESS, Outcome, OutcomeKind
from recourse.policy.model import EffectivePolicy

__all__ = ["AlwaysRetryOnError", "ByException", "ByResult"]

_RETRY: Final = Outcome(OutcomeKind.RETRYABLE)


class AlwaysRetryOnError:
    """Retries on every ``Exception`` of the operation; every value is a success.

    Only a refusal of recourse itself (see :mod:`recourse.classify.own`) is not retried.
    """

    __slots__ = ()

    errors_only: Final = True

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """Success for a value, retryable for an error."""
        del value
        if error is None:
            return SUCCESS
        if is_group(error):
            return of_leaves(error, self.classify)
        return own_outcome(error) or _RETRY


class ByException:
    """Judges errors by their class, the nearest along the MRO; every value is a success.

    >>> by_class = ByException({ConnectionError: "retryable", OSError: "non_retryable"})
    >>> by_class.classify(None, ConnectionResetError()).kind.value
    'retryable'

    Args:
        outcomes: What each class of errors means: a kind or a whole outcome.
        otherwise: What every other error means.

    Raises:
        PolicyError: There is no mapping, a key is no class of exceptions, or a value no kind.
    """

    __slots__ = ("_otherwise", "_outcomes")

    errors_only: Final = True

    def __init__(
        self,
        outcomes: Mapping[type[Exception], OutcomeKind | Outcome | str],
        otherwise: OutcomeKind | Outcome | str = OutcomeKind.NON_RETRYABLE,
    ) -> None:
        if not hasattr(outcomes, "items"):
            field = "outcomes"
            raise PolicyError(field, outcomes, "a mapping from classes of exceptions to kinds")
        self._outcomes = {_error_class(kind): _outcome(given) for kind, given in outcomes.items()}
        self._otherwise = _outcome(otherwise)

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome of the nearest listed class."""
        del value
        if error is None:
            return SUCCESS
        for kind in type(error).__mro__:
            if (found := self._outcomes.get(kind)) is not None:
                return found
        if is_group(error):
            return of_leaves(error, self.classify)
        return own_outcome(error) or self._otherwise


class ByResult:
    """Retries while the operation returns a value that ``rejects`` says yes to.

    Args:
        rejects: Whether a returned value is a failure that may pass.
        errors: Judges what was raised; by default :class:`AutoClassifier`.

    Raises:
        PolicyError: ``rejects`` cannot be called.
    """

    __slots__ = ("_errors", "_rejects")

    def __init__(self, rejects: Callable[[Any], bool], errors: Classifier | None = None) -> None:
        if not callable(rejects):
            field = "rejects"
            raise PolicyError(field, rejects, "a function that says whether to reject a value")
        self._rejects = rejects
        self._errors: Classifier = errors or AutoClassifier()

    def bound_to(self, policy: EffectivePolicy) -> "ByResult":
        """The classifier whose judge of errors knows the policy."""
        if not isinstance(self._errors, PolicyAware):
            return self
        return ByResult(self._rejects, self._errors.bound_to(policy))

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome of a value by the question, of an error by the other classifier."""
        if error is not None:
            return self._errors.classify(value, error)
        return (
            Outcome(OutcomeKind.RETRYABLE, "result_rejected") if self._rejects(value) else SUCCESS
        )


_GIVEN_BY_CLASSIFIERS: Final = (
    OutcomeKind.SUCCESS,
    OutcomeKind.RETRYABLE,
    OutcomeKind.NON_RETRYABLE,
    OutcomeKind.ABORT,
)


def _error_class(kind: Any) -> type[Any]:
    if inspect.isclass(kind) and issubclass(kind, Exception):
        return kind
    field = "outcomes"
    raise PolicyError(field, kind, "classes of exceptions as keys")


def _outcome(given: OutcomeKind | Outcome | str) -> Outcome:
    if isinstance(given, Outcome):
        return given
    if given in _GIVEN_BY_CLASSIFIERS:
        return Outcome(OutcomeKind(given))
    field = "outcomes"
    raise PolicyError(field, given, "an Outcome or one of " + ", ".join(_GIVEN_BY_CLASSIFIERS))
