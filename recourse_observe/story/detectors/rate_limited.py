"""The dependency answered as much as a quota allowed and refused the rest."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a quota fits."""
    during = picture.during
    limited = during.of_failed("is_limited")
    return weigh(
        Cause.RATE_LIMITED,
        Sign(
            kind="limited",
            degree=ramp(limited, 0.2, 0.7),
            weight=2.0,
            values={"limited_share": limited},
        ),
        Sign(
            kind="slower",
            degree=ramp(picture.latency_ratio, 4.0, 2.0) if during.attempts(failed=False) else 0.4,
            values={
                "latency_ratio": min(picture.latency_ratio, 1e6),
                "timeout_share": during.of_failed("is_timeout"),
            },
        ),
        Sign(
            kind="attempts_failed",
            degree=ramp(during.failed_share, 1.0, 0.97) * 0.7 + 0.3,
            values={"failed_share": during.failed_share},
        ),
    )
