"""One process failed at whatever it called, while the others did well with the same keys."""

from recourse_observe.story.detectors.seen import seen
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]

_SEVERAL = 2


def suspect(picture: Picture) -> Suspect:
    """How well the trouble of a single process fits."""
    _, trouble, traffic = picture.worst_instance
    several = len(picture.instances) >= _SEVERAL
    alone = ramp(trouble, 0.6, 0.85) * ramp(trouble - traffic, 0.1, 0.3)
    dependencies = len({key.partition(".")[0] for key in picture.keys})
    rejected = picture.during.of_lost("circuit_open", "budget_denied")
    return weigh(
        Cause.SINGLE_PROCESS_FAULT,
        seen(picture, "one_process", alone if several else 0.0, weight=2.0),
        Sign(
            kind="dependencies",
            degree=1.0 if dependencies >= _SEVERAL else 0.5,
            values={"dependencies": dependencies},
        ),
        Sign(
            kind="rejected",
            degree=ramp(rejected, 0.9, 0.5) if dependencies < _SEVERAL else 1.0,
            values={"rejected_share": rejected},
        ),
    )
