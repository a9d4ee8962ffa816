"""Answers that no retry can change were retried to the end, or failures that it could were not."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well a wrong classifier fits."""
    during = picture.during
    mistakes = during.of_failed("is_callers_mistake")
    mismatch = share(during.reasons["classifier_type_mismatch"], during.failed)
    told = mismatch > 0.3  # noqa: PLR2004  # it says so itself
    retried = share(
        during.attempts(kind="retry", failed=True), during.attempts(kind="first", failed=True)
    )
    hopeless = 1.0 if told else ramp(during.retry_success, 0.3, 0.05)
    return weigh(
        Cause.CLASSIFIER_MISCLASSIFICATION,
        Sign(
            kind="callers_mistakes",
            degree=max(ramp(mistakes, 0.3, 0.7), ramp(mismatch, 0.2, 0.5)),
            weight=2.0,
            values={"mistake_share": max(mistakes, mismatch)},
        ),
        Sign(
            kind="retried",
            degree=1.0 if told else ramp(retried, 0.2, 0.8),
            values={"retried_share": retried},
        ),
        seen(picture, "retries_succeeded", hopeless),
    )
