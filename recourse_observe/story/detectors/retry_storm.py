"""Our own attempts kept the dependency down after what tipped it over had gone."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.detectors.storms import calmed_by, evenness, storminess
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a retry storm fits."""
    during = picture.during
    unreachable = during.of_failed("is_callers_mistake") + during.of_failed("is_limited")
    slow = max(during.of_failed("is_timeout"), ramp(picture.latency_ratio, 1.2, 2.5))
    return weigh(
        Cause.RETRY_STORM,
        seen(picture, "storm", storminess(picture)),
        Sign(
            kind="ended_with_less_load",
            degree=calmed_by(picture),
            weight=0.7,
            values={"amplification_after": picture.after.amplification},
        ),
        seen(picture, "calls_rate", ramp(picture.calls_ratio, 2.0, 1.5)),
        seen(picture, "overloaded", ramp(slow, 0.1, 0.4)),
        Sign(
            kind="limited",
            degree=ramp(unreachable, 0.5, 0.2),
            values={"limited_share": unreachable},
        ),
        seen(picture, "smooth", evenness(picture, uneven=30.0), weight=0.5),
    )
