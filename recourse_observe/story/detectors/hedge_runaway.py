"""Hedges made the dependency slower, and a slower dependency made more hedges."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.detectors.storms import hedges_calmed_by
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well hedging that feeds itself fits."""
    during = picture.during
    hedges, usual = during.hedges_per_call, picture.before.hedges_per_call
    # What its queues cannot hold a dependency refuses at once.
    shed = during.of_failed("shed") * during.failed_share
    return weigh(
        Cause.HEDGE_RUNAWAY,
        seen(
            picture, "hedges", ramp(hedges, 0.3, 0.7) * ramp(hedges - usual, 0.15, 0.4), weight=2.0
        ),
        seen(picture, "slower", ramp(picture.latency_ratio, 0.9, 1.3)),
        Sign(
            kind="ended_with_fewer_hedges",
            degree=hedges_calmed_by(picture),
            values={"hedges_per_call_after": picture.after.hedges_per_call},
        ),
        seen(picture, "calls_rate", ramp(picture.calls_ratio, 2.0, 1.5), weight=0.7),
        seen(picture, "failed_quickly", 0.5 + 0.5 * ramp(shed, 0.5, 0.2)),
    )
