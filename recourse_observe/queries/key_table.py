"""Every key of a scope at a glance, however many calls there are."""

from dataclasses import replace
from typing import TYPE_CHECKING

from recourse_observe.queries.statements import scope_parameters, statement

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import KeyRow
    from recourse_observe.scope import Scope

__all__ = ["key_table"]


def key_table(
    archive: "Archive", scope: "Scope", *, buckets: int, at_once: int
) -> "tuple[KeyRow, ...]":
    """One row per key, the one that lost most first.

    Args:
        archive: An open archive.
        scope: What is looked at, without open ends.
        buckets: How many bars the sparkline of lost calls has.
        at_once: Of an archive with more calls, keys are asked one by one: for its exact quantiles
            each call of a question is held in memory, about 300 bytes.
    """
    from recourse_observe.queries.rows import KeyRow

    states = dict(archive.answer(statement("breakers"), scope_parameters(scope)).rows)
    bucket_us = max(1, -(-scope.span_us // max(buckets, 1)))
    bars: dict[str, list[int | None]] = {}
    for row in archive.buckets(scope, bucket_us=bucket_us):
        bars.setdefault(row.key, [None] * buckets)[row.bucket] = row.lost
    keys = list(bars) if archive.coverage().calls > at_once else [scope.key]
    rows = [row for key in keys for row in archive.rows(KeyRow, "keys", replace(scope, key=key))]
    return tuple(
        replace(
            row,
            breaker=states.get(row.key, ""),
            lost_per_bucket=tuple(bars.get(row.key, ())),
        )
        for row in sorted(rows, key=lambda row: (-row.lost, -row.calls, row.key))
    )
