"""Which cause it was: every detector is asked, and their scores become confidences."""

from collections.abc import Callable
from typing import Final

from recourse_observe.story.calibration import calibrated
from recourse_observe.story.detectors import (
    bad_policy_rollout,
    budget_missing,
    budget_starvation,
    caller_cancellation,
    circuit_flapping,
    circuit_stuck_open,
    classifier_misclassification,
    control_plane_outage,
    dependency_brownout,
    dependency_outage,
    duplicate_side_effects,
    hedge_runaway,
    key_cardinality,
    load_surge,
    partial_instance_failure,
    poison_requests,
    rate_limited,
    retry_storm,
    single_process_fault,
    synchronized_retries,
    timeout_too_tight,
)
from recourse_observe.story.detectors.signs import Suspect
from recourse_observe.story.findings import Cause, Ranked
from recourse_observe.story.picture import Picture

__all__ = ["rank", "suspects"]

_DETECTORS: Final[tuple[Callable[[Picture], Suspect], ...]] = (
    bad_policy_rollout.suspect,
    budget_missing.suspect,
    budget_starvation.suspect,
    caller_cancellation.suspect,
    circuit_flapping.suspect,
    circuit_stuck_open.suspect,
    classifier_misclassification.suspect,
    control_plane_outage.suspect,
    dependency_brownout.suspect,
    dependency_outage.suspect,
    duplicate_side_effects.suspect,
    hedge_runaway.suspect,
    key_cardinality.suspect,
    load_surge.suspect,
    partial_instance_failure.suspect,
    poison_requests.suspect,
    rate_limited.suspect,
    retry_storm.suspect,
    single_process_fault.suspect,
    synchronized_retries.suspect,
    timeout_too_tight.suspect,
)
# A state change of ours explains what the dependency seems to do, never the reverse: with equal
# scores the more specific mechanism is the cause and the general one its symptom.
_PRECEDENCE: Final = {
    Cause.BUDGET_MISSING: 1.6,
    Cause.BAD_POLICY_ROLLOUT: 1.5,
    Cause.CONTROL_PLANE_OUTAGE: 1.4,
    Cause.SINGLE_PROCESS_FAULT: 1.4,
    Cause.CIRCUIT_STUCK_OPEN: 1.3,
    Cause.DUPLICATE_SIDE_EFFECTS: 1.3,
    Cause.CLASSIFIER_MISCLASSIFICATION: 1.3,
    Cause.HEDGE_RUNAWAY: 1.3,
    Cause.LOAD_SURGE: 1.2,
    Cause.RETRY_STORM: 1.2,
    Cause.SYNCHRONIZED_RETRIES: 1.2,
    Cause.RATE_LIMITED: 1.2,
    Cause.CIRCUIT_FLAPPING: 1.2,
    Cause.KEY_CARDINALITY: 1.2,
}
_UNKNOWN: Final = 0.2
_SHARPNESS: Final = 2.0
_SURE: Final = 0.97


def suspects(picture: Picture) -> tuple[Suspect, ...]:
    """All causes with their signs, the best fitting first."""
    found = [detect(picture) for detect in _DETECTORS]
    return tuple(sorted(found, key=lambda one: (-_weight(one), one.cause)))


def rank(found: tuple[Suspect, ...]) -> tuple[Ranked, ...]:
    """Causes with confidences that add to one with what is not listed; never empty."""
    weights = {one.cause: _weight(one) ** _SHARPNESS for one in found}
    weights[Cause.UNKNOWN] = _UNKNOWN**_SHARPNESS
    total = sum(weights.values())
    ordered = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    first = min(_SURE, ordered[0][1] / total)
    # What the first gains or loses by experience, the others lose or gain.
    rest = (1 - calibrated(first)) / (1 - first)
    shares = [
        (cause, calibrated(first) if i == 0 else min(calibrated(first), rest * weight / total))
        for i, (cause, weight) in enumerate(ordered)
    ]
    return tuple(
        Ranked(cause=cause, confidence=round(share, 2))
        for i, (cause, share) in enumerate(shares)
        if i == 0 or share >= 0.02  # noqa: PLR2004  # what rounds to nothing is not an alternative
    )[:5]


def _weight(one: Suspect) -> float:
    return one.score * _PRECEDENCE.get(one.cause, 1.0)
