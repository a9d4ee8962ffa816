"""The dependency answered as much as a quota allowed and refused the rest."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a quota fits."""
    during = picture.during
    answered = during.attempts(failed=False) > 0
    as_ever = ramp(picture.latency_ratio, 4.0, 2.0) if answered else 0.4
    some_served = ramp(during.failed_share, 1.0, 0.97) * 0.7 + 0.3
    return weigh(
        Cause.RATE_LIMITED,
        seen(picture, "limited", ramp(during.of_failed("is_limited"), 0.2, 0.7), weight=2.0),
        seen(picture, "slower", as_ever),
        seen(picture, "attempts_failed", some_served),
    )
