"""Some of the dependency's instances were bad: a retry that met another one succeeded."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["bad_peers", "suspect"]

_MANY = 2
_FEW = 5  # fewer tell nothing
_ORDINARY = 1.5  # times the usual
_RUNAWAY = 0.6  # hedges per call that no few slow instances explain


def suspect(picture: Picture) -> Suspect:
    """How well a few bad instances behind the key fit."""
    during, before = picture.during, picture.before
    failed, hedged = during.failed_share, during.hedges_per_call - before.hedges_per_call
    rise = max(failed - before.failed_share, hedged if hedged < _RUNAWAY else 0.0)
    worst = ramp(picture.worst_instance[1], 0.9, 0.7) if len(picture.instances) > 1 else 1.0
    mistakes = during.of_failed("is_callers_mistake")
    return weigh(
        Cause.PARTIAL_INSTANCE_FAILURE,
        seen(picture, "attempts_failed", ramp(rise, 0.02, 0.06) * ramp(failed, 0.85, 0.6)),
        *_other_tries(picture),
        Sign(kind="peers", degree=_concentration(picture), values={"peers": len(picture.peers)}),
        seen(picture, "limited", ramp(during.of_failed("is_limited"), 0.6, 0.2)),
        seen(picture, "callers_mistakes", ramp(mistakes, 0.6, 0.2)),
        seen(picture, "one_process", worst),
        seen(picture, "calls_rate", ramp(picture.calls_ratio, 2.0, 1.5), weight=0.5),
    )


def _other_tries(picture: Picture) -> tuple[Sign, Sign]:
    """Whether other tries meet other instances: they succeed, and as often as first attempts do."""
    during = picture.during
    # A hedge is another try as well, where what it brings is an ordinary answer.
    rescued = picture.latency_ratio < _ORDINARY and during.attempts(kind="hedge") >= _FEW
    kind = "hedge" if rescued and during.retry_runs < _FEW else "retry"
    ran = during.attempts(kind=kind)
    again, first = share(during.attempts(kind=kind, failed=False), ran), during.first_failed_share
    return (
        Sign(
            kind="hedges_succeeded" if kind == "hedge" else "retries_succeeded",
            degree=ramp(again, 0.15, 0.4) if ran >= _FEW else 0.7,
            weight=1.5,
            values={"retry_success": again},
        ),
        Sign(
            kind="independent",
            degree=ramp(abs(again - (1 - first)), 0.45, 0.2) if ran >= _FEW else 0.7,
            values={"retry_success": again, "first_success": 1 - first},
        ),
    )


def bad_peers(picture: Picture) -> tuple[str, ...]:
    """The instances of the dependency that failed far more often than the others."""
    best = min(picture.peers.values(), default=0.0)
    return tuple(sorted(p for p, failed in picture.peers.items() if failed > 2 * best + 0.2))


def _concentration(picture: Picture) -> float:
    """1 when the failures sit at a few peers, less when they are spread; unknown is in between."""
    if picture.gone_peers or bad_peers(picture):
        return 1.0
    named = sum(row.attempts for row in picture.during.attempts_rows if row.failed and row.peer)
    if (
        len(picture.peers) < _MANY or named < 0.5 * picture.during.failed
    ):  # most failures name nobody
        return 0.6
    return 0.25
