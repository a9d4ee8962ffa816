"""Our own attempts kept the dependency down after what tipped it over had gone."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.detectors.storms import calmed_by, storminess
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a retry storm fits."""
    during, before = picture.during, picture.before
    unreachable = during.of_failed("is_callers_mistake") + during.of_failed("is_limited")
    slow = max(during.of_failed("is_timeout"), ramp(picture.latency_ratio, 1.2, 2.5))
    return weigh(
        Cause.RETRY_STORM,
        Sign(
            kind="storm",
            degree=storminess(picture),
            values={
                "amplification": during.amplification,
                "accepted_per_s": picture.accepted_per_s,
                "calls_per_s_before": before.calls_per_s,
            },
        ),
        Sign(
            kind="ended_with_less_load",
            degree=calmed_by(picture),
            weight=0.7,
            values={"amplification_after": picture.after.amplification},
        ),
        Sign(
            kind="calls_rate",
            degree=ramp(picture.calls_ratio, 2.0, 1.5),
            values={"calls_per_s_before": before.calls_per_s, "calls_per_s": during.calls_per_s},
        ),
        Sign(
            kind="overloaded",
            degree=ramp(slow, 0.1, 0.4),
            values={"timeout_share": during.of_failed("is_timeout")},
        ),
        Sign(
            kind="limited",
            degree=ramp(unreachable, 0.5, 0.2),
            values={"limited_share": unreachable},
        ),
        Sign(
            kind="smooth",
            degree=ramp(picture.waves(during=True), 30.0, 12.0) if _no_jitter(picture) else 1.0,
            weight=0.5,
            values={"fano": picture.waves(during=True)},
        ),
    )


def _no_jitter(picture: Picture) -> bool:
    return picture.policy is not None and picture.policy.jitter == "none"
