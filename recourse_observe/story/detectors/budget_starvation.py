"""The budget denied retries that would have helped: the dependency was as good as ever."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a budget that is too small fits."""
    during, before = picture.during, picture.before
    rise = during.failed_share - before.failed_share
    tested = during.retry_runs > 3  # noqa: PLR2004  # fewer tell nothing
    rescuing = ramp(during.retry_success, 0.1, 0.5) if tested else 0.8
    return weigh(
        Cause.BUDGET_STARVATION,
        seen(picture, "denied", ramp(during.of_lost("budget_denied"), 0.3, 0.7), weight=1.5),
        seen(picture, "budget_missing", ramp(picture.budget_missing_share, 0.6, 0.2)),
        Sign(
            kind="failures_rose",
            degree=ramp(rise, 0.35, 0.12),
            weight=1.5,
            values={
                "failed_share_before": before.failed_share,
                "failed_share": during.failed_share,
            },
        ),
        seen(picture, "slower", ramp(picture.latency_ratio, 3.0, 1.8)),
        seen(picture, "retries_succeeded", rescuing),
    )
