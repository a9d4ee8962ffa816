"""The dependency refused nearly everything, at once, for everybody."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well an outage of the dependency fits."""
    during = picture.during
    quick, limited = during.of_failed("quick"), during.of_failed("is_limited")
    _, concentrated, _ = picture.worst_instance
    alone = concentrated > 0.85 and len(picture.instances) > 1  # noqa: PLR2004  # one process' own trouble
    fano = picture.waves(during=True)
    unjittered = picture.policy is not None and picture.policy.jitter == "none"
    return weigh(
        Cause.DEPENDENCY_OUTAGE,
        Sign(
            kind="attempts_failed",
            degree=ramp(during.failed_share, 0.5, 0.9),
            weight=1.5,
            values={"failed_share": during.failed_share},
        ),
        Sign(
            kind="retries_succeeded",
            degree=ramp(during.retry_success, 0.4, 0.1) if during.retry_runs else 1.0,
            values={"retry_success": during.retry_success},
        ),
        Sign(kind="failed_quickly", degree=ramp(quick, 0.3, 0.8), values={"quick_share": quick}),
        Sign(
            kind="overloaded",
            degree=ramp(during.of_failed("is_timeout"), 0.7, 0.4),
            values={"timeout_share": during.of_failed("is_timeout")},
        ),
        Sign(
            kind="laboured",
            degree=ramp(picture.laboured_share, 1.0, 0.6),
            values={"laboured_share": picture.laboured_share},
        ),
        Sign(
            kind="smooth",
            degree=ramp(fano, 40.0, 12.0) if unjittered else 1.0,
            values={"fano": fano},
        ),
        Sign(kind="limited", degree=ramp(limited, 0.5, 0.2), values={"limited_share": limited}),
        Sign(
            kind="callers_mistakes",
            degree=ramp(during.of_failed("is_callers_mistake"), 0.6, 0.2),
            values={"mistake_share": during.of_failed("is_callers_mistake")},
        ),
        Sign(
            kind="one_process",
            degree=0.1 if alone else 1.0,
            values={"worst_share": concentrated},
        ),
        Sign(
            kind="calls_rate",
            degree=ramp(picture.calls_ratio, 2.2, 1.6),
            weight=0.7,
            values={
                "calls_per_s_before": picture.before.calls_per_s,
                "calls_per_s": during.calls_per_s,
            },
        ),
    )
