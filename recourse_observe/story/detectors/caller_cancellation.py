"""Callers gave up before an ordinary answer could come."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]

_ENDED = ("cancelled", "deadline_exceeded", "deadline_would_exceed")


def suspect(picture: Picture) -> Suspect:
    """How well impatient callers fit."""
    during = picture.during
    cancelled = during.of_lost(*_ENDED)
    rise = during.failed_share - picture.before.failed_share
    waited = share(during.latency.cancelled_p50_us or 0, picture.before.latency.p50_us or 0)
    return weigh(
        Cause.CALLER_CANCELLATION,
        Sign(
            kind="cancelled",
            degree=ramp(cancelled, 0.3, 0.7),
            weight=2.0,
            values={"cancelled_share": cancelled},
        ),
        Sign(
            kind="cancelled_early",
            degree=ramp(waited, 2.5, 1.3) if waited else 0.3,
            weight=1.5,
            values={"waited_ratio": waited},
        ),
        seen(picture, "attempts_failed", ramp(rise, 0.4, 0.15)),
    )
