"""The dependency answered, and far too slowly, whatever was asked of it."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.detectors.storms import (
    calmed_by,
    evenness,
    hedges_calmed_by,
    storminess,
)
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]

_LATE = 1.5  # times the usual
_FEW = 5  # fewer retries tell nothing


def suspect(picture: Picture) -> Suspect:
    """How well a slow dependency fits."""
    during, before = picture.during, picture.before
    timeouts = during.of_failed("is_timeout") if during.failed else 0.0
    answered = during.attempts(failed=False) > 0
    as_ever = answered and picture.latency_ratio < _LATE
    # Ordinary successes beside the timeouts: another instance answered as ever.
    elsewhere = as_ever and during.retry_runs >= _FEW
    late = ramp(picture.latency_ratio, _LATE, 2 * _LATE) if answered else 0.0
    slow = max(late, ramp(timeouts, 0.3, 0.7))
    # Where most answers come as fast as ever, it is not the whole dependency that is slow.
    failing = ramp(during.failed_share, 0.1, 0.5) if as_ever else 1.0
    hedging = ramp(during.hedges_per_call - before.hedges_per_call, 0.8, 0.3)
    worst = ramp(picture.worst_instance[1], 0.95, 0.8) if len(picture.instances) > 1 else 1.0
    rescuing = ramp(during.retry_success, 0.6, 0.3) if elsewhere else 1.0
    return weigh(
        Cause.DEPENDENCY_BROWNOUT,
        seen(picture, "slower", slow, weight=1.5),
        seen(picture, "failed_quickly", ramp(during.of_failed("shed"), 0.8, 0.4)),
        seen(picture, "retries_succeeded", rescuing),
        seen(picture, "attempts_failed", failing),
        _timeout_margin(picture, timeouts),
        seen(picture, "calls_rate", ramp(picture.calls_ratio, 1.9, 1.4)),
        seen(picture, "storm", 1.0 - 0.9 * storminess(picture) * calmed_by(picture)),
        seen(picture, "smooth", evenness(picture, uneven=40.0)),
        seen(picture, "hedges", max(hedging, 1.0 - hedges_calmed_by(picture))),
        seen(picture, "one_process", worst),
    )


def _timeout_margin(picture: Picture, timeouts: float) -> Sign:
    """A limit that ordinary answers hardly keep explains timeouts without a slow dependency."""
    margin = share(picture.timeout_us or 0, picture.before.latency.p50_us or 0)
    tight = margin and timeouts > 0.5  # noqa: PLR2004  # most of the failures are timeouts
    degree = ramp(margin, 3.0, 6.0) if tight else 1.0
    return Sign(kind="timeout_margin", degree=degree, values={"timeout_margin": margin})
