"""Static replay of recorded outcomes: the baseline that the model has to beat.

Each attempt that the candidate makes ends as it did in the record; where the record has no such
attempt, as attempts did on average in the same ten seconds. Load changes nothing. That is right where
failures are mere answers, and wrong where retries feed the load that makes them fail.
"""

from typing import Final

from recourse.policy.model import EffectivePolicy
from recourse_observe.whatif.record import Record

__all__ = ["replayed_failures"]

_BIN_S: Final = 10.0


def replayed_failures(record: Record, policy: EffectivePolicy) -> float:
    """How many calls static replay says would have failed."""
    most = policy.retry.max_attempts
    wins: dict[int, list[int]] = {}
    outcomes: dict[int, list[tuple[int, bool]]] = {}
    for tried in record.attempts:
        if tried.ran:
            well = tried.outcome == "success"
            counts = wins.setdefault(int(tried.at_s // _BIN_S), [0, 0])
            counts[0] += 1
            counts[1] += well
            outcomes.setdefault(tried.call, []).append((tried.attempt, well))
    failed = 0.0
    for index in range(record.first, len(record.calls)):
        made = outcomes.get(index, [])
        if any(well and attempt < most for attempt, well in made):
            continue
        if not record.calls[index].lost and not made:
            continue
        more = max(0, most - 1 - max((attempt for attempt, _ in made), default=-1))
        counts = wins.get(int(record.calls[index].at_s // _BIN_S), [0, 0])
        chance = counts[1] / counts[0] if counts[0] else 0.0
        exhausted = record.calls[index].disposition == "exhausted"
        failed += (1.0 - chance) ** more if exhausted else 1.0
    return failed
