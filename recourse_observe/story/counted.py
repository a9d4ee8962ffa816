"""What the calls and attempts of an incident's phases say, so that they are not counted again for each fact. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from recourse_observe.story.phase_rows import CallsRow
from recourse_observe.story.picture import Picture

__all__ = ["counted"]

_FEWEST: Final = 30
"""A rate from fewer calls is chance."""
_END: Final = (
    ("calls", "calls"),
    ("lost", "lost_calls"),
    ("attempts", "attempts"),
    ("admitted", "admitted"),
)

Row: TypeAlias = Mapping[str, Any]


def counted(picture: Picture, start_us: int) -> dict[str, Row | None]:
    """The rows of ``fact_….sql`` by kind; ``None`` where a fact has none.

    Args:
        picture: Of an incident.
        start_us: Where the time before it begins.
    """
    keys, affected = set(picture.keys), set(picture.affected)
    before, during, after = (
        [row for row in picture.all_calls if row.phase == phase and row.key in keys]
        for phase in ("before", "during", "after")
    )
    left_alone = [row for row in picture.all_calls if row.key not in affected]
    during_us, before_us = picture.end_us - picture.onset_us, picture.onset_us - start_us
    return {
        "impact": _impact(before, during),
        "load": {
            "calls": _sum(during, "calls"),
            "seconds": during_us / 1e6,
            "calls_before": _sum(before, "calls"),
            "seconds_before": before_us / 1e6,
        },
        "ours": _ours(before, during),
        "disposition": _disposition(during),
        "end": {name: _sum(after, of) for name, of in _END},
        "reason": _reason(picture),
        "others": _others([row for row in left_alone if row.phase == "during"]),
        "fewer": _fewer(left_alone, during_us, before_us),
    }


def _sum(rows: Sequence[CallsRow], name: str) -> int:
    return sum(getattr(row, name) for row in rows)


def _impact(before: Sequence[CallsRow], during: Sequence[CallsRow]) -> Row:
    return {
        "calls": _sum(during, "calls"),
        "lost": _sum(during, "lost_calls"),
        "calls_before": _sum(before, "calls"),
        "lost_before": _sum(before, "lost_calls"),
        "processes_hit": len({row.instance for row in during if row.lost_calls}),
        "processes": len({row.instance for row in during}),
    }


def _ours(before: Sequence[CallsRow], during: Sequence[CallsRow]) -> Row:
    retries, rescued = _sum(during, "retries"), _sum(during, "rescued")
    return {
        "attempts": _sum(during, "attempts"),
        "admitted": _sum(during, "admitted"),
        "attempts_before": _sum(before, "attempts"),
        "admitted_before": _sum(before, "admitted"),
        "retries": retries,
        "rescued": rescued,
        "wasted": retries - rescued,
    }


def _disposition(during: Sequence[CallsRow]) -> Row | None:
    lost: Counter[str] = Counter()
    for row in during:
        lost[row.disposition] += row.lost_calls
    most, calls = min(lost.items(), key=lambda one: (-one[1], one[0]), default=("", 0))
    return {"disposition": most, "calls": calls, "of_calls": lost.total()} if calls else None


def _reason(picture: Picture) -> Row | None:
    before, during = picture.before.attempts_rows, picture.during.attempts_rows
    failed, usual = picture.during.reasons, picture.before.reasons
    for reason, attempts in sorted(failed.items(), key=lambda one: (-one[1], one[0]))[:1]:
        return {
            "reason": reason,
            "attempts": attempts,
            "of_attempts": sum(row.attempts for row in during),
            "attempts_before": usual[reason],
            "of_attempts_before": sum(row.attempts for row in before),
        }
    return None


def _others(during: Sequence[CallsRow]) -> Row:
    return {
        "other_keys": len({row.key for row in during}),
        "calls": _sum(during, "calls"),
        "lost": _sum(during, "lost_calls"),
    }


def _fewer(left_alone: Sequence[CallsRow], during_us: int, before_us: int) -> Row | None:
    calls: Counter[str] = Counter()
    usual: Counter[str] = Counter()
    for row in left_alone:
        if row.phase != "after":
            (usual if row.phase == "before" else calls)[row.key] += row.calls
    fewer = [
        key
        for key, count in usual.items()
        if count * during_us >= _FEWEST * before_us
        and 2 * calls[key] * before_us < count * during_us
    ]
    for key in sorted(fewer, key=lambda one: (calls[one] / usual[one], one))[:1]:
        return {
            "policy_key": key,
            "calls": calls[key],
            "seconds": during_us / 1e6,
            "calls_before": usual[key],
            "seconds_before": before_us / 1e6,
        }
    return None
