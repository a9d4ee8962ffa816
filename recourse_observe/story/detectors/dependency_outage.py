"""The dependency refused nearly everything, at once, for everybody."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.detectors.storms import evenness
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well an outage of the dependency fits."""
    during = picture.during
    quick, mistakes = during.of_failed("quick"), during.of_failed("is_callers_mistake")
    laboured = picture.laboured_share
    alone = picture.worst_instance[1] > 0.85 and len(picture.instances) > 1  # noqa: PLR2004  # one process' own trouble
    rescuing = ramp(during.retry_success, 0.4, 0.1) if during.retry_runs else 1.0
    return weigh(
        Cause.DEPENDENCY_OUTAGE,
        seen(picture, "attempts_failed", ramp(during.failed_share, 0.5, 0.9), weight=1.5),
        seen(picture, "retries_succeeded", rescuing),
        Sign(kind="failed_quickly", degree=ramp(quick, 0.3, 0.8), values={"quick_share": quick}),
        seen(picture, "overloaded", ramp(during.of_failed("is_timeout"), 0.7, 0.4)),
        Sign(
            kind="laboured",
            degree=ramp(laboured, 1.0, 0.6),
            values={"laboured_share": laboured},
        ),
        seen(picture, "smooth", evenness(picture, uneven=40.0)),
        seen(picture, "limited", ramp(during.of_failed("is_limited"), 0.5, 0.2)),
        seen(picture, "callers_mistakes", ramp(mistakes, 0.6, 0.2)),
        seen(picture, "one_process", 0.1 if alone else 1.0),
        seen(picture, "calls_rate", ramp(picture.calls_ratio, 2.2, 1.6), weight=0.7),
    )
