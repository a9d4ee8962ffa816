"""Segments made into the tables' files, and what a dead writer left behind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from recourse_observe.archive.columns import ABSENT, Part, Row, arrow_table, layout, pack
from recourse_observe.archive.files import FileName, publish_table
from recourse_observe.archive.instance import Lock, is_alive, live_folders, segments_of
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.segment import OPEN
from recourse_observe.archive.segment_data import SegmentData, read_segment

__all__ = ["publish_segment", "recover", "segment_tables"]

_ORDER: Final = (*(name for name in TABLES if name != "calls"), "calls")


def segment_tables(data: SegmentData, *, unfinished: bool) -> dict[str, Any]:
    """The rows of a segment as Arrow tables, ``calls`` last; a table without rows is missing.

    Args:
        data: What was read of it.
        unfinished: Whether its calls in flight will never be heard of again: then they are rows too.
    """
    if unfinished:
        _take_in_flight(data)
    return {
        table: arrow_table(table, parts, data.words[table], data.head.source)
        for table in _ORDER
        if (parts := data.parts.get(table))
    }


def publish_segment(
    root: Path,
    path: Path,
    *,
    unfinished: bool,
    durable: bool = True,
    pause: Callable[[], object] = lambda: None,
) -> int:
    """Write a segment's rows into the tables, then remove it.

    A reader ignores a segment exactly when its ``calls`` file is there: it comes last, even empty.

    Returns:
        How many rows there were.

    Raises:
        OSError: The disk refused; the segment stays, and readers go on reading it.
        ValueError: It is no segment.
    """
    data = read_segment(path, pause)
    head = data.head
    tables = segment_tables(data, unfinished=unfinished)
    if "calls" not in tables:
        tables["calls"] = arrow_table("calls", [], [], head.source)
    for table, rows in tables.items():
        pause()
        at_us = head.wall_ns // 1000
        publish_table(root, table, rows, head.source, head.sequence, at_us=at_us, durable=durable)
    path.unlink()
    return sum(rows.num_rows for rows in tables.values())


def recover(root: Path) -> dict[str, int]:
    """Publish what dead writers left in ``_live``; the rows of each.

    A folder whose writer lives, and one that somebody else is recovering, is left alone, and so is
    a segment that cannot be read: readers name it.
    """
    found: dict[str, int] = {}
    for folder in live_folders(root):
        if is_alive(folder):
            continue
        try:
            lock = Lock(folder)
        except OSError:
            continue
        try:
            found[folder.name] = _recover_one(root, folder)
        except OSError:
            continue  # the next start tries again
        finally:
            lock.release()
    return found


def _recover_one(root: Path, folder: Path) -> int:
    rows = 0
    segments = segments_of(folder)
    for sequence, path in segments:
        earlier = list(_published(root, folder.name, sequence))
        if any(file.parts[-4] == "calls" for file in earlier):
            path.unlink()
            continue
        for file in earlier:  # of a publication that was cut off
            file.unlink()
        last = sequence == segments[-1][0]
        try:
            rows += publish_segment(root, path, unfinished=last)
        except ValueError:
            if path.stat().st_size == 0:
                path.unlink()
    if not segments_of(folder):
        for rest in ("lock",):
            (folder / rest).unlink(missing_ok=True)
        folder.rmdir()
    return rows


def _published(root: Path, instance: str, sequence: int) -> Iterator[Path]:
    for table in TABLES:
        for path in (root / table).glob(f"date=*/hour=*/*-{sequence:06d}.parquet"):
            name = FileName.parse(path.name)
            if name is not None and name.instance == instance:
                yield path


def _take_in_flight(data: SegmentData) -> None:
    """Move calls in flight to the tables, each as it was told last."""
    for told, table in OPEN.items():
        ended = {
            _identity(table, row)
            for row in _rows(table, data.parts.get(table, []), data.words.get(table, []))
        }
        last = {
            _identity(table, row): row
            for row in _rows(table, data.parts.pop(told, []), data.words.get(told, []))
        }
        rows = [row for identity, row in last.items() if identity not in ended]
        if rows:
            words = data.words.setdefault(table, [])
            codes = range(len(words), len(words) + len(rows))
            words.extend(row.words for row in rows)
            data.parts.setdefault(table, []).append(pack(table, rows, codes))


def _identity(table: str, row: Row) -> tuple[Any, ...]:
    # layout: words start with key, attempt, hedge_index; others with call_id
    return row.others[0], row.words[1:3] if table == "attempts" else None


def _rows(table: str, parts: list[Part], words: list[tuple[Any, ...]]) -> Iterator[Row]:
    where = layout(table)
    for part in parts:
        longs = [_integers(part, column.name) for column in where.longs]
        others = [part.others.get(column.name, [None] * part.rows) for column in where.others]
        for index, code in enumerate(part.codes):
            yield Row(
                words[code],
                tuple([column[index] for column in longs]),
                tuple([column[index] for column in others]),
            )


def _integers(part: Part, column: str) -> list[int | None]:
    packed = part.longs.get(column)
    if packed is None:
        return [None] * part.rows
    return [None if value == ABSENT else value for value in memoryview(packed).cast("q")]
