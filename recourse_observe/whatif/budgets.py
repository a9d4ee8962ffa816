"""Retry budgets: made from their parameters, and their parameters read off what they decided.

An archive names the budget that a policy draws from and holds each decision with the level after
it, but not how the budget was built. A bucket of tokens and a share of recent calls leave different
tracks in those levels.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from statistics import median, quantiles
from typing import Any, Final

from recourse.budget.kinds import KINDS
from recourse.budget.protocol import Budget
from recourse_observe.whatif.record import Asked, Record

__all__ = ["Table", "budgets_from", "inferred_budget"]

Table = Mapping[str, Any]

_WINDOW_S: Final = 10.0
_ENOUGH: Final = 20


def budgets_from(tables: Mapping[str, Table]) -> dict[str, Budget]:
    """New and full budgets from their kinds and parameters."""
    return {
        name: KINDS[table["kind"]](**{k: v for k, v in table.items() if k != "kind"})
        for name, table in tables.items()
    }


def inferred_budget(record: Record, name: str) -> Table | None:
    """The budget that explains what was decided; ``None`` when the record does not say.

    One that was hardly asked and denied nothing is taken for unlimited.
    """
    asked = [one for one in record.asked if one.budget_name == name]
    found: Table | None = None
    if len(asked) >= _ENOUGH and all(one.level_after is not None for one in asked):
        found = _bucket(asked) or _ratio(record, asked)
    never_denied = all(one.allowed for one in asked)
    return {"kind": "unlimited"} if found is None and never_denied else found


def _bucket(asked: Sequence[Asked]) -> Table | None:
    """A bucket of tokens: between two decisions its level grows with time, and with nothing else."""
    full = max((one.level_after or 0.0) + one.cost * one.allowed for one in asked)
    rates: list[float] = []
    for _, own in groupby(asked, key=lambda one: one.instance):
        for before, after in pairwise(own):
            apart_s = after.at_s - before.at_s
            level = (after.level_after or 0.0) + after.cost * after.allowed
            if apart_s > 0.001 and level < full - 0.01:  # noqa: PLR2004  # neither together nor full
                rates.append((level - (before.level_after or 0.0)) / apart_s)
    if len(rates) < _ENOUGH:
        return None
    low, rate, high = quantiles(rates, n=4)
    if high - low > 0.1 * abs(rate) + 0.05:  # not a constant refill
        return None
    return {"kind": "token_bucket", "capacity": max(1.0, full), "refill_per_s": max(0.0, rate)}


def _ratio(record: Record, asked: Sequence[Asked]) -> Table | None:
    """A share of the calls of the last seconds: a line through levels against recent calls."""
    points: list[tuple[float, float]] = []
    for instance, own in groupby(asked, key=lambda one: one.instance):
        calls = [call.at_s for call in record.calls if call.instance == instance]
        spent: list[tuple[float, int]] = []
        for one in own:
            spent += [(one.at_s, one.cost)] * one.allowed
            taken = sum(cost for at_s, cost in spent if at_s > one.at_s - _WINDOW_S)
            recent = bisect_left(calls, one.at_s) - bisect_left(calls, one.at_s - _WINDOW_S)
            if one.allowed or (one.level_after or 0.0) > 0:
                points.append((recent, (one.level_after or 0.0) + taken))
            if len(spent) > 4_000:  # noqa: PLR2004  # enough to draw a line
                break
    if len(points) < _ENOUGH:
        return None
    ratio, reserve = _line(points)
    error = median(abs(level - ratio * recent - reserve) for recent, level in points)
    if not -0.001 <= ratio <= 10.0 or error > 0.1 * median(y for _, y in points) + 1.0:  # noqa: PLR2004  # no line
        return None
    per_s = max(0.0, reserve) / _WINDOW_S
    return {"kind": "retry_ratio", "ratio": max(0.0, ratio), "min_retries_per_s": per_s}


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    square = sum((x - middle_x) ** 2 for x, _ in points)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / square if square else 0.0
    return slope, middle_y - slope * middle_x
