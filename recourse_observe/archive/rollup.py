"""Exact counts per key and ten seconds, whatever is sampled or dropped from the detail."""

import json
import math
from dataclasses import dataclass, field
from typing import Final

from recourse_observe.archive.columns import Row, row

__all__ = ["Rollups"]

_BUCKET_US: Final = 10_000_000
_BASE: Final = 1.02
_SCALE: Final = 1 / math.log(_BASE)


@dataclass(slots=True)
class _Bucket:
    calls: int = 0
    successes: int = 0
    attempts: int = 0
    retries: int = 0
    hedges: int = 0
    denied: int = 0
    rejected: int = 0
    active_us: int = 0
    latency: dict[int, int] = field(default_factory=dict)


class Rollups:
    """Counts calls into the bucket in which they started.

    A call that ends after its bucket was taken makes another row for it: rows of one bucket add up.
    """

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, int], _Bucket] = {}

    def add(  # noqa: PLR0913  # one argument per count
        self,
        key: str,
        started_us: int,
        duration_us: int,
        *,
        success: bool,
        attempts: int,
        retries: int,
        hedges: int,
        denied: int,
        rejected: bool,
    ) -> None:
        """Count one call that has ended."""
        place = key, started_us // _BUCKET_US
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = self._buckets[place] = _Bucket()
        bucket.calls += 1
        bucket.successes += success
        bucket.attempts += attempts
        bucket.retries += retries
        bucket.hedges += hedges
        bucket.denied += denied
        bucket.rejected += rejected
        bucket.active_us += duration_us
        step = round(math.log(duration_us) * _SCALE) if duration_us > 1 else 0
        bucket.latency[step] = bucket.latency.get(step, 0) + 1

    def take(self, now_us: int | None) -> list[Row]:
        """The buckets that are over at ``now_us``, as rows; ``None`` takes all of them."""
        last = math.inf if now_us is None else now_us // _BUCKET_US
        over = sorted(place for place in self._buckets if place[1] < last)
        return [_row(place, self._buckets.pop(place)) for place in over]


def _row(place: tuple[str, int], bucket: _Bucket) -> Row:
    counts = {str(step): count for step, count in sorted(bucket.latency.items())}
    return row(
        "rollups",
        key=place[0],
        bucket_at=place[1] * _BUCKET_US,
        calls=bucket.calls,
        successes=bucket.successes,
        attempts=bucket.attempts,
        retries=bucket.retries,
        hedges=bucket.hedges,
        denied=bucket.denied,
        rejected_by_circuit=bucket.rejected,
        active_us=bucket.active_us,
        latency=json.dumps({"kind": "log", "base": _BASE, "unit": "us", "counts": counts}),
    )
