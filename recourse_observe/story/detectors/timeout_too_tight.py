"""Attempts were cut off at a limit that ordinary answers need."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a timeout that is too short fits."""
    during = picture.during
    cut = during.of_failed("at_limit")
    usual = picture.before.latency.p50_us or during.latency.p50_us or 0
    margin = share(picture.timeout_us or 0, usual)
    answered = during.attempts(failed=False) > 0
    as_ever = ramp(picture.latency_ratio, 4.0, 2.5) if answered else 0.5
    rescuing = ramp(during.retry_success, 0.0, 0.15) * 0.8 + 0.2
    return weigh(
        Cause.TIMEOUT_TOO_TIGHT,
        Sign(kind="cut_off", degree=ramp(cut, 0.4, 0.8), weight=1.5, values={"cut_share": cut}),
        Sign(
            kind="timeout_margin",
            degree=ramp(margin, 8.0, 4.5) if margin else 0.0,
            weight=1.5,
            values={"timeout_margin": margin},
        ),
        seen(picture, "slower", as_ever),
        seen(picture, "retries_succeeded", rescuing),
        seen(picture, "calls_rate", ramp(picture.calls_ratio, 2.0, 1.5), weight=0.7),
    )
