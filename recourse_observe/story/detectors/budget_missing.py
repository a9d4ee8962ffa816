"""The policy named a budget that nobody had registered, so every retry was denied."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a lost registry entry fits."""
    denied = picture.during.of_lost("budget_denied")
    missing = picture.budget_missing_share
    return weigh(
        Cause.BUDGET_MISSING,
        seen(picture, "budget_missing", ramp(missing, 0.3, 0.8), weight=2.0),
        seen(picture, "denied", ramp(denied, 0.1, 0.4)),
    )
