"""The breaker went on refusing after the dependency had recovered."""

from collections.abc import Mapping

from recourse_observe.queries.rows import TransitionRow
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["stuck_instances", "suspect"]

_LONG_US = 25_000_000
_MOST_FAILED = 0.9
_STRAY = 0.02


def suspect(picture: Picture) -> Suspect:
    """How well a breaker that does not close fits."""
    during = picture.during
    rejected = during.of_lost("circuit_open")
    stuck = stuck_instances(picture)
    idle = picture.end_us - _last_failure_us(picture)
    length = max(1, picture.end_us - picture.onset_us)
    return weigh(
        Cause.CIRCUIT_STUCK_OPEN,
        Sign(
            kind="rejected",
            degree=ramp(rejected, 0.3, 0.7),
            weight=1.5,
            values={"rejected_share": rejected},
        ),
        Sign(
            kind="stuck",
            degree=1.0 if stuck or idle >= _LONG_US else 0.1,
            weight=1.5,
            values={"stuck": len(stuck)},
        ),
        Sign(
            kind="silent",
            degree=ramp(share(idle, length), 0.3, 0.6),
            values={"silent_s": idle / 1e6},
        ),
    )


def stuck_instances(picture: Picture) -> tuple[str, ...]:
    """Processes whose breaker stood open or half open for long without changing again."""
    return tuple(
        sorted(
            instance
            for instance, last in _last(picture).items()
            if last.to_state in {"open", "half_open"}
            and _silence_us(picture, last) >= _limit(picture, last)
        )
    )


def _last_failure_us(picture: Picture) -> int:
    """When nearly all failures were over: what was refused after it was refused without a reason."""
    failed = [
        beat.beat * 500_000
        for beat in picture.beats
        for _ in range(beat.attempts - beat.successes)
        if picture.onset_us <= beat.beat * 500_000 < picture.end_us
    ]
    if share(len(failed), picture.during.attempts()) < _STRAY and not _closed(picture):
        return picture.onset_us  # whoever was let through was served
    # A stray failure now and then is ordinary.
    return failed[int(_MOST_FAILED * (len(failed) - 1))] if failed else picture.onset_us


def _closed(picture: Picture) -> bool:
    """Whether a breaker closed meanwhile: then it was not stuck, whoever was served."""
    return any(
        row.to_state == "closed" and picture.onset_us < row.changed_unix_us < picture.end_us
        for row in picture.transitions
    )


def _last(picture: Picture) -> Mapping[str, TransitionRow]:
    """The change after which each process' breaker was silent."""
    return {row.instance: row for row in picture.transitions}


def _silence_us(picture: Picture, last: TransitionRow) -> int:
    return picture.end_us - last.changed_unix_us


def _limit(picture: Picture, last: TransitionRow) -> int:
    """A half-open breaker should answer soon; an open one after its cooldown."""
    cooldown = (picture.policy.circuit_cooldown_us or 0) if picture.policy is not None else 0
    return _LONG_US if last.to_state == "half_open" else max(_LONG_US, 2 * min(cooldown, _LONG_US))
