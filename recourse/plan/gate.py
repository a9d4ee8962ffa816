"""Whether an attempt may start: executor, breaker, budget, in this order."""

from recourse.attempt import PlannedAttempt
from recourse.circuit.protocol import Admission
from recourse.errors import CircuitOpenError
from recourse.outcome import Health, Outcome, OutcomeKind
from recourse.plan import telling
from recourse.plan.bound import Bound
from recourse.plan.call import Call, Run
from recourse.plan.judge import settle
from recourse.policy.model import BudgetRef
from recourse.reasons import BreakerState, BudgetKind

__all__ = [
    "budget_lets",
    "hopeless",
    "lease",
    "limit",
    "new_run",
    "open_error",
    "will_stay_open",
]


def new_run(call: Call, bound: Bound, attempt: int, hedge_index: int = 0) -> Run:
    """A run with its effective limit: the attempt's own timeout or what is left of the call."""
    now_s = call.now_s()
    info = PlannedAttempt(bound, call.info, attempt, hedge_index, None, call.ambient)
    run = Run(info, attempt, hedge_index, now_s)
    run.ended_s = now_s
    if call.limit_s is not None or bound.retry.timeout_per_attempt_s is not None:
        limit(call, bound, run)
    return run


def limit(call: Call, bound: Bound, run: Run) -> None:
    """Give the run its effective limit: the attempt's own timeout or what is left of the call."""
    own_s, limit_s, began_s = bound.retry.timeout_per_attempt_s, call.limit_s, run.started_s
    by_call = limit_s is not None and (own_s is None or limit_s - began_s < own_s)
    run.limit_s = limit_s if by_call else None if own_s is None else began_s + own_s
    run.limited_by_call = by_call
    run.timeout_s = own_s if not by_call or limit_s is None else limit_s - began_s
    run.info.deadline = run.limit_s


def lease(call: Call, bound: Bound, run: Run) -> Admission | None:
    """Take a lease for the run; the refusal when the breaker says no."""
    breaker = bound.breaker
    if breaker is None:
        return None
    admission = breaker.admit(run.started_s, call)
    if admission.allowed:
        run.admission = admission
    if not admission.allowed or admission.probe is not None:
        telling.circuit_decision(call, run, admission)
    return None if admission.allowed else admission


def open_error(call: Call, refusal: Admission) -> CircuitOpenError:
    """What a caller gets whom the breaker refused before any attempt."""
    return CircuitOpenError(call.info.key, refusal.state, refusal.reason, refusal.retry_after_s)


def will_stay_open(call: Call, bound: Bound, delay_s: float) -> bool:
    """Whether the breaker is sure to refuse after ``delay_s``, so that waiting is hopeless."""
    breaker = bound.breaker
    if breaker is None or breaker.state not in (BreakerState.OPEN, BreakerState.ISOLATED):
        return False
    now_s = call.now_s()
    admission = breaker.admit(now_s, call)
    if admission.allowed:
        breaker.settle(admission, Health.NEUTRAL, 0.0, now_s, call)
        return False
    return admission.retry_after_s is None or admission.retry_after_s > delay_s


def budget_lets(call: Call, run: Run, ref: BudgetRef | None, kind: BudgetKind) -> bool:
    """Ask the budget once, tell its answer, and record a denied run."""
    decision, mode = call.runtime.budgets.ask(ref, call.info.key, run.attempt, kind, run.started_s)
    run.budget_name = "" if ref is None else ref.name
    run.budget_reason = decision.reason
    run.release = decision.release
    if run.budget_name:
        cost = 1 if ref is None else ref.cost
        telling.budget_decision(call, run, kind, mode, cost, decision)
    if not decision.allowed:
        settle(call, run, Health.NEUTRAL)
        run.outcome = Outcome(OutcomeKind.ABORT, decision.reason)
        telling.attempt_end(call, run, allowed=False)
    return decision.allowed


def hopeless(call: Call, run: Run, ref: BudgetRef | None, delay_s: float) -> bool:
    """Whether the budget already knows that it will deny the retry after ``delay_s``."""
    if ref is None:
        return False
    at_s = call.now_s() + delay_s
    ahead = run.attempt + 1
    return not call.runtime.budgets.peek(ref, call.info.key, ahead, BudgetKind.RETRY, at_s)
