"""What an archive may be missing, in sentences."""

from collections.abc import Iterator
from typing import Final

from recourse_observe.queries.archive import Archive
from recourse_observe.queries.rows import WriterRow
from recourse_observe.scope import EVERYTHING, Scope
from recourse_observe.text import clock, count, day, plural, zone_name

__all__ = ["missing"]

_FLUSH_MS: Final = 50.0
"""How often a recorder flushes when nobody said otherwise."""
_SHOWN: Final = 5


def missing(archive: Archive, scope: Scope = EVERYTHING) -> tuple[str, ...]:
    """One sentence about each way in which the archive is incomplete in a scope's time.

    A writer that closed, dropped nothing and kept every call has no sentence.
    """
    writers = archive.writers(scope)
    return (*_deaths(writers), *_drops(writers), *_samples(writers))


def _deaths(writers: tuple[WriterRow, ...]) -> Iterator[str]:
    dead = [row for row in writers if row.has_died]
    for row in dead[:_SHOWN]:
        at = f"{day(row.last_unix_us)} {clock(row.last_unix_us, decimals=3)} "
        at += zone_name(row.last_unix_us)
        missing_ms = _FLUSH_MS if row.flush_ms is None else row.flush_ms
        yield (
            f"{row.instance} died at {at} with up to {missing_ms:g} ms missing "
            f"and {plural(row.unfinished, 'call')} in flight"
        )
    if dead[_SHOWN:]:
        yield f"{plural(len(dead) - _SHOWN, 'more writer')} died"


def _drops(writers: tuple[WriterRow, ...]) -> Iterator[str]:
    lossy = [row for row in writers if row.dropped_events]
    if lossy:
        dropped = sum(row.dropped_events for row in lossy)
        yield (
            f"{plural(dropped, 'event')} were dropped by {plural(len(lossy), 'writer')}, "
            f"most by {max(lossy, key=lambda row: row.dropped_events).instance}"
        )


def _samples(writers: tuple[WriterRow, ...]) -> Iterator[str]:
    weight = max((row.sample_weight for row in writers), default=1)
    if weight > 1:
        yield (
            f"of the calls that went well at once one in {count(weight)} was kept; "
            "counts weigh them, rollups are exact"
        )
