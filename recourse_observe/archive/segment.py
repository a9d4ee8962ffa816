"""Write-ahead segments: what a process has told, appended batch by batch, checksummed.

A segment is a sequence of frames: the four bytes ``RCS1``, the payload's length and its CRC-32 as
little-endian 32-bit numbers, the payload. A payload has a part for each of some tables: a JSON head
(its length in front, again 32 bits) and the packed columns that the head describes, in its order:
codes, longs, and of each column of texts where they end, the texts, and which of them there are. The
first frame has but a head, which says whose segment it is. A frame that is short, or whose checksum is wrong, ends the segment: that is
how a crash looks.

Beside the tables of the schema a segment has ``open_calls`` and ``open_attempts``: rows of calls in
flight, told again whenever something is known of them. A row of the real table, or a later segment,
takes their place.
"""

import json
import struct
import sys
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from recourse_observe.archive.columns import Rows, Words, pack
from recourse_observe.archive.disk import Disk
from recourse_observe.archive.files import Source
from recourse_observe.archive.schema import MAJOR

__all__ = ["FRAME", "GONE", "LENGTH", "MAGIC", "OPEN", "TOLD_AS", "SegmentHead", "SegmentWriter"]

OPEN: Final = {"open_calls": "calls", "open_attempts": "attempts"}
# Calls that were told as open, have ended, and were left out of a sample.
GONE: Final = "gone_calls"
TOLD_AS: Final = {**OPEN, GONE: "calls"}
_SIGNS_OF_LIFE: Final = frozenset({"recorder", "rollups"})
MAGIC: Final = b"RCS1"
FRAME: Final = struct.Struct("<4sII")
LENGTH: Final = struct.Struct("<I")
_STEP: Final = (
    2048  # rows per frame: a step that holds the interpreter for well under a millisecond
)
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=str).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHead:
    """Whose segment it is, and when it began on both clocks."""

    source: Source
    sequence: int
    wall_ns: int
    monotonic_ns: int

    def as_json(self) -> dict[str, Any]:
        """As the first frame says it."""
        return {
            "format": "recourse.segment",
            "major": MAJOR,
            "service": self.source.service,
            "instance": self.source.instance,
            "region": self.source.region,
            "sequence": self.sequence,
            "wall_ns": self.wall_ns,
            "monotonic_ns": self.monotonic_ns,
        }

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> "SegmentHead":
        """As the first frame said it.

        Raises:
            ValueError: It is not a segment's head, or of another major version.
        """
        if said.get("format") != "recourse.segment" or said.get("major") != MAJOR:
            message = "is no segment of this version"
            raise ValueError(message)
        region = said["region"]
        return cls(
            source=Source(
                service=str(said["service"]),
                instance=str(said["instance"]),
                region=None if region is None else str(region),
            ),
            sequence=int(said["sequence"]),
            wall_ns=int(said["wall_ns"]),
            monotonic_ns=int(said["monotonic_ns"]),
        )


class SegmentWriter:
    """Appends to one segment; after an error it is dead, and what it wrote before is whole.

    Attributes:
        path: The file.
        head: Whose it is.
        rows: Rows written, those in flight not counted.
        has_detail: Whether it holds more than counts and signs of life.
        size_bytes: Its length, up to the last whole batch.
    """

    def __init__(self, disk: Disk, path: Path, head: SegmentHead, words: Words) -> None:
        self.path = path
        self.head = head
        self.rows = 0
        self.has_detail = False
        self._disk = disk
        self.size_bytes = 0
        self._words = words
        self._told: defaultdict[str, set[int]] = defaultdict(set)
        self._descriptor = disk.create(path)
        try:
            self._append(_frame([_part(head.as_json())]))
        except OSError:
            with suppress(OSError):
                disk.remove(path)
            raise

    def append(self, batch: Mapping[str, Rows], wall_ns: int, monotonic_ns: int) -> None:
        """Write rows by table, frame by frame, and take out of ``batch`` what is written.

        Raises:
            OSError: The disk refused; what was written before stays whole.
        """
        anchor = {"wall_ns": wall_ns, "monotonic_ns": monotonic_ns}
        while taken := _first(batch):
            parts = [
                self._packed(table, batch[table].head(_known(table), count), anchor)
                for table, count in taken.items()
            ]
            self._append(_frame(parts))
            for table, count in taken.items():
                batch[table].drop(_known(table), count)
                self.rows += 0 if table in TOLD_AS else count
            self.has_detail |= not _SIGNS_OF_LIFE.issuperset(taken)

    def sync(self) -> None:
        """Put what was appended on the disk."""
        self._disk.sync(self._descriptor)

    def close(self) -> None:
        """Stop writing; the file stays.

        Raises:
            OSError: The operating system says so, as it may of any earlier write.
        """
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            self._disk.close(descriptor)

    def _packed(self, table: str, rows: Rows, anchor: Mapping[str, int]) -> bytes:
        known = _known(table)
        part = pack(known, rows)
        told = self._told[known]
        new = sorted(set(rows.codes) - told)
        told.update(new)
        head = {
            **anchor,
            "table": table,
            "rows": part.rows,
            "words": [(code, self._words.of(known, code)) for code in new],
            "longs": list(part.longs),
            "texts": {name: [len(t.data), len(t.known)] for name, t in part.texts.items()},
            "reals": part.reals,
        }
        texts = [block for t in part.texts.values() for block in (t.ends, t.data, t.known)]
        return _part(head, [part.codes.tobytes(), *part.longs.values(), *texts])

    def _append(self, frame: bytes) -> None:
        try:
            self._disk.append(self._descriptor, frame)
        except OSError:
            self._cut_back()
            raise
        self.size_bytes += len(frame)

    def _cut_back(self) -> None:
        with suppress(OSError):  # a reader drops the torn frame as well
            self._disk.cut(self._descriptor, self.size_bytes)
        with suppress(OSError):
            self.close()


def _known(table: str) -> str:
    """The table whose layout the rows have."""
    return TOLD_AS.get(table, table)


def _first(batch: Mapping[str, Rows]) -> dict[str, int]:
    """How many rows of which tables the next frame holds."""
    taken, room = {}, _STEP
    for table, rows in batch.items():
        if count := min(room, len(rows)):
            taken[table] = count
            room -= count
    return taken


def _part(head: Mapping[str, Any], blocks: Sequence[bytes] = ()) -> bytes:
    text = _encode(head).encode()
    return b"".join((LENGTH.pack(len(text)), text, *blocks))


def _frame(parts: Sequence[bytes]) -> bytes:
    payload = b"".join(parts)
    return FRAME.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


if sys.byteorder != "little":  # pragma: no cover  # the columns are copied as they are
    message = "segments are little-endian; this machine is not"
    raise ImportError(message)
