"""What the bins of all keys say of an archive as a whole, so that it is not read again for that. Pure."""

from collections.abc import Sequence
from typing import Any

from recourse_observe.story.bins import Bin

__all__ = ["looked", "worst_key"]


def looked(by_key: Sequence[Sequence[Bin]], processes: int) -> dict[str, Any]:
    """The row of ``fact_looked.sql``."""
    bins = [one for bins in by_key for one in bins]
    return {
        "calls": sum(one.calls for one in bins),
        "lost": sum(one.lost_calls for one in bins),
        "rescued": sum(one.rescued for one in bins),
        "distinct_keys": len(by_key),
        "processes": processes,
    }


def worst_key(by_key: Sequence[Sequence[Bin]]) -> dict[str, Any] | None:
    """The row of ``fact_worst_key.sql``; ``None`` when nothing was lost."""
    sums = [
        (bins[0].key, sum(one.calls for one in bins), sum(one.lost_calls for one in bins))
        for bins in by_key
    ]
    ranked = sorted((-lost / calls, key, calls, lost) for key, calls, lost in sums if lost)
    for _, key, calls, lost in ranked[:1]:
        return {"policy_key": key, "calls": calls, "lost": lost}
    return None
