"""The rows that show an incident: a few of each table that matters for its cause."""

from collections.abc import Mapping
from typing import Any, Final

from recourse_observe.story.asked import Asked
from recourse_observe.story.detectors.bad_policy_rollout import changes
from recourse_observe.story.findings import Cause, Evidence
from recourse_observe.story.narrate import why
from recourse_observe.story.picture import Picture

__all__ = ["gather"]

_FIRST: Final = {
    Cause.BUDGET_MISSING: ("denied", "failed"),
    Cause.BUDGET_STARVATION: ("denied", "rescued", "failed"),
    Cause.CALLER_CANCELLATION: ("lost",),
    Cause.CIRCUIT_FLAPPING: ("changed", "lost"),
    Cause.CIRCUIT_STUCK_OPEN: ("changed", "lost"),
    Cause.CONTROL_PLANE_OUTAGE: ("lost",),
    Cause.DEPENDENCY_BROWNOUT: ("slow", "failed"),
    Cause.DUPLICATE_SIDE_EFFECTS: ("failed", "lost"),
    Cause.HEDGE_RUNAWAY: ("spawned", "slow", "failed"),
    Cause.PARTIAL_INSTANCE_FAILURE: ("failed", "rescued"),
}
_USUAL: Final = ("failed", "lost", "slow")
_MOST: Final = 9
_POLICIES: Final = 6


def gather(asked: Asked, picture: Picture, cause: Cause) -> tuple[Evidence, ...]:
    """Rows that show the incident, those that show its cause first."""
    rows = list(asked.answers["evidence"])
    wanted = _FIRST.get(cause, _USUAL)
    chosen = [row for what in wanted for row in rows if row["what"] == what]
    if not chosen:
        chosen = rows
    policies = _policies(picture, cause)
    return (*policies, *(_evidence(row) for row in chosen[:_MOST]))


def _policies(picture: Picture, cause: Cause) -> tuple[Evidence, ...]:
    if cause is Cause.CONTROL_PLANE_OUTAGE:
        rows = [r for r in picture.policies if r.event in {"resolve_failed", "fallback", "lkg"}]
        what = "resolve_failed"
    elif cause is Cause.BAD_POLICY_ROLLOUT:
        taken = [c.later for c in changes(picture)]
        rows = [r for r in taken if r.applied_unix_us < picture.end_us]
        what = "policy"
    else:
        return ()
    return tuple(
        Evidence(
            table="policies",
            why=why(what, row.policy_version),
            at_unix_ns=row.applied_unix_us * 1_000,
            key=row.key,
            instance=row.instance,
        )
        for row in rows[:_POLICIES]
    )


def _evidence(row: Mapping[str, Any]) -> Evidence:
    named = row["of_table"] != "circuit_transitions"
    return Evidence(
        table=row["of_table"],
        why=why(row["what"], row["detail"]),
        call_id=row["call_id"] if named else None,
        attempt=row["attempt"],
        hedge_index=row["hedge_index"],
        at_unix_ns=None if named else row["at_us"] * 1_000,
        key=None if named else row["key"],
        instance=None if named else row["instance"],
    )
