"""Hedges made the dependency slower, and a slower dependency made more hedges."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.detectors.storms import hedges_calmed_by
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well hedging that feeds itself fits."""
    during, before = picture.during, picture.before
    hedges, usual = during.hedges_per_call, before.hedges_per_call
    slower = picture.latency_ratio
    return weigh(
        Cause.HEDGE_RUNAWAY,
        Sign(
            kind="hedges",
            degree=ramp(hedges, 0.3, 0.7) * ramp(hedges - usual, 0.15, 0.4),
            weight=2.0,
            values={"hedges_per_call": hedges, "hedges_per_call_before": usual},
        ),
        Sign(
            kind="slower",
            degree=ramp(slower, 0.9, 1.3),
            values={
                "latency_ratio": min(slower, 1e6),
                "timeout_share": during.of_failed("is_timeout"),
            },
        ),
        Sign(
            kind="ended_with_fewer_hedges",
            degree=hedges_calmed_by(picture),
            values={"hedges_per_call_after": picture.after.hedges_per_call},
        ),
        Sign(
            kind="calls_rate",
            degree=ramp(picture.calls_ratio, 2.0, 1.5),
            weight=0.7,
            values={"calls_per_s_before": before.calls_per_s, "calls_per_s": during.calls_per_s},
        ),
        Sign(
            kind="failed_quickly",
            # What its queues cannot hold a dependency refuses at once.
            degree=0.5 + 0.5 * ramp(during.of_failed("shed") * during.failed_share, 0.5, 0.2),
            values={"quick_share": during.of_failed("shed")},
        ),
    )
