"""Retention: files whose every row is older than asked for are removed, whole."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recourse_observe.archive.compact import alone
from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.index import INDEX, write_index
from recourse_observe.archive.instance import segment_name
from recourse_observe.archive.names import LIVE
from recourse_observe.archive.reader import survey
from recourse_observe.archive.sql import write_sql
from recourse_observe.archive.validate import FoundFile

__all__ = ["Pruned", "prune"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        files: Files all of whose rows are older.
        rows: Rows in them.
        size_bytes: Their size.
        kept: Files that stay.
    """

    files: int
    rows: int
    size_bytes: int
    kept: int


def prune(
    path: str | os.PathLike[str], before: datetime, *, dry_run: bool = False, disk: Disk = DISK
) -> Pruned:
    """Remove files whose last row ended before a moment.

    A file goes whole or stays whole, so up to a file's span more is kept than was asked for. What a
    writer has not quite published is left alone. Interrupted, it has removed some files and not others.

    Args:
        path: An archive's directory.
        before: What ended earlier goes; without a zone it is UTC.
        dry_run: Only say what would be removed.
        disk: The file operations.

    Raises:
        ArchiveError: It cannot be read, or somebody compacts it.
    """
    root = Path(path)
    moment = before if before.tzinfo is not None else before.replace(tzinfo=UTC)
    with nullcontext() if dry_run else alone(root, disk):
        found = survey(root)
        old = _over(root, list(found.paths.values()), moment)
        if not dry_run and old:
            _remove(root, old, disk)
    return Pruned(
        files=len(old),
        rows=sum(file.rows for file in old),
        size_bytes=sum(file.size_bytes for file in old),
        kept=len(found.paths) - len(old),
    )


def _over(root: Path, files: Sequence[FoundFile], moment: datetime) -> list[FoundFile]:
    """Files that are over; the parts of a compacted hour go together, because one vouches for all."""
    needed = {_whole(file) for file in files if not _is_over(root, file, moment)}
    return [file for file in files if _whole(file) not in needed]


def _whole(file: FoundFile) -> str:
    return file.metadata.get("recourse.part_of", file.path.name)


def _is_over(root: Path, file: FoundFile, moment: datetime) -> bool:
    if file.name is None or file.name.last >= moment.replace(microsecond=0):
        return False
    ended = file.bounds.get("ended_at")
    if ended is not None and ended[1].replace(tzinfo=UTC) >= moment:
        return False  # its name says less than its rows
    return not (root / LIVE / file.name.instance / segment_name(file.name.sequence)).exists()


def _remove(root: Path, old: Sequence[FoundFile], disk: Disk) -> None:
    for file in sorted(old, key=_turn):
        disk.remove(file.path)
        for folder in (file.path.parent, file.path.parent.parent):
            if folder.name.startswith(("hour=", "date=")) and not any(folder.iterdir()):
                disk.remove_folder(folder)
    write_sql(root, disk)
    if (root / INDEX).exists():
        gone = {file.path for file in old}
        kept = [file for path, file in survey(root).paths.items() if path not in gone]
        write_index(root, kept, disk)


def _turn(file: FoundFile) -> tuple[bool, bool]:
    """Calls last: a reader that looks meanwhile may find calls without attempts, never the reverse.

    Of an hour's parts the one that vouches for the others goes last, so that they are found again.
    """
    return file.table == "calls", "recourse.part_of" not in file.metadata
