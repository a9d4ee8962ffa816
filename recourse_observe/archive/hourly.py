"""Latency histograms of ten seconds added up to hours: what makes a whole day's quantiles a small sum."""

import json
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any, Final

import pyarrow as pa

from recourse_observe.archive.foreign import parsed

__all__ = ["EMPTY", "hourly"]

EMPTY: Final = '{"kind": "log", "base": 1.02, "unit": "us", "counts": {}}'
_WHOSE: Final = ("service", "instance", "region", "key")
_HOUR_US: Final = 3_600_000_000


def hourly(rows: Any) -> Any:
    """Rollups with each hour's histograms in the first row of its key; the others hold none.

    Counts stay as they are, row by row. Histograms merge by adding, so nothing that is asked for a
    whole hour changes.
    """
    columns = [
        rows[name].cast(pa.string()).to_pylist() for name in _WHOSE
    ]  # words one by one are slow
    buckets = rows["bucket_at"].cast(pa.int64()).to_pylist()
    groups: dict[Hashable, list[int]] = {}
    for index, whose in enumerate(zip(*columns, strict=True)):
        groups.setdefault((whose, buckets[index] // _HOUR_US), []).append(index)
    latencies = rows["latency"].to_pylist()
    for group in groups.values():
        merged = _merged([latencies[index] for index in group])
        if merged is not None:
            for index in group:
                latencies[index] = EMPTY
            latencies[min(group, key=buckets.__getitem__)] = merged
    place = rows.column_names.index("latency")
    few = pa.array(latencies, pa.string()).dictionary_encode()  # nearly all are the empty one
    return rows.set_column(place, rows.schema.field(place).with_type(few.type), few)


def _merged(texts: Sequence[str]) -> str | None:
    """The sum of histograms; ``None`` when one of them is of another kind."""
    written: defaultdict[str, int] = defaultdict(int)
    total: defaultdict[int, int] = defaultdict(int)
    shape: dict[str, Any] | None = None
    try:
        for text in texts:
            said = parsed(text)
            for step, count in said.pop("counts").items():
                written[step] += count
            if shape not in (None, said):
                return None
            shape = said
        for step, count in written.items():
            total[int(step)] += int(count)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        return None
    ordered = {str(step): total[step] for step in sorted(total)}
    return json.dumps({**(shape or {}), "counts": ordered})
