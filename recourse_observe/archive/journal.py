"""One writer's segments: where they lie, when one ends, and what becomes of it."""

import errno
import math
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from recourse.clock import Clock
from recourse_observe.archive.columns import Rows, Words
from recourse_observe.archive.disk import Disk, DiskLost
from recourse_observe.archive.files import Source, write_marker
from recourse_observe.archive.instance import Lock, new_instance, segment_name, segments_of
from recourse_observe.archive.names import LIVE
from recourse_observe.archive.segment import SegmentHead, SegmentWriter

__all__ = ["Ended", "Journal", "JournalOptions", "TooMuchUnpublishedError"]

_HOUR_US: Final = 3_600_000_000
_NS: Final = 1_000_000_000
_FOLDERS_AT_MOST: Final = 5
_LARGEST_BYTES: Final = 64 << 20
"""A segment that is as long ends: whoever publishes it holds it in memory."""


class TooMuchUnpublishedError(OSError):
    """Segments that wait to be published hold as much as they may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOptions:
    """How a writer writes.

    Attributes:
        service: Name of the service.
        instance: Name of this incarnation; ``None`` makes one up.
        region: Where it runs.
        rotate_s: Seconds after which a segment with rows is published.
        rotate_rows: Rows after which it is.
        sample: Of the calls that succeed at once, one in so many is kept in detail.
        flush_s: The longest that an event waits for the operating system to have it.
        sync_s: The longest that a batch which the operating system has waits to be on the disk; 0
            has none wait, ``None`` leaves it to the operating system.
        unpublished_bytes: What segments that cannot be published may hold before nothing more is
            written.
        keep_s: The age at which what was recorded is removed; ``None`` keeps it.
    """

    service: str = ""
    instance: str | None = None
    region: str | None = None
    rotate_s: float = 60.0
    rotate_rows: int = 100_000
    sample: int = 1
    flush_s: float = 0.05
    sync_s: float | None = None
    unpublished_bytes: int = 1 << 30
    keep_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A segment that is closed and not yet published."""

    path: Path
    size_bytes: int


class Journal:
    """Appends rows to the current segment; makes folders, the lock and the segment when needed.

    Attributes:
        source: Who writes; the instance has no name before its first segment.
        rows: Rows written by this instance.
        ended: Segments that are closed and not yet published, oldest first.
    """

    def __init__(
        self, root: Path, options: JournalOptions, clock: Clock, disk: Disk, words: Words
    ) -> None:
        self._root = root
        self._options = options
        self._clock = clock
        self._disk = disk
        self._words = words
        self._lock: Lock | None = None
        self._segment: SegmentWriter | None = None
        self._sequence = 0
        self._unsynced_ns: int | None = None  # since when something is not on the disk
        self.ended: deque[Ended] = deque()
        self.rows = 0
        self.source = Source(service=options.service, instance="", region=options.region)

    @property
    def folder(self) -> Path:
        """Where the segments are written."""
        return self._root / LIVE / self.source.instance

    @property
    def is_fresh(self) -> bool:
        """Whether the next rows begin a segment, which must not depend on an earlier one."""
        return self._segment is None

    def append(self, batch: Mapping[str, Rows]) -> None:
        """Write rows, and take out of ``batch`` what is written.

        Raises:
            OSError: The disk refused. What was written is whole; the next try begins a new segment.
        """
        try:
            if self._segment is None:
                self._segment = self._begin()
            segment, before = self._segment, self._segment.rows
            try:
                segment.append(batch, self._clock.time_unix_ns(), self._monotonic_ns())
            finally:
                self.rows += segment.rows - before
        except OSError as error:
            self._abandon(lost=isinstance(error, DiskLost))
            raise
        if self._unsynced_ns is None:
            self._unsynced_ns = self._monotonic_ns()
        self.sync_if_due()

    def sync_if_due(self) -> None:
        """Put on the disk what has waited for it as long as it may.

        Raises:
            OSError: The disk refused.
        """
        if self._segment is None or self.sync_waits_s() > 0:
            return
        try:
            self._segment.sync()
        except OSError:
            self._abandon(lost=False)  # to ask again is to be told that all is well
            raise
        self._unsynced_ns = None

    def sync_waits_s(self) -> float:
        """Seconds until something has to be put on the disk."""
        if self._options.sync_s is None or self._unsynced_ns is None:
            return math.inf
        return self._options.sync_s - (self._monotonic_ns() - self._unsynced_ns) / _NS

    def is_due(self) -> bool:
        """Whether the current segment should end: it is old, long, or of another hour."""
        segment = self._segment
        if segment is None:
            return False
        now_ns = self._clock.time_unix_ns()
        if now_ns // 1000 // _HOUR_US != segment.head.wall_ns // 1000 // _HOUR_US:
            return True
        if segment.rows >= self._options.rotate_rows or segment.size_bytes >= _LARGEST_BYTES:
            return True
        age_ns = self._monotonic_ns() - segment.head.monotonic_ns
        return segment.has_detail and age_ns >= self._options.rotate_s * _NS

    def end_segment(self) -> None:
        """Close the current segment, so that it can be published."""
        if self._segment is not None:
            with suppress(OSError):  # its frames tell how far it is whole
                if self.sync_waits_s() < math.inf:
                    self._segment.sync()
            self._close_segment(is_kept=True)

    def leave(self) -> None:
        """Release the lock, and remove the folder when nothing is left in it."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            try:
                if not segments_of(self.folder):
                    self._disk.remove(self.folder / "lock")
                    self._disk.remove_folder(self.folder)
            finally:
                lock.release()

    def forget(self) -> None:
        """In a forked child: close what belongs to the parent, without a trace on the disk."""
        if self._lock is not None:
            with suppress(OSError):  # somebody has closed what was not theirs
                self._lock.release()
        if self._segment is not None:
            self._segment.close()

    def _locked(self, *, durable: bool, tries: int = _FOLDERS_AT_MOST) -> Lock:
        """The lock of a folder of our own.

        One without segments that nobody holds yet is tidied away as a dead writer's: then another.
        """
        self._disk.folder(self.folder, durable=durable)
        try:
            return Lock(self.folder)
        except (BlockingIOError, FileNotFoundError):
            if tries == 1:
                raise
        self.source = replace(self.source, instance=self._name(self._options.instance))
        return self._locked(durable=durable, tries=tries - 1)

    def _begin(self) -> SegmentWriter:
        self._check_room()
        if not self.source.instance:
            self.source = replace(self.source, instance=self._name(self._options.instance))
        is_synced = self._options.sync_s is not None
        if self._lock is None:
            self._lock = self._locked(durable=is_synced)
        else:
            self._disk.folder(self.folder, durable=is_synced)
        write_marker(self._root, self._disk)
        head = SegmentHead(
            source=self.source,
            sequence=self._sequence,
            wall_ns=self._clock.time_unix_ns(),
            monotonic_ns=self._monotonic_ns(),
        )
        self._sequence += 1  # also of a segment that fails: a number is used once
        path = self.folder / segment_name(head.sequence)
        segment = SegmentWriter(self._disk, path, head, self._words)
        if is_synced:
            self._disk.sync_path(self.folder)  # or a power cut takes the name, and all with it
        return segment

    def _check_room(self) -> None:
        """Begin nothing while too much waits; the newest may wait for what follows it."""
        waiting_bytes = sum(one.size_bytes for one in self.ended)
        if len(self.ended) > 1 and waiting_bytes >= self._options.unpublished_bytes:
            raise TooMuchUnpublishedError(
                errno.EDQUOT, f"{waiting_bytes >> 20} MiB wait to be published"
            )

    def _close_segment(self, *, is_kept: bool) -> None:
        if self._segment is not None:
            segment, self._segment = self._segment, None
            self._unsynced_ns = None
            with suppress(OSError):  # its frames tell how far it is whole
                segment.close()
            if is_kept:
                self.ended.append(Ended(path=segment.path, size_bytes=segment.size_bytes))

    def _abandon(self, *, lost: bool) -> None:
        self._close_segment(is_kept=not lost)
        if lost and self._lock is not None:  # the folder is gone, and the lock with it
            lock, self._lock = self._lock, None
            lock.release()

    def _monotonic_ns(self) -> int:
        return round(self._clock.monotonic_s() * 1e9)

    def _name(self, given: str | None) -> str:
        wall_ns = self._clock.time_unix_ns()
        if given is None or self._was_used(given):
            return new_instance(self._options.service, wall_ns, given)
        return given

    def _was_used(self, instance: str) -> bool:
        if (self._root / LIVE / instance).exists():
            return True
        return any(self._root.glob(f"calls/date=*/hour=*/*-{instance}-??????.parquet"))
