"""Retries without jitter came back in waves, and each wave overran the dependency again."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well waves of retries fit."""
    during = picture.during
    jitter = picture.policy.jitter if picture.policy is not None else "unknown"
    return weigh(
        Cause.SYNCHRONIZED_RETRIES,
        Sign(
            kind="no_jitter",
            degree=1.0 if jitter == "none" else 0.05,
            weight=1.5,
            values={"jitter": jitter},
        ),
        seen(picture, "smooth", ramp(picture.waves(during=True), 4.0, 12.0), weight=1.5),
        Sign(
            kind="retries",
            degree=ramp(during.amplification, 1.05, 1.3),
            values={"amplification": during.amplification},
        ),
        seen(picture, "attempts_failed", ramp(during.failed_share, 1.0, 0.93)),
    )
