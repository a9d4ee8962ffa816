"""A policy changed, and each process turned bad when it took the change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from recourse_observe.queries.rows import PolicyRow
from recourse_observe.story.detectors.signs import Sign, Suspect, ramp, weigh
from recourse_observe.story.findings import Cause
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["Change", "changes", "suspect"]

_CONTENT = (
    "max_attempts",
    "initial_backoff_us",
    "max_backoff_us",
    "backoff_multiplier",
    "jitter",
    "timeout_per_attempt_us",
    "overall_timeout_us",
    "classifier",
    "budget_name",
    "hedge_enabled",
    "hedge_delay_us",
    "max_hedges",
    "hedge_trigger",
    "hedge_budget_name",
    "circuit_enabled",
    "circuit_kind",
    "circuit_threshold",
    "circuit_cooldown_us",
)
_EARLY_US = 120_000_000
_LATE_US = 3_000_000  # before the end: what comes later than that may be the cure
_LOOK_S = 12
_STAGED_US = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A process went from one content of a policy to another."""

    at_us: int
    key: str
    instance: str
    earlier: PolicyRow
    later: PolicyRow

    @property
    def fields(self) -> tuple[str, ...]:
        """What differs."""
        return tuple(f for f in _CONTENT if getattr(self.earlier, f) != getattr(self.later, f))


def changes(picture: Picture) -> tuple[Change, ...]:
    """Every change of a policy's content that a process made, oldest first."""
    return tuple(sorted(_changes(picture), key=lambda one: (one.at_us, one.key, one.instance)))


def _changes(picture: Picture) -> Iterator[Change]:
    applied: dict[tuple[str, str], list[PolicyRow]] = {}
    for row in picture.policies:
        if row.event == "applied" and row.instance is not None:
            applied.setdefault((row.key, row.instance), []).append(row)
    for (key, instance), rows in applied.items():
        for earlier, later in pairwise(rows):
            change = Change(
                at_us=later.applied_unix_us,
                key=key,
                instance=instance,
                earlier=earlier,
                later=later,
            )
            if change.fields:
                yield change


def suspect(picture: Picture) -> Suspect:
    """How well a bad policy fits."""
    rollout = _rollout(picture)
    return weigh(
        Cause.BAD_POLICY_ROLLOUT,
        _dose_response(picture, rollout),
        _staged(rollout),
        _at_the_change(picture, rollout),
        _field_fits(picture, rollout),
        _others_suffer(picture, rollout),
    )


def _rollout(picture: Picture) -> tuple[Change, ...]:
    """The first change that each process made before or during it, if to the same version."""
    early, late = picture.onset_us - _EARLY_US, picture.end_us - _LATE_US
    taken = [change for change in changes(picture) if early <= change.at_us < late]
    nearest = min(taken, key=lambda change: abs(change.at_us - picture.onset_us), default=None)
    first: dict[str, Change] = {}
    for change in taken:
        # Going back to what was before is no second change.
        if nearest and change.later.policy_version == nearest.later.policy_version:
            first.setdefault(change.instance, change)
    return tuple(first.values())


def _dose_response(picture: Picture, rollout: Sequence[Change]) -> Sign:
    """Whether the processes became worse when they took the change."""
    responses = [_response(picture, change) for change in rollout]
    response = share(sum(responses), len(responses))
    return Sign(
        kind="dose_response",
        degree=ramp(response, 0.02, 0.12) if rollout else 0.0,
        weight=1.5,
        values={"response": response, "processes": len(rollout)},
    )


def _staged(rollout: Sequence[Change]) -> Sign:
    """Whether they took it one after the other: then nothing else can have hit each of them then."""
    moments = [change.at_us for change in rollout]
    spread_us = max(moments, default=0) - min(moments, default=0)
    degree = 1.0 if spread_us > _STAGED_US else 0.75
    return Sign(kind="staged", degree=degree, weight=0.5, values={"spread_s": spread_us / 1e6})


def _at_the_change(picture: Picture, rollout: Sequence[Change]) -> Sign:
    """Whether it began with a change."""
    onset_us = min((abs(one.at_us - picture.onset_us) for one in rollout), default=_EARLY_US)
    return Sign(
        kind="at_the_change" if rollout else "no_change",
        degree=ramp(onset_us, 10_000_000, 3_000_000),
        values={"onset_s": onset_us / 1e6},
    )


def _field_fits(picture: Picture, rollout: Sequence[Change]) -> Sign:
    """Whether what went wrong follows from what was changed."""
    matched = max((_match(picture, change) for change in rollout), default=0.0)
    return Sign(kind="field_fits", degree=matched, weight=1.5, values={"field_fits": matched})


def _others_suffer(picture: Picture, rollout: Sequence[Change]) -> Sign:
    """Whether processes without the change were as ever."""
    innocent = _trouble_without(picture, _taken_at(picture, rollout))
    return Sign(
        kind="others_suffer",
        degree=ramp(innocent, 0.3, 0.08),
        weight=1.5,
        values={"innocent_share": innocent},
    )


def _bad(picture: Picture, instance: str, low_us: int, high_us: int) -> tuple[int, int]:
    """Calls of a process between two moments, and those that were lost or hurt."""
    rows = [
        row
        for row in picture.processes
        if row.instance == instance and low_us <= row.at_s * 1_000_000 < high_us
    ]
    what = picture.channel
    return sum(row.calls for row in rows), sum(getattr(row, what) for row in rows)


def _response(picture: Picture, change: Change) -> float:
    """How much worse the process became in the seconds after it took the change."""
    look = _LOOK_S * 1_000_000
    calls, bad = _bad(picture, change.instance, change.at_us, change.at_us + look)
    calls_before, bad_before = _bad(
        picture, change.instance, change.at_us - look - 1_000_000, change.at_us - 1_000_000
    )
    return share(bad, calls) - share(bad_before, calls_before)


def _taken_at(picture: Picture, rollout: Sequence[Change]) -> dict[str, int]:
    """When each process took the change; one that was started later began with it."""
    versions = {change.later.policy_version for change in rollout}
    found = {change.instance: change.at_us for change in rollout}
    for row in picture.policies:
        if row.event == "applied" and row.instance and row.policy_version in versions:
            found.setdefault(row.instance, row.applied_unix_us)
    return found


def _trouble_without(picture: Picture, taken_at: dict[str, int]) -> float:
    """Of the calls of processes that had not taken the change yet, or never did, those gone bad."""
    calls = bad = calls_before = bad_before = 0
    for instance in picture.instances:
        until = taken_at.get(instance, picture.end_us)
        until = min(until - 1_000_000, picture.end_us)
        more, worse = _bad(picture, instance, picture.onset_us, until)
        calls, bad = calls + more, bad + worse
        more, worse = _bad(picture, instance, 0, picture.onset_us - 1_000_000)
        calls_before, bad_before = calls_before + more, bad_before + worse
    return share(bad, calls) - share(bad_before, calls_before)


def _match(picture: Picture, change: Change) -> float:
    """How well what went wrong follows from what was changed."""
    return max((_follows(picture, change, name) for name in change.fields), default=0.0)


def _follows(picture: Picture, change: Change, name: str) -> float:  # noqa: PLR0911  # one line per field
    during, before = picture.during, picture.before
    match name:
        case "timeout_per_attempt_us" | "overall_timeout_us":
            cut = max(during.of_failed("is_timeout"), during.of_lost("deadline_exceeded"))
            shorter = getattr(change.later, name) or 2**62
            return cut if shorter < (getattr(change.earlier, name) or 2**62) else 0.1
        case "max_attempts" if change.later.max_attempts < change.earlier.max_attempts:
            return ramp(during.lost_share - before.lost_share, 0.0, 0.02) * ramp(
                during.failed_share - before.failed_share, 0.3, 0.1
            )
        case "max_attempts" | "initial_backoff_us" | "max_backoff_us" | "backoff_multiplier":
            return ramp(during.amplification - before.amplification, 0.3, 1.5) * 0.6
        case "jitter":
            return ramp(picture.waves(during=True), 4.0, 12.0)
        case "classifier":
            return max(during.of_failed("is_callers_mistake"), during.of_lost("terminal"))
        case "budget_name":
            return during.of_lost("budget_denied")
        case "circuit_enabled" | "circuit_kind" | "circuit_threshold" | "circuit_cooldown_us":
            return during.of_lost("circuit_open")
        case _:
            return ramp(during.hedges_per_call - before.hedges_per_call, 0.1, 0.4)
