"""The breaker opened and closed again and again while the dependency mostly worked."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a nervous breaker fits."""
    during = picture.during
    opened = sum(1 for t in picture.transitions if t.to_state == "open")
    closed = sum(1 for t in picture.transitions if t.to_state == "closed")
    rejected = during.of_lost("circuit_open")
    per_minute = share(opened, max(picture.minutes, 0.25))
    return weigh(
        Cause.CIRCUIT_FLAPPING,
        Sign(
            kind="opened", degree=ramp(per_minute, 1.0, 4.0), values={"opened_per_min": per_minute}
        ),
        Sign(
            kind="closed",
            degree=ramp(share(closed, opened), 0.2, 0.6),
            weight=1.5,
            values={"opened": opened, "closed": closed},
        ),
        seen(picture, "attempts_failed", ramp(during.failed_share, 0.75, 0.5), weight=1.5),
        Sign(kind="rejected", degree=ramp(rejected, 0.2, 0.5), values={"rejected_share": rejected}),
    )
