"""Retries without jitter came back in waves, and each wave overran the dependency again."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well waves of retries fit."""
    during = picture.during
    fano = picture.waves(during=True)
    jitter = picture.policy.jitter if picture.policy is not None else "unknown"
    return weigh(
        Cause.SYNCHRONIZED_RETRIES,
        Sign(
            kind="no_jitter",
            degree=1.0 if jitter == "none" else 0.05,
            weight=1.5,
            values={"jitter": jitter},
        ),
        Sign(kind="smooth", degree=ramp(fano, 4.0, 12.0), weight=1.5, values={"fano": fano}),
        Sign(
            kind="retries",
            degree=ramp(during.amplification, 1.05, 1.3),
            values={"amplification": during.amplification},
        ),
        Sign(
            kind="attempts_failed",
            degree=ramp(during.failed_share, 1.0, 0.93),
            values={"failed_share": during.failed_share},
        ),
    )
