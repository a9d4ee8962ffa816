"""The budget denied retries that would have helped: the dependency was as good as ever."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a budget that is too small fits."""
    during, before = picture.during, picture.before
    denied = during.of_lost("budget_denied")
    rise = during.failed_share - before.failed_share
    return weigh(
        Cause.BUDGET_STARVATION,
        Sign(
            kind="denied",
            degree=ramp(denied, 0.3, 0.7),
            weight=1.5,
            values={"denied_share": denied},
        ),
        Sign(
            kind="budget_missing",
            degree=ramp(picture.budget_missing_share, 0.6, 0.2),
            values={"missing_share": picture.budget_missing_share},
        ),
        Sign(
            kind="failures_rose",
            degree=ramp(rise, 0.35, 0.12),
            weight=1.5,
            values={
                "failed_share_before": before.failed_share,
                "failed_share": during.failed_share,
            },
        ),
        Sign(
            kind="slower",
            degree=ramp(picture.latency_ratio, 3.0, 1.8),
            values={
                "latency_ratio": min(picture.latency_ratio, 1e6),
                "timeout_share": during.of_failed("is_timeout"),
            },
        ),
        Sign(
            kind="retries_succeeded",
            degree=ramp(during.retry_success, 0.1, 0.5) if during.retry_runs > 3 else 0.8,  # noqa: PLR2004  # fewer tell nothing
            values={"retry_success": during.retry_success},
        ),
    )
