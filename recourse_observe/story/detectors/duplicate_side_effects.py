"""Retries met what an earlier attempt had already done, though it seemed to have failed."""

from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["suspect"]


def suspect(picture: Picture) -> Suspect:
    """How well repeated side effects fit."""
    during = picture.during
    conflicts = {
        kind: sum(
            row.attempts
            for row in during.attempts_rows
            if row.is_conflict and (row.kind == "first") == (kind == "first")
        )
        for kind in ("first", "again")
    }
    again = share(conflicts["again"], during.retry_runs)
    first = share(conflicts["first"], during.attempts(kind="first"))
    return weigh(
        Cause.DUPLICATE_SIDE_EFFECTS,
        Sign(
            kind="conflicts",
            degree=ramp(again, 0.05, 0.2),
            weight=2.0,
            values={"conflict_share": again},
        ),
        Sign(
            kind="first_conflicts",
            degree=ramp(first, 0.1, 0.02),
            values={"first_conflict_share": first},
        ),
    )
