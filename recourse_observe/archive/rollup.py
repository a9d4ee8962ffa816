"""Exact counts per key and ten seconds, whatever is sampled or dropped from the detail."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from recourse_observe.archive.columns import Row, row

__all__ = ["BUCKET_US", "Bucket", "Rollups"]

BUCKET_US: Final = 10_000_000
_BASE: Final = 1.02
_SCALE: Final = 1 / math.log(_BASE)


@dataclass(slots=True)
class Bucket:
    """Counts of the calls of one key that started within the same ten seconds.

    Attributes:
        clean_us: Durations of calls whose first attempt succeeded; each counts as one of all.
        other_us: Durations of all others, which are counted in the fields below.
    """

    clean_us: list[int] = field(default_factory=list)
    other_us: list[int] = field(default_factory=list)
    successes: int = 0
    attempts: int = 0
    retries: int = 0
    hedges: int = 0
    denied: int = 0
    rejected: int = 0

    def count(self, duration_us: int, denied: int, how: tuple[Any, ...]) -> None:
        """One more call; ``how`` is disposition, outcome, reason, attempts, retries, hedges."""
        disposition, _, _, runs, retries, hedges = how
        self.other_us.append(duration_us)
        self.successes += disposition == "success"
        self.attempts += runs
        self.retries += retries
        self.hedges += hedges
        self.rejected += disposition == "circuit_open" and not runs
        self.denied += denied


class Rollups:
    """Counts calls into the bucket in which they started.

    A call that ends after its bucket was taken makes another row for it: rows of one bucket add up.
    """

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, int], Bucket] = {}

    def bucket(self, key: str, number: int) -> Bucket:
        """The bucket of a key that begins ``number`` times :data:`BUCKET_US` after 1970."""
        return self._buckets.setdefault((key, number), Bucket())

    def take(self, now_us: int | None) -> list[Row]:
        """The buckets that are over at ``now_us``, as rows; ``None`` takes all of them."""
        last = math.inf if now_us is None else now_us // BUCKET_US
        over = sorted(place for place in self._buckets if place[1] < last)
        return [_row(place, self._buckets.pop(place)) for place in over]


def _row(place: tuple[str, int], bucket: Bucket) -> Row:
    key, number = place
    clean = len(bucket.clean_us)
    durations = bucket.clean_us + bucket.other_us
    counts = Counter(round(math.log(us) * _SCALE) if us > 1 else 0 for us in durations)
    latency = {str(step): count for step, count in sorted(counts.items())}
    return row(
        "rollups",
        key=key,
        bucket_at=number * BUCKET_US,
        calls=len(durations),
        successes=bucket.successes + clean,
        attempts=bucket.attempts + clean,
        retries=bucket.retries,
        hedges=bucket.hedges,
        denied=bucket.denied,
        rejected_by_circuit=bucket.rejected,
        active_us=sum(durations),
        latency=json.dumps({"kind": "log", "base": _BASE, "unit": "us", "counts": latency}),
    )
