"""Many small files of an hour made into one that reads fast, and no row missing or told twice."""

import json
import os
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from recourse_observe.archive.asides import asides_of, forget
from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.errors import ArchiveEmptyError, ArchiveError, NotAnArchiveError
from recourse_observe.archive.files import Source, name_of, publish_table
from recourse_observe.archive.hourly import hourly
from recourse_observe.archive.index import write_index
from recourse_observe.archive.instance import CHANGING, Lock, segment_name
from recourse_observe.archive.leftovers import recover
from recourse_observe.archive.merge import in_order, read_file
from recourse_observe.archive.names import LIVE, MARKER, FileName
from recourse_observe.archive.reader import survey
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.sql import write_sql
from recourse_observe.archive.validate import BadFileError, FoundFile, validate

__all__ = ["Compacted", "CompactionBusyError", "alone", "compact"]

_LEVEL: Final = 3
_READERS: Final = 2
"""Threads that read files; more wait for each other where a file is small."""
_OURS: Final = "compact."
"""How the instances of merged files begin."""
_NOBODY: Final = Source(service="", instance="")
_SOUGHT: Final = ("call_id",)
"""In the order of keys, ids are spread over all row groups of a file."""


class CompactionBusyError(ArchiveError):
    """Somebody else compacts this archive at this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What a compaction did.

    Attributes:
        files_before: Files that were merged or removed.
        files_after: Files that took their place.
        rows: Rows in them.
        bytes_before: Size of the files that were merged.
        bytes_after: Size of the files that took their place.
        recovered: Rows of dead writers that were published first.
    """

    files_before: int = 0
    files_after: int = 0
    rows: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    recovered: int = 0


def compact(
    path: str | os.PathLike[str],
    *,
    rows_per_file: int = 5_000_000,
    progress: Callable[[int, int], object] = lambda _done, _of: None,
    disk: Disk = DISK,
) -> Compacted:
    """Merge the files of each table and hour, sorted by key and time.

    Writers may go on: only files that are there already are touched. A merged file lists what it
    replaces, and readers ignore that while both exist; what an earlier run has replaced and not
    removed is removed first. A damaged file stays as it is. A query that had already listed the old
    files may find them gone, and has to look again.

    Args:
        path: An archive's directory.
        rows_per_file: An hour with more rows than this is split.
        progress: Called with how many groups of files are merged, and of how many.
        disk: The file operations.

    Raises:
        ArchiveError: It cannot be read, or somebody else compacts it.
    """
    root = Path(path)
    with alone(root, disk) as lock:
        recovered = sum(recover(root, disk).values())
        found = survey(root)
        totals = [_remove_replaced(found.files, disk), 0, 0, 0, 0]
        _remove_cut_off(root, found.paths, disk)
        groups = [g for files in found.files.values() for g in _groups(root, files, rows_per_file)]
        replace = partial(_replace, root, rows_per_file, disk)
        for numbers in _merged(groups, replace, lock, progress):
            totals = [sum(pair) for pair in zip(totals, numbers, strict=True)]
        write_sql(root, disk)
        write_index(root, _left(root), disk)
    before, after, rows, bytes_before, bytes_after = totals
    return Compacted(
        files_before=before,
        files_after=after,
        rows=rows,
        bytes_before=bytes_before,
        bytes_after=bytes_after,
        recovered=recovered,
    )


def _merged(
    groups: Sequence[Sequence[FoundFile]],
    replace: Callable[[list[FoundFile], Any], tuple[int, ...]],
    lock: Lock,
    progress: Callable[[int, int], object],
) -> Iterator[tuple[int, ...]]:
    """Merge group by group: while one is written, the next is sorted."""
    with ThreadPoolExecutor(1, "recourse-compact") as writing:
        written: Future[tuple[int, ...]] | None = None
        for number, group in enumerate(groups):
            progress(number, len(groups))
            whole, rows = _sorted(group)
            if written is not None:
                yield written.result()
            written = writing.submit(_held, lock.copy(), partial(replace, whole, rows))
        if written is not None:
            yield written.result()


def _held(lock: Lock, work: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
    """Do work and let go of a lock: whoever is interrupted twice does not wait for us."""
    try:
        return work()
    finally:
        lock.release()


def _left(root: Path) -> Iterable[FoundFile]:
    try:
        return survey(root, indexed=False).paths.values()
    except ArchiveEmptyError:  # hours without rows leave no file
        return ()


@contextmanager
def alone(root: Path, disk: Disk = DISK) -> Iterator[Lock]:
    """Be the only one who removes files of this archive; what killed processes were writing goes first.

    Raises:
        ArchiveError: Somebody else is, or it is no directory that may be written to.
    """
    if not root.is_dir():
        raise ArchiveError(os.fspath(root), "is no directory; only a directory can be changed")
    if not any((root / name).exists() for name in (MARKER, LIVE, *TABLES)):
        raise NotAnArchiveError(os.fspath(root), "is no recourse archive; nothing was changed")
    folder = root / LIVE / CHANGING
    try:
        disk.folder(folder)
        lock = Lock(folder)
    except BlockingIOError:
        problem = "is being compacted or pruned by somebody else; try again later"
        raise CompactionBusyError(os.fspath(root), problem) from None
    except OSError as error:
        problem = f"cannot be changed ({error.strerror}); it must be a directory you may write to"
        raise ArchiveError(os.fspath(root), problem) from None
    try:
        forget(asides_of(root), disk)
        yield lock
    finally:
        lock.release()


def _remove_replaced(files: Mapping[str, tuple[FoundFile, ...]], disk: Disk) -> int:
    """Remove what a run that was cut off has merged already."""
    removed = 0
    for file in (file for found in files.values() for file in found):
        for name in file.replaces:
            old = file.path.with_name(name) if FileName.parse(name) else None
            if old is not None and old.is_file():
                disk.remove(old)
                removed += 1
    return removed


def _remove_cut_off(root: Path, counting: Collection[Path], disk: Disk) -> None:
    """Remove parts of a merged file whose last part was never written, or has gone."""
    for path in root.glob(f"*/date=*/hour=*/*-{_OURS}*.parquet"):
        if path in counting or path.is_symlink() or FileName.parse(path.name) is None:
            continue
        with suppress(BadFileError):
            last = validate(path, path.parts[-4]).metadata.get("recourse.part_of")
            if last and FileName.parse(last) and not path.with_name(last).exists():
                disk.remove(path)


def _groups(root: Path, files: Sequence[FoundFile], rows_per_file: int) -> list[list[FoundFile]]:
    """Files to merge: two at least, of one hour's folder, none of them large or half published."""
    by_hour: defaultdict[Path, list[FoundFile]] = defaultdict(list)
    for file in files:
        name = file.name
        if name is None or file.path.parent != root / file.table / name.folder:
            continue
        segment = root / LIVE / name.instance / segment_name(name.sequence)
        if file.rows <= rows_per_file // 2 and not segment.exists():
            by_hour[file.path.parent].append(file)
    return [group for _, group in sorted(by_hour.items()) if len(group) > 1]


def _sorted(group: Sequence[FoundFile]) -> tuple[list[FoundFile], Any]:
    """The files of a group that are whole, and their rows; a damaged one stays as it is."""
    with ThreadPoolExecutor(_READERS, "recourse-read") as reading:
        read = zip(group, reading.map(_fitting_or_none, group), strict=True)
        whole = [(file, rows) for file, rows in read if rows is not None]
    if len(whole) < 2:  # noqa: PLR2004  # nothing to merge
        return [], None
    table = group[0].table
    rows = in_order(table, [rows for _, rows in whole])
    return [file for file, _ in whole], hourly(rows) if table == "rollups" else rows


def _fitting_or_none(file: FoundFile) -> Any:
    try:
        return _fitting(file)
    except (OSError, OverflowError, pa.ArrowException):
        return None  # `recourse check` names what is damaged


def _fitting(file: FoundFile) -> Any:
    """The rows of a file, if they can be written again.

    Raises:
        OSError: It is damaged; ``pa.ArrowException`` likewise, or it lacks what every row has.
        OverflowError: Its times are in no calendar, and so in no name.
    """
    rows = read_file(file)
    for column in TABLES[file.table].columns:
        if not column.nullable and rows[column.name].null_count:
            message = f"{column.name} is null"
            raise pa.ArrowInvalid(message)
    name_of(file.table, rows, _NOBODY, 0)
    return rows


def _replace(
    root: Path, rows_per_file: int, disk: Disk, group: Sequence[FoundFile], rows: Any
) -> tuple[int, ...]:
    """Files, rows and bytes, before and after."""
    if not group:
        return 0, 0, 0, 0, 0
    # What they replaced themselves as well: who follows an archive may have seen only those.
    names = sorted({file.path.name for file in group}.union(*(file.replaces for file in group)))
    parts = [rows.slice(at, rows_per_file) for at in range(0, rows.num_rows, rows_per_file)]
    written = _write(root, group[0].table, parts, names, disk)
    for file in group:
        disk.remove(file.path)
    return (
        len(group),
        len(written),
        rows.num_rows,
        sum(file.size_bytes for file in group),
        sum(path.stat().st_size for path in written),
    )


def _write(
    root: Path, table: str, parts: Sequence[Any], replaced: Sequence[str], disk: Disk
) -> list[Path]:
    """Write the parts, the one that replaces the old files last: until then readers ignore them."""
    source = Source(service="", instance=f"{_OURS}{secrets.token_hex(6)}")
    if not parts:
        return []
    last = name_of(table, parts[-1], source, len(parts) - 1)
    publish_part = partial(publish_table, root, table, disk=disk, level=_LEVEL, sought=_SOUGHT)
    written = []
    for sequence, part in enumerate(parts):
        extra = {"recourse.part_of": str(last), "recourse.replaces": json.dumps([])}
        if sequence == len(parts) - 1:
            extra = {"recourse.replaces": json.dumps(replaced)}
        written.append(publish_part(part, source, sequence, extra=extra))
    return written
