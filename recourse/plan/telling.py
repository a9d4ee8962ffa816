"""Builds the events of a call, and only those that somebody will hear or keep.

Without observer and capture a call keeps what :func:`recourse.timeline_of` needs, the ends of its
attempts, and nothing else is built. Events are made with ``tuple.__new__``: a named tuple's own
constructor takes twice as long, and a call tells several.
"""

from typing import Any, Final, Protocol

from recourse import events
from recourse.budget.protocol import Decision
from recourse.circuit.protocol import Admission, Transition
from recourse.events import CallInfo
from recourse.outcome import Outcome, OutcomeKind
from recourse.plan.bound import Bound
from recourse.plan.call import Call, Run
from recourse.reasons import BudgetKind, CancelReason, Disposition, HedgingOff

__all__ = [
    "attempt_end",
    "attempt_ended",
    "attempt_late",
    "attempt_start",
    "budget_decision",
    "budget_release",
    "call_end",
    "call_start",
    "circuit_decision",
    "circuit_state",
    "hedge_cancel",
    "hedge_spawn",
    "hedging_disabled",
    "key_rejected",
    "opened",
    "policy_resolved",
    "retry_scheduled",
]

_tuple: Final[type[tuple[Any, ...]]] = tuple
_event: Final = _tuple.__new__
_DENIED: Final = Outcome(OutcomeKind.ABORT)


def call_start(call: Call) -> None:
    """The call was made."""
    if call.heard:
        info = call.info
        call.tell(_event(events.CallStart, (info, info.seq(), info.started_s, call.limit_s)))


def opened(call: Call, bound: Bound) -> None:
    """The call was made, under a policy that was known beforehand."""
    info, policy = call.info, bound.policy
    call.tell(_event(events.CallStart, (info, info.seq(), info.started_s, call.limit_s)))
    known = (info, info.seq(), info.started_s, policy, policy.source, bound.mode, 0.0, None, None)
    call.tell(_event(events.PolicyResolved, known))


def key_rejected(call: Call, why: str) -> None:
    """The key looks as if it carried request data, or is one too many."""
    info = call.info
    call.tell(events.KeyRejected(info, info.seq(), call.now_s(), why))


def policy_resolved(call: Call, resolved: events.PolicyResolved) -> None:
    """The policy is known, or known to be missing."""
    call.info.policy_failure = resolved.failure
    if call.heard:
        call.tell(resolved)


def circuit_decision(call: Call, run: Run, admission: Admission) -> None:
    """The breaker refused, or let a probe through."""
    info = call.info
    call.tell(
        events.CircuitDecision(
            info,
            info.seq(),
            run.started_s,
            run.attempt,
            admission.allowed,
            admission.state,
            admission.reason,
            admission.generation,
            admission.probe is not None,
        )
    )


class Teller(Protocol):
    """A call that tells events."""

    info: CallInfo

    def tell(self, event: events.Event) -> None:
        """Tell one."""
        ...


def circuit_state(call: Teller, transition: Transition) -> None:
    """A breaker changed its state because of this call, or by hand."""
    info = call.info
    call.tell(
        events.CircuitState(
            info,
            info.seq(),
            transition.at_s,
            transition.from_state,
            transition.to_state,
            transition.cause,
            transition.generation,
            transition.counters,
        )
    )


def hedging_disabled(call: Call, reason: HedgingOff) -> None:
    """The policy enables hedging and the call runs without it."""
    info = call.info
    call.tell(events.HedgingDisabled(info, info.seq(), call.now_s(), reason))


def budget_decision(
    call: Call, run: Run, kind: BudgetKind, mode: str, cost: int, decision: Decision
) -> None:
    """A retry or a hedge asked its budget."""
    if not call.heard:
        return
    info = call.info
    facts = (
        info,
        info.seq(),
        run.started_s,
        run.attempt,
        run.hedge_index,
        kind,
        run.budget_name,
        cost,
        mode,
        decision.allowed,
        decision.reason,
        decision.balance_after,
    )
    call.tell(_event(events.BudgetDecision, facts))


def budget_release(call: Call, run: Run, error: BaseException) -> None:
    """A reservation's release raised."""
    if not call.over:
        info = call.info
        facts = (
            info,
            info.seq(),
            call.now_s(),
            run.attempt,
            run.hedge_index,
            run.budget_name,
            error,
        )
        call.tell(events.BudgetRelease(*facts))


def attempt_start(call: Call, run: Run) -> None:
    """A run is about to begin."""
    if call.heard:
        info = call.info
        facts = (
            info,
            info.seq(),
            run.started_s,
            run.attempt,
            run.hedge_index,
            run.waited_before_s,
            run.timeout_s,
            run.limit_s,
        )
        run.start = _event(events.AttemptStart, facts)
        call.tell(run.start)


def attempt_end(call: Call, run: Run, *, allowed: bool = True) -> None:
    """A run has ended, or (not ``allowed``) was denied before it could begin."""
    info = call.info
    noted = run.info.annotations
    call.tell(attempt_ended(info, info.seq(), run, run.error, noted, allowed=allowed))


def attempt_ended(
    info: CallInfo,
    number: int,
    run: Run,
    error: BaseException | None,
    noted: dict[str, Any] | None,
    *,
    allowed: bool = True,
) -> events.AttemptEnd:
    """The end of a run with ``error`` as what it raised, and ``noted`` by its operation."""
    limit_s = run.limit_s
    overrun_s = 0.0
    if limit_s is not None:
        came_s = run.ended_s if run.came_s is None else run.came_s
        overrun_s = max(0.0, came_s - limit_s)
    in_time = overrun_s <= 0 and not run.outlasted
    late = not in_time and allowed and run.error is None and not run.expired
    facts = (
        info,
        number,
        run.ended_s,
        run.attempt,
        run.hedge_index,
        allowed,
        run.started_s,
        run.ended_s,
        run.outcome or _DENIED,
        error,
        run.waited_before_s,
        run.timeout_s,
        run.backoff_s,
        run.backoff_source,
        late,
        overrun_s if late else 0.0,
        run.cancel_reason,
        run.budget_name,
        allowed,
        run.budget_reason,
        noted or {},
    )
    return _event(events.AttemptEnd, facts)


def attempt_late(call: Call, run: Run, error: BaseException | None) -> None:
    """A run that nobody waits for any more has ended."""
    info = call.info
    facts = (
        info,
        info.seq(),
        call.now_s(),
        run.attempt,
        run.hedge_index,
        run.started_s,
        error is None,
        error,
    )
    call.tell(events.AttemptLate(*facts))


def retry_scheduled(call: Call, run: Run, delay_s: float, source: str, base_s: float) -> None:
    """The call will wait and try again."""
    if call.heard and call.bound is not None:
        info, now_s = call.info, call.now_s()
        left_s = None if call.limit_s is None else call.limit_s - now_s
        jitter = call.bound.retry.jitter
        facts = (info, info.seq(), now_s, run.attempt, delay_s, source, base_s, jitter, left_s)
        call.tell(_event(events.RetryScheduled, facts))


def hedge_spawn(call: Call, run: Run, since_s: float, trigger: str) -> None:
    """A hedge starts, ``since_s`` after its primary."""
    info = call.info
    facts = (info, info.seq(), run.started_s, run.attempt, run.hedge_index, since_s, trigger)
    call.tell(events.HedgeSpawn(*facts))


def hedge_cancel(call: Call, run: Run, reason: CancelReason) -> None:
    """A run of a hedged group was cancelled."""
    info = call.info
    facts = (
        info,
        info.seq(),
        run.ended_s,
        run.attempt,
        run.hedge_index,
        reason,
        run.started_s,
        run.ended_s,
        run.outcome or _DENIED,
        run.waited_before_s,
        run.timeout_s,
        run.budget_name,
        run.budget_reason,
        run.info.annotations or {},
    )
    call.tell(_event(events.HedgeCancel, facts))


def call_end(
    call: Call, disposition: Disposition, outcome: Outcome, error: BaseException | None
) -> None:
    """The call is over."""
    info = call.info
    facts = (
        info,
        info.seq(),
        call.now_s(),
        disposition,
        outcome,
        error,
        call.attempts_run,
        call.hedges,
        call.limit_s,
    )
    call.tell(_event(events.CallEnd, facts))
