"""Policies could not be fetched: calls were refused, or ran on old or default ones."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]

_MAKESHIFT = ("lkg", "default", "fallback", "none")
_MOST = 0.5


def suspect(picture: Picture) -> Suspect:
    """How well an outage of the control plane fits."""
    during, before = picture.during, picture.before
    refused = during.of_lost("policy_denied")
    now = share(sum(during.sources[s] for s in _MAKESHIFT), during.calls)
    usual = share(sum(before.sources[s] for s in _MAKESHIFT), before.calls)
    failed = sum(1 for row in picture.policies if row.event == "resolve_failed")
    rise = during.failed_share - before.failed_share
    # Most losses may have made no attempt at all.
    as_ever = ramp(rise, 0.5, 0.2) if refused < _MOST else 1.0
    return weigh(
        Cause.CONTROL_PLANE_OUTAGE,
        Sign(
            kind="makeshift_policies",
            degree=max(ramp(refused, 0.3, 0.7), ramp(now - usual, 0.3, 0.7)),
            weight=2.0,
            values={"refused_share": refused, "makeshift_share": now},
        ),
        seen(picture, "attempts_failed", as_ever),
        Sign(
            kind="resolve_failed",
            # The calls may say it themselves.
            degree=1.0 if failed or refused > _MOST else 0.6,
            weight=0.5,
            values={"resolve_failed": failed},
        ),
    )
