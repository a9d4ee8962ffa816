"""How a call ends: what the caller gets, and the last event."""

from typing import Any, Final, cast

from recourse.errors import DeadlineExceeded, ExecutorClosed, ResultRejected, RetryExhausted
from recourse.outcome import SUCCESS, Outcome, OutcomeKind
from recourse.plan import telling
from recourse.plan.call import Call, Run
from recourse.plan.judge import stop_reason
from recourse.plan.steps import Finish
from recourse.reasons import Disposition, Reason
from recourse.timeline import keep

__all__ = ["explain", "finished", "interrupted", "refused"]

# Retrying stopped although the last outcome was worth a retry: with errors="wrap" these are groups.
_GAVE_UP: Final = frozenset(
    {
        Disposition.EXHAUSTED,
        Disposition.BUDGET_DENIED,
        Disposition.CIRCUIT_OPEN,
        Disposition.DEADLINE_WOULD_EXCEED,
        Disposition.RETRY_AFTER_TOO_LONG,
    }
)
_CLOSED: Final = Outcome(OutcomeKind.CANCELLED, Reason.EXECUTOR_CLOSED)
_CANCELLED: Final = Outcome(OutcomeKind.CANCELLED, Reason.CANCELLED)
_INTERRUPTED: Final = Outcome(OutcomeKind.CANCELLED, Reason.INTERRUPTED)


def finished(call: Call, run: Run, disposition: Disposition, why: str = "") -> Finish:
    """The end of a call whose last attempt was ``run``; ``why`` details the disposition."""
    outcome = run.outcome or SUCCESS
    if disposition is Disposition.SUCCESS:
        call.result = run.value
        _tell(call, disposition, outcome, None)
        return Finish(run.value)
    error = _error(call, run, outcome, disposition)
    if isinstance(error, Exception):
        took_s = call.now_s() - call.info.started_s
        explain(
            error,
            call.info.key,
            f"{disposition} ({why})" if why else disposition,
            call.attempts_run,
            took_s,
        )
    _tell(call, disposition, outcome, error)
    return Finish(None, error)


def refused(call: Call, disposition: Disposition, error: Exception, reason: str) -> Finish:
    """The end of a call that must not make another attempt; ``error`` is ours."""
    if call.errors and error.__cause__ is None:
        error.__cause__ = call.errors[-1]
    _tell(call, disposition, Outcome(OutcomeKind.ABORT, reason), error)
    return Finish(None, error)


def interrupted(call: Call, error: BaseException) -> Finish:
    """The end of a call that was stopped from outside: the same object goes to the caller.

    Unless the executor was closed: then the error says which call met that, and after what.
    """
    if isinstance(error, ExecutorClosed):
        # Whoever closed the executor knew neither the call nor what it had met so far.
        error = ExecutorClosed(call.info.key)
        error.__cause__ = call.errors[-1] if call.errors else None
        _tell(call, Disposition.CANCELLED, _CLOSED, error)
    else:
        disposition = stop_reason(error)
        cancelled = disposition is Disposition.CANCELLED
        _tell(call, disposition, _CANCELLED if cancelled else _INTERRUPTED, error)
    return Finish(None, error)


def _error(call: Call, run: Run, outcome: Outcome, disposition: Disposition) -> BaseException:
    if disposition is Disposition.DEADLINE_EXCEEDED:
        late = DeadlineExceeded(call.info.key, call.limit_total_s)
        late.__cause__ = run.error or (call.errors[-1] if call.errors else None)
        return late
    error = run.error
    if error is None:
        error = ResultRejected(outcome, run.value)
    if call.runtime.wrap_errors and disposition in _GAVE_UP:
        count = len(call.errors)
        return RetryExhausted(
            f"{call.info.key}: {count} attempts failed ({disposition})", call.errors
        )
    return error


def explain(error: Exception, key: str, ending: str, attempts: int, took_s: float) -> None:
    """One line on the exception; an exception object that is raised again and again keeps one."""
    mark = f"recourse: {key} "
    line = f"{mark}{ending} after {attempts} attempts in {took_s:.3f} s"
    # Not getattr, nor add_note: an exception may let nobody get or set its attributes.
    facts = error.__dict__
    if "__notes__" not in facts:
        facts["__notes__"] = [line]
        return
    notes: Any = facts["__notes__"]
    if isinstance(notes, list):  # an exception may keep what it wants there
        facts["__notes__"] = [
            *(note for note in cast("list[object]", notes) if not _says(note, mark)),
            line,
        ]


def _says(note: object, mark: str) -> bool:
    return isinstance(note, str) and note.startswith(mark)


def _tell(
    call: Call, disposition: Disposition, outcome: Outcome, error: BaseException | None
) -> None:
    telling.call_end(call, disposition, outcome, error)
    call.over = True
    if call.capture is not None:
        call.capture.record(tuple(call.told))
    if isinstance(error, Exception):
        keep(error, call.told)
    call.forget()
