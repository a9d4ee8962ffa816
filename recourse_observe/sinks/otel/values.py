"""Attributes of events: pure functions, so that they can be made late or not at all."""

import re
from typing import Any, Final

from recourse import events
from recourse.errors import DeadlineExceeded
from recourse.outcome import OutcomeKind
from recourse.reasons import BudgetKind, Disposition, Reason

__all__ = [
    "attempt",
    "attempt_failed",
    "budget_decision",
    "call_end",
    "call_error",
    "call_failed",
    "circuit_transition",
    "error_type",
    "hedge_cancel",
    "hedge_spawn",
    "policy_fallback",
    "retry_scheduled",
]

_STATUSES: Final = ("http_", "grpc_")  # rules most reasons out before they are matched
_STATUS: Final = re.compile(r"http_(\d{3})|grpc_([A-Z_]+)")
# Tuples: a member of an enumeration is found by its identity, while its hash costs a call.
_QUIET: Final = (Disposition.SUCCESS, Disposition.CANCELLED, Disposition.INTERRUPTED)
_ERRORS: Final = (OutcomeKind.RETRYABLE, OutcomeKind.NON_RETRYABLE, OutcomeKind.ABORT)
_SUCCESS: Final = OutcomeKind.SUCCESS
_CUT_SHORT: Final = Reason.CONTEXT_DEADLINE_EXCEEDED


def call_failed(event: events.CallEnd) -> bool:
    """Whether the call's span is an error: a call that its caller has given up is not."""
    return event.disposition not in _QUIET


def attempt_failed(event: events.AttemptEnd | events.HedgeCancel) -> bool:
    """Whether the attempt's span is an error: one that lost, or was given up, is not."""
    outcome = event.outcome
    return outcome.kind in _ERRORS or (
        outcome.kind is not _SUCCESS and outcome.reason == _CUT_SHORT
    )


def call_error(event: events.CallEnd) -> str:
    """``error.type`` of a failed call: the last status, else the class of what the caller got."""
    if isinstance(event.error, DeadlineExceeded):
        return events.name_of(type(event.error))
    return error_type(event.outcome.reason, event.error)


def error_type(reason: str, error: BaseException | None) -> str:
    """``error.type`` of a failure: its status, else the class of its error, else why."""
    if reason.startswith(_STATUSES):
        status = _STATUS.fullmatch(reason)
        if status is not None:
            return status[1] or status[2]
    return reason if error is None else events.name_of(type(error))


def call_end(event: events.CallEnd, waited_s: float, clamped: tuple[str, ...]) -> dict[str, Any]:
    """What is known of a call at its end, but for the type of its error."""
    call, policy = event.call, event.call.policy
    facts: dict[str, Any] = {
        "recourse.call.id": call.call_id,
        "recourse.call.result": str(event.disposition),
        "recourse.call.attempts": event.attempts_run,
        "recourse.call.retries": retries(event),
        "recourse.call.hedges": event.hedges,
        "recourse.call.retry_delay": waited_s,
        "recourse.policy.source": str(call.policy_source),
        "recourse.policy.mode": str(call.policy_mode),
    }
    if policy is not None:
        facts["recourse.policy.id"] = policy.id
    if clamped:
        facts["recourse.policy.clamped"] = clamped
    return facts


def retries(event: events.CallEnd) -> int:
    """Attempts after the first that were not hedges."""
    return max(0, event.attempts_run - event.hedges - 1)


def attempt(event: events.AttemptEnd, index: int) -> dict[str, Any]:
    """What an attempt came to; ``index`` is its place in launch order."""
    outcome = event.outcome
    facts: dict[str, Any] = {
        "recourse.attempt.index": index,
        "recourse.attempt.retry_index": event.attempt,
        "recourse.attempt.hedge_index": event.hedge_index,
        "recourse.attempt.hedge": event.hedge_index > 0,
        "recourse.attempt.outcome": str(outcome.kind),
        "recourse.attempt.reason": str(outcome.reason),
        "recourse.attempt.late": event.late,
        "recourse.attempt.backoff": event.backoff_s,
        "recourse.attempt.waited_before": event.waited_before_s,
        "recourse.budget.reason": str(event.budget_reason),
        "recourse.budget.allowed": event.budget_allowed,
    }
    if event.budget_name:
        facts.update(_budget(event))
    if event.backoff_source == "retry_after":
        facts["recourse.attempt.retry_after"] = outcome.retry_after_s
    if event.cancel_reason is not None:
        facts["recourse.attempt.cancel_reason"] = str(event.cancel_reason)
    if outcome.kind is not _SUCCESS and attempt_failed(event):
        facts["error.type"] = error_type(outcome.reason, event.error)
    return facts


def _budget(event: events.AttemptEnd | events.HedgeCancel) -> dict[str, Any]:
    """Which budget an attempt has asked, and for what."""
    kind = BudgetKind.HEDGE if event.hedge_index else BudgetKind.RETRY
    return {"recourse.budget.name": event.budget_name, "recourse.budget.kind": kind.value}


def hedge_cancel(event: events.HedgeCancel, index: int) -> dict[str, Any]:
    """A run of a hedged group that was cancelled."""
    facts: dict[str, Any] = {
        "recourse.attempt.index": index,
        "recourse.attempt.retry_index": event.attempt,
        "recourse.attempt.hedge_index": event.hedge_index,
        "recourse.attempt.hedge": event.hedge_index > 0,
        "recourse.attempt.outcome": str(event.outcome.kind),
        "recourse.attempt.reason": str(event.outcome.reason),
        "recourse.attempt.cancel_reason": str(event.reason),
        "recourse.attempt.late": False,
        "recourse.attempt.backoff": 0.0,
        "recourse.attempt.waited_before": event.waited_before_s,
        "recourse.budget.reason": str(event.budget_reason),
        "recourse.budget.allowed": True,
    }
    if event.budget_name:
        facts.update(_budget(event))
    if attempt_failed(event):
        facts["error.type"] = error_type(event.outcome.reason, None)
    return facts


def hedge_spawn(event: events.HedgeSpawn, index: int) -> dict[str, Any]:
    """A hedge that starts."""
    return {
        "recourse.attempt.index": index,
        "recourse.attempt.retry_index": event.attempt,
        "recourse.attempt.hedge_index": event.hedge_index,
        "recourse.attempt.hedge": True,
        "recourse.attempt.waited_before": event.delay_s,
    }


def budget_decision(event: events.BudgetDecision) -> dict[str, Any]:
    """What a budget said."""
    return {
        "recourse.attempt.retry_index": event.attempt,
        "recourse.attempt.hedge_index": event.hedge_index,
        "recourse.budget.name": event.budget_name,
        "recourse.budget.kind": str(event.kind),
        "recourse.budget.reason": str(event.reason),
        "recourse.budget.allowed": event.allowed,
    }


def circuit_transition(event: events.CircuitState) -> dict[str, Any]:
    """A breaker's new state and its old one."""
    return {
        "recourse.circuit.state": str(event.to_state),
        "recourse.circuit.previous_state": str(event.from_state),
    }


def policy_fallback(event: events.PolicyResolved) -> dict[str, Any]:
    """Why the call follows another policy than the configured one."""
    facts = {
        "recourse.policy.source": str(event.source),
        "recourse.policy.mode": str(event.mode),
    }
    if event.failure is not None:
        facts["error.type"] = event.failure
    return facts


def retry_scheduled(event: events.RetryScheduled) -> dict[str, Any]:
    """A wait that begins."""
    return {
        "recourse.attempt.retry_index": event.attempt,
        "recourse.attempt.backoff": event.delay_s,
    }
