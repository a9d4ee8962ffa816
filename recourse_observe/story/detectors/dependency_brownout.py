"""The dependency answered, and far too slowly, whatever was asked of it."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.detectors.storms import calmed_by, hedges_calmed_by, storminess
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a slow dependency fits."""
    during = picture.during
    timeouts = during.of_failed("is_timeout") if during.failed else 0.0
    answered = during.attempts(failed=False) > 0
    late = ramp(picture.latency_ratio, 1.5, 3.0) if answered else 0.0
    slow = max(late, ramp(timeouts, 0.3, 0.7))
    margin = share(picture.timeout_us or 0, picture.before.latency.p50_us or 0)
    tight = margin and timeouts > 0.5  # noqa: PLR2004  # most of the failures are timeouts
    as_ever = answered and picture.latency_ratio < 1.5  # noqa: PLR2004  # half as slow again
    # Ordinary successes beside the timeouts: another instance answered as ever.
    elsewhere = as_ever and during.retry_runs >= 5  # noqa: PLR2004  # fewer tell nothing
    fano = picture.waves(during=True)
    unjittered = picture.policy is not None and picture.policy.jitter == "none"
    return weigh(
        Cause.DEPENDENCY_BROWNOUT,
        Sign(
            kind="slower",
            degree=slow,
            weight=1.5,
            values={"latency_ratio": min(picture.latency_ratio, 1e6), "timeout_share": timeouts},
        ),
        Sign(
            kind="failed_quickly",
            degree=ramp(during.of_failed("shed"), 0.8, 0.4),
            values={"quick_share": during.of_failed("shed")},
        ),
        Sign(
            kind="retries_succeeded",
            degree=ramp(during.retry_success, 0.6, 0.3) if elsewhere else 1.0,
            values={"retry_success": during.retry_success},
        ),
        Sign(
            kind="attempts_failed",
            # Where most answers come as fast as ever, it is not the whole dependency that is slow.
            degree=ramp(during.failed_share, 0.1, 0.5) if as_ever else 1.0,
            values={"failed_share": during.failed_share},
        ),
        Sign(
            kind="timeout_margin",
            degree=ramp(margin, 3.0, 6.0) if tight else 1.0,
            values={"timeout_margin": margin},
        ),
        Sign(
            kind="calls_rate",
            degree=ramp(picture.calls_ratio, 1.9, 1.4),
            values={
                "calls_per_s_before": picture.before.calls_per_s,
                "calls_per_s": during.calls_per_s,
            },
        ),
        Sign(
            kind="storm",
            degree=1.0 - 0.9 * storminess(picture) * calmed_by(picture),
            values={
                "amplification": during.amplification,
                "accepted_per_s": picture.accepted_per_s,
                "calls_per_s_before": picture.before.calls_per_s,
            },
        ),
        Sign(
            kind="smooth",
            degree=ramp(fano, 40.0, 12.0) if unjittered else 1.0,
            values={"fano": fano},
        ),
        Sign(
            kind="hedges",
            degree=max(
                ramp(during.hedges_per_call - picture.before.hedges_per_call, 0.8, 0.3),
                1.0 - hedges_calmed_by(picture),
            ),
            values={
                "hedges_per_call": during.hedges_per_call,
                "hedges_per_call_before": picture.before.hedges_per_call,
            },
        ),
        Sign(
            kind="one_process",
            degree=ramp(picture.worst_instance[1], 0.95, 0.8)
            if len(picture.instances) > 1
            else 1.0,
            values={"worst_share": picture.worst_instance[1]},
        ),
    )
