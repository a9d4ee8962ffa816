"""The policy named a budget that nobody had registered, so every retry was denied."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a lost registry entry fits."""
    during = picture.during
    denied = during.of_lost("budget_denied")
    return weigh(
        Cause.BUDGET_MISSING,
        Sign(
            kind="budget_missing",
            degree=ramp(picture.budget_missing_share, 0.3, 0.8),
            weight=2.0,
            values={"missing_share": picture.budget_missing_share},
        ),
        Sign(kind="denied", degree=ramp(denied, 0.1, 0.4), values={"denied_share": denied}),
    )
