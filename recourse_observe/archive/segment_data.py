"""Segments read back: everything up to the first batch that is not whole."""

import struct
import zlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from recourse_observe.archive.columns import Part, layout
from recourse_observe.archive.foreign import parsed
from recourse_observe.archive.schema import Column, Kind
from recourse_observe.archive.segment import FRAME, LENGTH, MAGIC, TOLD_AS, SegmentHead
from recourse_observe.archive.texts import Texts

__all__ = ["SegmentData", "read_segment"]

_LARGEST_FRAME: Final = 256 << 20
_LARGEST_TAIL: Final = 16 << 20
_MOST_TRIED: Final = 32
_MOST_CODES: Final = 1_000_000
_BAD: Final = (ValueError, KeyError, TypeError, AttributeError, OverflowError, struct.error)
_NOTHING: Final = type(None)
_TYPES: Final[Mapping[Kind, frozenset[type]]] = {
    Kind.WORD: frozenset({str, _NOTHING}),
    Kind.INT: frozenset({int, _NOTHING}),
    Kind.FLAG: frozenset({bool, _NOTHING}),
    Kind.REAL: frozenset({float, int, _NOTHING}),
    Kind.TEXT: frozenset({str, _NOTHING}),
}


@dataclass(slots=True)
class SegmentData:
    """What can be read of a segment.

    Attributes:
        head: Whose it is.
        parts: Rows by table, those of calls in flight included.
        words: The words of each table, by code.
        wall_ns: When its last whole batch was written.
        torn_bytes: Length of what comes after the last batch that could be read.
        is_damaged: There are whole batches in it: no crash, but a disk that lies.
    """

    head: SegmentHead
    parts: dict[str, list[Part]] = field(default_factory=dict)
    words: dict[str, dict[int, tuple[Any, ...]]] = field(default_factory=dict)
    wall_ns: int = 0
    torn_bytes: int = 0
    is_damaged: bool = False

    @property
    def rows(self) -> int:
        """Rows of all tables, calls in flight not counted."""
        return sum(
            p.rows for table, parts in self.parts.items() if table not in TOLD_AS for p in parts
        )

    def take(self, payload: bytes) -> None:
        """Add one frame.

        Raises:
            ValueError: It does not say what a frame says; ``KeyError`` and ``TypeError`` likewise.
        """
        parts, words, wall_ns, at = [], dict(self.words), self.wall_ns, 0
        while at < len(payload):
            (length,) = LENGTH.unpack_from(payload, at)
            at += LENGTH.size + length
            said = parsed(payload[at - length : at])
            table = str(said["table"])
            known = TOLD_AS.get(table, table)
            if said["words"]:
                columns = layout(known).words
                new = {_code(code): _word(word, columns) for code, word in said["words"]}
                words[known] = words.get(known, {}) | new
            part, at = _part(said, known, payload, at)
            if not words.get(known, {}).keys() >= set(part.codes):
                message = "a word is missing"
                raise ValueError(message)
            parts.append((table, part))
            wall_ns = int(said["wall_ns"])
        for table, part in parts:  # all of a frame, or nothing
            self.parts.setdefault(table, []).append(part)
        self.words, self.wall_ns = words, wall_ns


def _part(said: Mapping[str, Any], table: str, payload: bytes, at: int) -> tuple[Part, int]:
    """The columns that a head describes, and where they end."""
    where, rows = layout(table), int(said["rows"])
    longs = [c.name for c in where.longs if c.name in said["longs"]]
    texts = [c for c in where.others if c.name in said["texts"]]
    sizes = [4 * rows, *(8 * rows for _ in said["longs"])]
    for data_bytes, known_bytes in said["texts"].values():
        sizes += 4 * rows + 4, int(data_bytes), int(known_bytes)
    blocks = _blocks(payload, at, sizes)
    part = Part(rows, array("i", next(blocks)))
    part.longs = {name: next(blocks) for name in longs}
    for column in texts:
        part.texts[column.name] = Texts(next(blocks), next(blocks), next(blocks))
        part.texts[column.name].check(rows)
    for column in where.others:
        if column.name in said["reals"]:
            part.reals[column.name] = _listed(said["reals"][column.name], rows, column)
    return part, at + sum(sizes)


def _blocks(payload: bytes, at: int, sizes: Sequence[int]) -> Iterator[bytes]:
    if min(sizes) < 0 or at + sum(sizes) > len(payload):
        message = "the columns have another length"
        raise ValueError(message)
    for size in sizes:
        yield payload[at : at + size]
        at += size


def _code(code: Any) -> int:
    if not isinstance(code, int) or not 0 <= code <= _MOST_CODES:
        message = "a code is none"
        raise ValueError(message)
    return code


def _word(word: Any, columns: Sequence[Column]) -> tuple[Any, ...]:
    if not isinstance(word, list):
        message = "a word is no list"
        raise TypeError(message)
    for value, column in zip(word, columns, strict=True):
        if type(value) not in _TYPES[column.kind]:
            message = f"{column.name} is of another kind"
            raise TypeError(message)
    return tuple(word)


def _listed(values: Any, rows: int, column: Column) -> list[Any]:
    if not isinstance(values, list) or len(values) != rows:
        message = "a column has another length"
        raise ValueError(message)
    if not _TYPES[column.kind].issuperset(map(type, values)):
        message = f"{column.name} is of another kind"
        raise TypeError(message)
    return values


def read_segment(path: Path, pause: Callable[[], object] = lambda: None) -> SegmentData:
    """A segment's whole batches, up to the first that is not whole.

    Args:
        path: The file.
        pause: Called between batches, so that other threads get a turn.

    Raises:
        OSError: It cannot be read.
        ValueError: Not even its head is there; the text is a phrase that follows the file's name.
    """
    with path.open("rb") as file:
        frames = _frames(file)
        first = next(frames, None)
        if first is None:
            message = "has no whole batch"
            raise ValueError(message)
        try:
            (length,) = LENGTH.unpack_from(first)
            said = parsed(first[LENGTH.size : LENGTH.size + length])
            data = SegmentData(SegmentHead.of_json(said), wall_ns=int(said["wall_ns"]))
        except _BAD:
            message = "is no segment of this version"
            raise ValueError(message) from None
        whole = file.tell()
        for payload in frames:
            try:
                data.take(payload)
            except _BAD:
                break
            whole = file.tell()
            pause()
        data.torn_bytes = path.stat().st_size - whole
        data.is_damaged = data.torn_bytes > 0 and _goes_on(file, whole)
    return data


def _goes_on(file: BinaryIO, torn: int) -> bool:
    """Whether a whole batch lies somewhere behind what could not be read."""
    file.seek(torn)
    if next(_frames(file), None) is not None:
        return False  # it has been written to its end meanwhile
    file.seek(torn + 1)
    tail, at = file.read(_LARGEST_TAIL), 0
    for _ in range(_MOST_TRIED):
        at = tail.find(MAGIC, at) + 1
        if at == 0:
            return False
        file.seek(torn + at)
        if next(_frames(file), None) is not None:
            return True
    return False


def _frames(file: BinaryIO) -> Iterator[bytes]:
    while len(start := file.read(FRAME.size)) == FRAME.size:
        magic, length, checksum = FRAME.unpack(start)
        if magic != MAGIC or length > _LARGEST_FRAME:
            return
        payload = file.read(length)
        if len(payload) != length or zlib.crc32(payload) != checksum:
            return
        yield payload
