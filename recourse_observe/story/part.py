"""Our part in an incident, and what to change: judged from what was rescued, wasted and loaded. Pure."""

from typing import Final

from recourse_observe.story.actions import Action
from recourse_observe.story.detectors.signs import ramp
from recourse_observe.story.findings import Cause, RetryEffect
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["actions", "retry_effect"]

_OURS: Final = frozenset(
    {
        Cause.RETRY_STORM,
        Cause.HEDGE_RUNAWAY,
        Cause.SYNCHRONIZED_RETRIES,
        Cause.DUPLICATE_SIDE_EFFECTS,
    }
)
_BOUNDED: Final = frozenset({Cause.LOAD_SURGE, Cause.RATE_LIMITED, Cause.CIRCUIT_FLAPPING})
_LEAST_RESCUED: Final = 8
_LATE: Final = 2.5  # times the usual
_LEAST_SAVED: Final = 0.13  # of the calls in danger
_REMEDIES: Final = {
    Cause.DEPENDENCY_OUTAGE: (Action.ENABLE_CIRCUIT, Action.ENABLE_BUDGET),
    Cause.DEPENDENCY_BROWNOUT: (Action.ENABLE_CIRCUIT, Action.REDUCE_ATTEMPTS),
    Cause.PARTIAL_INSTANCE_FAILURE: (Action.EJECT_INSTANCE, Action.ENABLE_HEDGING),
    Cause.RATE_LIMITED: (Action.CLIENT_RATE_LIMIT, Action.HONOR_RETRY_AFTER),
    Cause.LOAD_SURGE: (Action.SHED_LOAD, Action.ADD_CAPACITY),
    Cause.RETRY_STORM: (Action.ENABLE_BUDGET, Action.REDUCE_ATTEMPTS),
    Cause.SYNCHRONIZED_RETRIES: (Action.ENABLE_JITTER,),
    Cause.CIRCUIT_FLAPPING: (Action.RAISE_CIRCUIT_THRESHOLD, Action.LONGER_COOLDOWN),
    Cause.CIRCUIT_STUCK_OPEN: (Action.FIX_HALF_OPEN, Action.RESET_CIRCUIT),
    Cause.BUDGET_STARVATION: (Action.RAISE_BUDGET, Action.SPLIT_BUDGET),
    Cause.BUDGET_MISSING: (Action.RESTORE_BUDGET,),
    Cause.BAD_POLICY_ROLLOUT: (Action.ROLLBACK_POLICY,),
    Cause.CONTROL_PLANE_OUTAGE: (Action.USE_LKG, Action.FALLBACK_POLICY),
    Cause.CLASSIFIER_MISCLASSIFICATION: (Action.FIX_CLASSIFIER,),
    Cause.TIMEOUT_TOO_TIGHT: (Action.RAISE_TIMEOUT,),
    Cause.HEDGE_RUNAWAY: (Action.RAISE_HEDGE_DELAY, Action.HEDGE_BUDGET),
    Cause.DUPLICATE_SIDE_EFFECTS: (Action.IDEMPOTENCY_KEY, Action.DISABLE_RETRY),
    Cause.POISON_REQUESTS: (Action.QUARANTINE_REQUESTS, Action.STOP_RETRYING),
    Cause.CALLER_CANCELLATION: (Action.PROPAGATE_DEADLINE, Action.RAISE_UPSTREAM_DEADLINE),
    Cause.SINGLE_PROCESS_FAULT: (Action.DRAIN_PROCESS,),
    Cause.KEY_CARDINALITY: (Action.FIX_KEY,),
    Cause.UNKNOWN: (),
}


def retry_effect(cause: Cause, picture: Picture) -> RetryEffect:
    """Whether our retries and hedges helped, harmed, or did neither."""
    during, before = picture.during, picture.before
    # Some failures are ordinary, and so is their rescue: only what is beyond them counts.
    ordinary = 0.0 if cause is Cause.BUDGET_STARVATION else share(before.rescued, before.calls)
    rescued = max(0.0, during.rescued - during.calls * ordinary)
    of_endangered = share(rescued, rescued + during.lost)
    more_load = share(during.amplification, max(1.0, before.amplification))
    outrun = share(during.attempts(kind="hedge", failed=False), during.calls)
    overloaded = during.of_failed("is_timeout") > 0.5  # noqa: PLR2004  # most work was for nobody
    if cause in _OURS:
        return RetryEffect.HARMED
    if cause is Cause.PARTIAL_INSTANCE_FAILURE and outrun >= 0.05:  # noqa: PLR2004  # hedges won a call in twenty
        return RetryEffect.HELPED
    if cause in _BOUNDED:
        # There is only so much to be had: a call that a retry saves takes the place of another,
        # and a failing retry opens a nervous breaker as well as any attempt.
        harmed = overloaded and more_load >= 1.4  # noqa: PLR2004  # two fifths more load
        return RetryEffect.HARMED if harmed else RetryEffect.NEUTRAL
    if picture.latency_ratio >= _LATE:
        return RetryEffect.NEUTRAL  # an answer that comes as late as that is hardly a rescue
    if rescued >= _LEAST_RESCUED and of_endangered >= _LEAST_SAVED:
        return RetryEffect.HELPED
    return RetryEffect.NEUTRAL


def actions(cause: Cause, picture: Picture) -> tuple[Action, ...]:
    """What to change, most useful first; what the policy has already is left out."""
    policy = picture.policy
    wanted = list(_REMEDIES[cause])
    if policy is not None and policy.circuit_enabled and Action.ENABLE_CIRCUIT in wanted:
        wanted.remove(Action.ENABLE_CIRCUIT)
    if policy is not None and policy.budget_name and Action.ENABLE_BUDGET in wanted:
        wanted.remove(Action.ENABLE_BUDGET)
    if picture.during.amplification < 1.1 and Action.REDUCE_ATTEMPTS in wanted:  # noqa: PLR2004  # nothing to reduce
        wanted.remove(Action.REDUCE_ATTEMPTS)
    if cause is Cause.PARTIAL_INSTANCE_FAILURE and _loses(picture):
        wanted.append(Action.RAISE_ATTEMPTS)
    return tuple(wanted) or (Action.NONE_CLIENT_SIDE,)


def _loses(picture: Picture) -> bool:
    """Whether more attempts would rescue calls that the policy gave up."""
    return ramp(picture.during.lost_share, 0.01, 0.05) > 0.5 and picture.during.retry_success > 0.5  # noqa: PLR2004  # more often than not
