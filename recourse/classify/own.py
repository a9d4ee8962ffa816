"""What errors mean that are known without any protocol: recourse's own, and cancellation.

A nested call that recourse refused (an open circuit, no policy, a closed executor, no capacity)
was not answered by the dependency, so asking again at once helps nobody: it aborts, and the outer
key's breaker counts nothing. A nested call whose result was rejected means what its own classifier
found. Timeouts are not decided here: whether they may be repeated depends on the operation.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Final, TypeGuard

from recourse.errors import (
    CapacityError,
    CircuitOpenError,
    ClassifierError,
    ExecutorClosed,
    NoPolicyError,
    PolicyError,
    PolicyNotFoundError,
    ResultRejected,
)
from recourse.outcome import SUCCESS, Health, Outcome, OutcomeKind
from recourse.reasons import Reason

__all__ = [
    "SAID",
    "causes",
    "is_group",
    "of_leaves",
    "outcome_of",
    "own_outcome",
    "said_outcome",
]

SAID: Final = "recourse_outcome"
DEEPEST_CAUSE: Final = 8

_ABORTS: Final[tuple[tuple[type[Exception], Outcome], ...]] = (
    (CancelledError, Outcome(OutcomeKind.ABORT, Reason.INNER_CANCELLED)),
    (NoPolicyError, Outcome(OutcomeKind.ABORT, Reason.NO_POLICY)),
    (PolicyNotFoundError, Outcome(OutcomeKind.ABORT, Reason.NO_POLICY)),
    (PolicyError, Outcome(OutcomeKind.ABORT)),
    (ClassifierError, Outcome(OutcomeKind.ABORT, Reason.CLASSIFIER_ERROR)),
    (ExecutorClosed, Outcome(OutcomeKind.ABORT, Reason.EXECUTOR_CLOSED)),
    (CapacityError, Outcome(OutcomeKind.ABORT, Reason.NO_CAPACITY)),
)


def causes(error: Exception) -> Iterator[Exception]:
    """The error and what it was raised from, at most eight causes deep; contexts are ignored."""
    link: BaseException | None = error
    for _ in range(DEEPEST_CAUSE + 1):
        if not isinstance(link, Exception):
            return
        yield link
        link = link.__cause__


def own_outcome(error: Exception) -> Outcome | None:
    """What a refusal of recourse, or a cancelled future, means; ``None`` for every other error."""
    if isinstance(error, CircuitOpenError):
        return Outcome(OutcomeKind.ABORT, error.reason, retry_after_s=error.retry_after_s)
    if isinstance(error, ResultRejected):
        return error.outcome
    for kind, outcome in _ABORTS:
        if isinstance(error, kind):
            return outcome
    return None


def said_outcome(error: Exception) -> Outcome | None:
    """What the error, or the first of its causes that says so, means by its own account."""
    for link in causes(error):
        said = link.__dict__.get(SAID, getattr(type(link), SAID, None))
        if isinstance(said, Outcome):
            return said
    return None


def outcome_of(error: Exception | None, judged: Callable[[Exception], Outcome]) -> Outcome:
    """What every protocol's classifier begins with.

    No error is a success; an error that says what it means is believed; a group means what its
    leaves mean. Everything else is for the protocol to judge.

    Args:
        error: What the operation raised, if it did.
        judged: The outcome of one error by the rules of the protocol.
    """
    if error is None:
        return SUCCESS
    if (said := said_outcome(error)) is not None:
        return said
    if is_group(error):
        return of_leaves(error, lambda _, leaf: outcome_of(leaf, judged))
    return judged(error)


def is_group(error: Exception) -> TypeGuard[ExceptionGroup[Exception]]:
    """Whether the error is a group of errors."""
    return isinstance(error, ExceptionGroup)


def of_leaves(
    group: ExceptionGroup[Exception], classify: Callable[[None, Exception], Outcome]
) -> Outcome:
    """What a group means: retryable if every leaf is, an abort if any is, else final.

    It asks to wait as long as the most patient leaf does, and is unhealthy if any leaf is.
    """
    found = [classify(None, leaf) for leaf in _leaves(group)]
    kinds = {outcome.kind for outcome in found}
    waits = [outcome.retry_after_s for outcome in found if outcome.retry_after_s is not None]
    health: Health | None = None
    if OutcomeKind.ABORT in kinds:
        kind = OutcomeKind.ABORT
    elif kinds == {OutcomeKind.RETRYABLE}:
        kind = OutcomeKind.RETRYABLE
    else:
        kind = OutcomeKind.NON_RETRYABLE
        if any(outcome.effective_health is Health.UNHEALTHY for outcome in found):
            health = Health.UNHEALTHY
    wait_s = max(waits, default=None)
    return Outcome(kind, Reason.EXCEPTION_GROUP, retry_after_s=wait_s, health=health)


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    waiting: list[Exception] = [group]
    while waiting:
        error = waiting.pop()
        if is_group(error):
            waiting.extend(reversed(error.exceptions))
        else:
            yield error
