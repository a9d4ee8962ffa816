"""Segments made into the tables' files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from recourse_observe.archive.arrow import arrow_table
from recourse_observe.archive.columns import ABSENT, Part, Row, Rows, layout, pack
from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.files import publish_table
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.segment import GONE, OPEN
from recourse_observe.archive.segment_data import SegmentData
from recourse_observe.archive.sql import write_sql

__all__ = ["publish_segment", "segment_tables", "settle_in_flight"]

_ORDER: Final = (*(name for name in TABLES if name != "calls"), "calls")


def segment_tables(data: SegmentData, pause: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """The rows of a segment as Arrow tables, ``calls`` last; a table without rows is missing.

    Calls in flight are not among them: see :func:`settle_in_flight`.
    """
    return {
        table: arrow_table(table, parts, data.words[table], data.head.source, pause)
        for table in _ORDER
        if (parts := data.parts.get(table))
    }


def settle_in_flight(segments: Sequence[SegmentData]) -> None:
    """Give calls that will never be heard of again their rows, in the last of the segments.

    Args:
        segments: One writer's, oldest first, and all there are since the last that it published:
            a crash at the end of one leaves calls that the next has not told again.
    """
    gone = {call_id for data in segments for call_id in _call_ids(data, GONE)}
    for told, table in OPEN.items():
        last = {
            identity: row
            for data in segments
            for row in _rows(data, told)
            if (identity := _identity(table, row))[0] not in gone
        }
        if not last:
            continue
        for data in segments:
            for identity in _ended(data, table):
                last.pop(identity, None)
        words = segments[-1].words.setdefault(table, {})
        settled = Rows()
        for code, (word, *rest) in enumerate(last.values(), max(words, default=-1) + 1):
            words[code] = word
            settled.add(code, *rest)
        if settled:
            segments[-1].parts.setdefault(table, []).append(pack(table, settled))


def publish_segment(
    root: Path,
    path: Path,
    data: SegmentData,
    pause: Callable[[], object] = lambda: None,
    disk: Disk = DISK,
) -> int:
    """Write a segment's rows into the tables, then remove it.

    A reader ignores a segment exactly when its ``calls`` file is there: it comes last, even empty.

    Args:
        root: The archive.
        path: The segment.
        data: What was read of it.
        pause: Called between steps, so that other threads get a turn.
        disk: The file operations.

    Returns:
        How many rows there were.

    Raises:
        OSError: The disk refused; the segment stays, and readers go on reading it.
    """
    head = data.head
    tables = segment_tables(data, pause)
    if "calls" not in tables:
        tables["calls"] = arrow_table("calls", [], {}, head.source)
    for table, rows in tables.items():
        pause()
        at_us = head.wall_ns // 1000
        publish_table(root, table, rows, head.source, head.sequence, at_us=at_us, disk=disk)
    disk.remove(path)
    with suppress(OSError):  # a convenience, not the data
        write_sql(root, disk)
    return sum(rows.num_rows for rows in tables.values())


def _identity(table: str, row: Row) -> tuple[Any, ...]:
    words, _, others = row
    return others[0], words[1:3] if table == "attempts" else None  # call, attempt and hedge


def _call_ids(data: SegmentData, told: str) -> Iterator[str]:
    for part in data.parts.get(told, []):
        yield from _ids(part)


def _ids(part: Part) -> list[Any]:
    texts = part.texts.get("call_id")
    return [None] * part.rows if texts is None else texts.values()


def _ended(data: SegmentData, table: str) -> Iterator[tuple[Any, ...]]:
    """The identities of a table's rows, without making the rows."""
    words = data.words.get(table, {})
    for part in data.parts.get(table, []):
        for call_id, code in zip(_ids(part), part.codes, strict=True):
            yield call_id, words[code][1:3] if table == "attempts" else None


def _rows(data: SegmentData, told: str) -> Iterator[Row]:
    known = OPEN.get(told, told)
    where, words = layout(known), data.words.get(known, {})
    for part in data.parts.get(told, []):
        longs = [_integers(part, column.name) for column in where.longs]
        others = [part.others(column) for column in where.others]
        for index, code in enumerate(part.codes):
            yield (
                words[code],
                tuple([column[index] for column in longs]),
                tuple([column[index] for column in others]),
            )


def _integers(part: Part, column: str) -> Sequence[int]:
    packed = part.longs.get(column)
    return [ABSENT] * part.rows if packed is None else memoryview(packed).cast("q")
