"""Some requests failed however often they were tried; the others never did."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well requests that can never succeed fit."""
    during = picture.during
    doomed = share(during.lost, during.lost + during.rescued)
    first = during.first_failed_share
    tested = during.retry_runs >= 5  # noqa: PLR2004  # fewer retries tell nothing
    hopeless = ramp(during.retry_success, 0.25, 0.05) if tested else 0.3
    spread = picture.worst_instance[1] - picture.worst_instance[2]
    conflicts, mistakes = during.of_failed("is_conflict"), during.of_failed("is_callers_mistake")
    denied = during.of_lost("budget_denied", "circuit_open")
    return weigh(
        Cause.POISON_REQUESTS,
        Sign(
            kind="first_failed",
            degree=ramp(first, 0.75, 0.5) * ramp(first, 0.005, 0.02),
            weight=1.5,
            values={"first_failed_share": first},
        ),
        seen(picture, "retries_succeeded", hopeless, weight=1.5),
        Sign(
            kind="conflicts",
            degree=ramp(conflicts, 0.3, 0.1),
            values={"conflict_share": conflicts},
        ),
        Sign(kind="doomed", degree=ramp(doomed, 0.6, 0.9), values={"doomed_share": doomed}),
        seen(picture, "callers_mistakes", ramp(mistakes, 0.6, 0.3)),
        seen(picture, "one_process", ramp(spread, 0.6, 0.3) if len(picture.instances) > 1 else 1.0),
        seen(picture, "limited", ramp(during.of_failed("is_limited"), 0.5, 0.2)),
        Sign(kind="denied", degree=ramp(denied, 0.7, 0.4), values={"denied_share": denied}),
    )
