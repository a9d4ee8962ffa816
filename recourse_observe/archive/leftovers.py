"""What lies in ``_live``: segments that are in no table yet, and how the dead ones get there."""

import logging
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.files import publish
from recourse_observe.archive.instance import Lock, is_alive, live_folders, segments_of
from recourse_observe.archive.names import QUARANTINE, FileName
from recourse_observe.archive.publish import publish_segment, settle_in_flight
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.segment_data import SegmentData, read_segment

__all__ = ["Leftover", "leftovers", "recover"]

_LOG: Final = logging.getLogger("recourse.archive")
_LARGEST_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A segment that is not published.

    Attributes:
        sequence: Its number.
        path: Where it is.
        data: What could be read of it; ``None`` when nothing could.
        problem: What could not, as a phrase; empty when all could.
    """

    sequence: int
    path: Path
    data: SegmentData | None
    problem: str

    @property
    def is_damaged(self) -> bool:
        """Whether something is wrong with it that no crash explains."""
        return self.data.is_damaged if self.data is not None else bool(self.problem)


def leftovers(folder: Path, published: Collection[int], *, is_dead: bool) -> list[Leftover]:
    """A writer's segments that are not published, oldest first.

    Args:
        folder: Its folder in ``_live``.
        published: Numbers of the segments that are.
        is_dead: Whether there will be no more: then calls in flight are rows of the last one.
    """
    found = [
        _read(sequence, path, is_dead=is_dead)
        for sequence, path in segments_of(folder)
        if sequence not in published
    ]
    newest = max(published, default=-1)
    open_ended = [one.data for one in found if one.data is not None and one.sequence > newest]
    if is_dead and open_ended:
        settle_in_flight(open_ended)
    return found


def _read(sequence: int, path: Path, *, is_dead: bool) -> Leftover:
    data, problem = None, ""
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            problem = f"has {size >> 20} MiB, more than a segment ever has; it was skipped"
        elif size > 0:  # a crash may leave an empty one
            data = _own(read_segment(path), path, sequence)
            if data.is_damaged:
                problem = f"is damaged; its last {data.torn_bytes} bytes were left out"
            elif data.torn_bytes and is_dead:
                problem = f"ends in a torn batch of {data.torn_bytes} bytes, which was left out"
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); it was skipped"
    except ValueError as error:
        problem = f"{error}; it was skipped"
    return Leftover(sequence=sequence, path=path, data=data, problem=problem)


def _own(data: SegmentData, path: Path, sequence: int) -> SegmentData:
    """The segment, if it is what its place says: else its files would hide those of another.

    Raises:
        ValueError: It is another's.
    """
    if (data.head.source.instance, data.head.sequence) != (path.parent.name, sequence):
        message = "is the segment of another writer"
        raise ValueError(message)
    return data


def recover(
    root: Path, disk: Disk = DISK, pause: Callable[[], object] = lambda: None
) -> dict[str, int]:
    """Publish what dead writers left in ``_live``; the rows of each.

    A folder whose writer lives, and one that somebody else is recovering, is left alone, and so is
    a segment that cannot be read: readers name it.

    Args:
        root: The archive.
        disk: The file operations.
        pause: Called between steps, so that other threads get a turn.
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
            found[folder.name] = _recover_one(root, folder, disk, pause)
        except Exception as error:  # the next start tries again; readers name what is crafted
            _LOG.warning("segments of %s cannot be recovered (%s)", folder.name, error)
        finally:
            lock.release()
    return found


def _recover_one(root: Path, folder: Path, disk: Disk, pause: Callable[[], object]) -> int:
    files = _files_of(root, folder.name)
    published = {sequence for table, sequence in files if table == "calls"}
    rows = 0
    for one in leftovers(folder, published, is_dead=True):
        for table in TABLES:
            if (table, one.sequence) in files:  # of a publication that was cut off
                disk.remove(files[table, one.sequence])
        if one.data is not None:
            if one.is_damaged:
                _keep(root, one, disk)
            rows += publish_segment(root, one.path, one.data, pause, disk)
        elif not one.problem:
            disk.remove(one.path)
    for sequence, path in segments_of(folder):
        if sequence in published:
            disk.remove(path)
    if not segments_of(folder):
        disk.remove(folder / "lock")
        disk.remove_folder(folder)
    return rows


def _keep(root: Path, one: Leftover, disk: Disk) -> None:
    """Keep a damaged segment: in what could not be read of it lie whole batches."""
    place = root / QUARANTINE / one.path.relative_to(root)
    publish(place, lambda aside: shutil.copyfile(one.path, aside), disk=disk)
    reason = f"{one.path.name} {one.problem}\n"
    publish(
        place.with_name(place.name + ".reason"),
        lambda aside: aside.write_text(reason, encoding="utf-8"),
        disk=disk,
    )


def _files_of(root: Path, instance: str) -> dict[tuple[str, int], Path]:
    """A writer's files by table and number of the segment."""
    files = {}
    for table in TABLES:
        for path in (root / table).glob("date=*/hour=*/*.parquet"):
            name = FileName.parse(path.name)
            if name is not None and name.instance == instance:
                files[table, name.sequence] = path
    return files
