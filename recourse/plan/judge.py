"""What the end of a run means: outcome, health, and whether the call goes on. Mostly pure."""

import asyncio
import sys
from concurrent.futures import CancelledError
from typing import Final, NamedTuple

from recourse.backoff import backoff_s, retry_after_wait_s
from recourse.errors import AttemptTimeout, ClassifierError, ResultRejected
from recourse.outcome import Health, Outcome, OutcomeKind
from recourse.plan import telling
from recourse.plan.bound import Bound
from recourse.plan.call import Call, Run
from recourse.reasons import Disposition, Reason

__all__ = [
    "Pause",
    "cancellation",
    "classified",
    "give_back",
    "judge",
    "pause_after",
    "sample",
    "settle",
    "settle_unused",
    "severity",
    "stop_reason",
    "verdict",
]

_CLASSIFIED: Final = frozenset(
    map(
        id,
        (
            OutcomeKind.SUCCESS,
            OutcomeKind.RETRYABLE,
            OutcomeKind.NON_RETRYABLE,
            OutcomeKind.ABORT,
        ),
    )
)
_SEVERITY: Final = {OutcomeKind.ABORT: 3, OutcomeKind.NON_RETRYABLE: 2, OutcomeKind.RETRYABLE: 1}
_CANCELLED: Final = Outcome(OutcomeKind.CANCELLED, Reason.CANCELLED)
_CANCELLED_INSIDE: Final = Outcome(OutcomeKind.ABORT, Reason.INNER_CANCELLED)
_INTERRUPTED: Final = Outcome(OutcomeKind.CANCELLED, Reason.INTERRUPTED)
_CUT_BY_CALL: Final = Outcome(OutcomeKind.CANCELLED, Reason.CONTEXT_DEADLINE_EXCEEDED)
_LEFT_BY_CALL: Final = Outcome(OutcomeKind.ABANDONED, Reason.CONTEXT_DEADLINE_EXCEEDED)
_UNKNOWN: Final = Outcome(OutcomeKind.ABORT, Reason.UNKNOWN_OUTCOME)


class Pause(NamedTuple):
    """The wait that was chosen after an attempt."""

    delay_s: float
    source: str
    base_s: float


def stop_reason(error: BaseException) -> Disposition:
    """How a call ends that a BaseException stopped: by cancellation, or interrupted."""
    # trio is not imported here: its cancellation is known by name.
    cancelled = isinstance(error, asyncio.CancelledError) or type(error).__name__ == "Cancelled"
    return Disposition.CANCELLED if cancelled else Disposition.INTERRUPTED


def judge(call: Call, bound: Bound, run: Run) -> Outcome:
    """Give a finished run its outcome, the breaker and the budget what it showed.

    Asks the classifier once.
    """
    outcome = run.outcome = _outcome(call, bound, run)
    if run.admission is not None:
        settle(call, run, _health(run, outcome))
    call.attempts_run += 1
    kind, error = outcome.kind, run.error
    if error is not None:
        call.failed = (*call.failed, run)
        if isinstance(error, Exception):
            call.errors = (*call.errors, error)
    elif kind in _SEVERITY:
        call.errors = (*call.errors, ResultRejected(outcome, run.value))
    if bound.feeds:
        bound.feed(call.runtime, kind, run.attempt, run.ended_s)
    if kind is OutcomeKind.SUCCESS:
        sample(call, bound, run, censored=False)
    if run.release is not None and not run.dropped:
        give_back(call, run)
    return outcome


def settle(call: Call, run: Run, health: Health) -> None:
    """Give the run's lease back to the breaker; harmless when it has none."""
    admission, bound = run.admission, call.bound
    if admission is not None and bound is not None and bound.breaker is not None:
        run.admission = None
        bound.breaker.settle(admission, health, run.duration_s, run.ended_s, call)


def give_back(call: Call, run: Run) -> None:
    """Give the run's reservation back to its budget; harmless when it holds none."""
    release, run.release = run.release, None
    if release is None:
        return
    error = call.runtime.releaser.release(release)
    if error is not None:
        telling.budget_release(call, run, error)


def settle_unused(call: Call, run: Run | None) -> None:
    """Give back what a run still holds that will not be carried on."""
    if run is not None and not run.dropped:
        settle(call, run, Health.NEUTRAL)
        give_back(call, run)


def sample(call: Call, bound: Bound, run: Run, *, censored: bool) -> None:
    """Tell the hedge trigger how long a run took, or took at least (``censored``)."""
    hedge = bound.policy.hedge
    if hedge.enabled:
        call.runtime.triggers.observe(call.info.label, hedge, run.duration_s, censored=censored)


def _outcome(call: Call, bound: Bound, run: Run) -> Outcome:
    error = run.error
    if run.given is not None:
        return run.given
    if error is not None and not isinstance(error, Exception):
        return _stopped(error)
    if run.expired:
        if run.limited_by_call:
            return _LEFT_BY_CALL if run.dropped and not call.is_async else _CUT_BY_CALL
        timeout = AttemptTimeout(run.timeout_s or 0.0, run.info.annotations)
        timeout.__cause__ = error
        run.error = timeout
    elif isinstance(error, CancelledError):
        return _CANCELLED_INSIDE
    elif error is not None and (request := cancellation(error)) is not None:
        run.error = asyncio.CancelledError(*request.args)
        run.error.__cause__ = error
        return _CANCELLED
    outcome = classified(bound, run)
    is_committed = run.came_s is not None and error is not None
    return _committed(outcome) if is_committed else outcome


def _committed(outcome: Outcome) -> Outcome:
    """A stream that broke after its first item: not to be repeated, as healthy as its error says."""
    if outcome.kind is OutcomeKind.ABORT:
        return outcome
    health = outcome.effective_health
    return Outcome(OutcomeKind.NON_RETRYABLE, Reason.COMMITTED, outcome.attributes, health=health)


def cancellation(error: Exception) -> asyncio.CancelledError | None:
    """The request to the caller's task to end that the operation made this error of."""
    link = error.__context__
    if link is None or not _is_cancelled():
        return None
    handled = sys.exc_info()[1]  # the caller may clean up after a cancellation, by this very call
    while link is not None and link is not handled:
        if isinstance(link, asyncio.CancelledError):
            return link
        link = link.__context__
    return None


def _is_cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return False
    return task is not None and task.cancelling() > 0


def _stopped(error: BaseException) -> Outcome:
    return _CANCELLED if stop_reason(error) is Disposition.CANCELLED else _INTERRUPTED


def classified(bound: Bound, run: Run) -> Outcome:
    """Ask the classifier. Whatever it does wrong becomes an outcome, and the run's error."""
    error = run.error if isinstance(run.error, Exception) else None
    try:
        given = bound.classify(run.value if error is None else None, error)
    except Exception as problem:  # any failure of a classifier ends the call the same way
        if error is None:
            run.error = ClassifierError(
                type(bound.classifier).__name__, f"raised {type(problem).__name__}"
            )
            run.error.__cause__ = problem
        return Outcome(OutcomeKind.ABORT, Reason.CLASSIFIER_ERROR)
    except BaseException as problem:  # as if the operation had been interrupted
        run.error = problem
        return _stopped(problem)
    # By identity: a text that only equals a kind is none, and may not even be hashable.
    if isinstance(given, Outcome) and id(given.kind) in _CLASSIFIED:
        return given
    if error is None:
        kind = getattr(given, "kind", type(given).__name__)
        run.error = ClassifierError(type(bound.classifier).__name__, f"gave {kind}")
    return _UNKNOWN


def _health(run: Run, outcome: Outcome) -> Health:
    # Cut short by the call's own limit, before it had its full time, it shows nothing; and so does
    # an operation that keeps to remaining_s() and fails when nothing remains.
    at_limit = run.limit_s is not None and run.ended_s >= run.limit_s and run.error is not None
    cut_short = run.limited_by_call and (run.expired or at_limit)
    return Health.NEUTRAL if cut_short else outcome.effective_health


def severity(run: Run) -> tuple[int, int]:
    """Orders the failed runs of a group: the greatest speaks for it, the lowest index on a tie."""
    kind = OutcomeKind.ABORT if run.outcome is None else run.outcome.kind
    return _SEVERITY.get(kind, 0), -run.hedge_index


def verdict(run: Run, max_attempts: int) -> Disposition | None:
    """How the call ends with this run; ``None`` when it may try again."""
    kind, error = _outcome_of(run).kind, run.error
    if kind is OutcomeKind.CANCELLED and error is not None and not isinstance(error, Exception):
        return stop_reason(error)
    if run.expired and run.limited_by_call:
        return Disposition.DEADLINE_EXCEEDED
    match kind:
        case OutcomeKind.SUCCESS:
            return Disposition.SUCCESS
        case OutcomeKind.NON_RETRYABLE:
            return Disposition.TERMINAL
        case OutcomeKind.RETRYABLE:
            return None if run.attempt + 1 < max_attempts else Disposition.EXHAUSTED
        case _:
            return Disposition.ABORTED


def _outcome_of(run: Run) -> Outcome:
    return _UNKNOWN if run.outcome is None else run.outcome


def pause_after(call: Call, bound: Bound, run: Run, previous_s: float) -> Pause | Disposition:
    """The wait before the next attempt, or how the call ends because no wait makes sense."""
    retry, rng = bound.retry, call.runtime.rng
    base_s = backoff_s(retry, run.attempt, rng, previous_s)
    pause = Pause(base_s, "policy", base_s)
    asked_s = _outcome_of(run).retry_after_s
    if asked_s is not None and asked_s > 0:
        if asked_s > retry.retry_after_max_s:
            return Disposition.RETRY_AFTER_TOO_LONG
        pause = Pause(retry_after_wait_s(asked_s, rng), "retry_after", base_s)
    if call.limit_s is not None:
        remaining_s = call.limit_s - call.now_s()
        if remaining_s <= 0:
            return Disposition.DEADLINE_EXCEEDED
        if pause.delay_s >= remaining_s:
            return Disposition.DEADLINE_WOULD_EXCEED
    return pause
