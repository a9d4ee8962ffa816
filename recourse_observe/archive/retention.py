"""Retention while recording: hours that are wholly older than is kept, known by their names alone."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from recourse_observe.archive.asides import asides_of, forget
from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.instance import (
    CHANGING,
    Lock,
    is_alive,
    live_folders,
    segment_name,
    segments_of,
)
from recourse_observe.archive.names import LIVE, FileName, instant
from recourse_observe.archive.schema import TABLES

__all__ = ["expire"]

_HOUR: Final = re.compile(r"date=\d{4}-\d{2}-\d{2}/hour=\d{2}")
# calls last: a reader that looks meanwhile may find calls without attempts, never the reverse.
_ORDER: Final = (*(name for name in TABLES if name != "calls"), "calls")


def expire(
    root: Path, before_us: int, disk: Disk = DISK, pause: Callable[[], object] = lambda: None
) -> int:
    """Remove every hour of every table whose last row is older than a moment, whoever wrote it.

    An hour goes whole or stays whole, so up to an hour more is kept; the files of a compacted hour
    vouch for one another. What is not quite published stays, and so does what has another name than
    our files have. Of segments, those go that a dead writer left and nobody could read.

    Args:
        root: The archive.
        before_us: Microseconds since 1970; what ended earlier goes.
        disk: The file operations.
        pause: Called between files, so that other threads get a turn.

    Returns:
        How many files were removed.

    Raises:
        OSError: The disk refused; what is left is removed next time.
    """
    changing = root / LIVE / CHANGING
    disk.folder(changing)
    try:
        lock = Lock(changing)
    except BlockingIOError:
        return 0  # somebody compacts or prunes
    try:
        removed = sum(
            _remove_if_over(root, hour, before_us, disk, pause)
            for table in _ORDER
            for hour in _hours(root / table)
        )
        forget(asides_of(root), disk)
        return removed + _forget_the_dead(root, before_us, disk)
    finally:
        lock.release()


def _hours(folder: Path) -> Iterator[Path]:
    for hour in sorted(folder.glob("date=*/hour=*")):
        if _HOUR.fullmatch(hour.relative_to(folder).as_posix()) and not hour.is_symlink():
            yield hour


def _remove_if_over(
    root: Path, hour: Path, before_us: int, disk: Disk, pause: Callable[[], object]
) -> int:
    old = _files_if_over(root, hour, before_us)
    for path in old:
        disk.remove(path)
        pause()
    for folder in (hour, hour.parent) if old else ():
        with suppress(OSError):  # it is not empty
            disk.remove_folder(folder)
    return len(old)


def _files_if_over(root: Path, hour: Path, before_us: int) -> list[Path]:
    """The files of an hour, if all of them are over; none otherwise."""
    moment = instant(before_us).replace(microsecond=0)
    files = []
    for path in sorted(hour.iterdir()):
        name = FileName.parse(path.name)
        if name is None:
            continue
        segment = root / LIVE / name.instance / segment_name(name.sequence)
        if name.last >= moment or segment.exists():
            return []
        files.append(path)
    return files


def _forget_the_dead(root: Path, before_us: int, disk: Disk) -> int:
    """Segments that could not be recovered, and were last written before the moment."""
    removed = 0
    for folder in live_folders(root):
        if is_alive(folder):
            continue
        for _, path in segments_of(folder):
            if path.stat().st_mtime_ns // 1000 < before_us:
                disk.remove(path)
                removed += 1
    return removed
