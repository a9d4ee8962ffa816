"""Rows kept as columns: in memory until they are written, in a segment, and made into Arrow.

A row of any table has three sides: its *words* (what repeats from row to row, kept once and known
by a code), its *longs* (times and integers, ``ABSENT`` for null) and its *others* (texts, numbers).
Nothing here calls ``pa.array``: the first call of it imports pandas where that is installed, a stall
of half a second in somebody's service.
"""

import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from recourse_observe.archive.files import Source
from recourse_observe.archive.schema import TABLES, Column, Kind, arrow_schema

__all__ = [
    "ABSENT",
    "Layout",
    "Part",
    "Row",
    "Rows",
    "Words",
    "arrow_table",
    "layout",
    "pack",
    "row",
]

ABSENT: Final = -(2**63)
_WORDS: Final = frozenset({Kind.WORD, Kind.FLAG, Kind.INT})
_LONGS: Final = frozenset({Kind.TIME, Kind.LONG})
_OF_THE_SOURCE: Final = frozenset({"service", "instance", "region"})


Row: TypeAlias = tuple[tuple[Any, ...], tuple[int, ...], tuple[Any, ...]]
"""One row: its words, longs and others, in the order of the table's :class:`Layout`."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column of a table stands in a :class:`Row`; the source's columns do not."""

    words: tuple[Column, ...]
    longs: tuple[Column, ...]
    others: tuple[Column, ...]


@cache
def layout(table: str) -> Layout:
    """The layout of a table of the schema."""
    columns = [c for c in TABLES[table].columns if c.name not in _OF_THE_SOURCE]
    return Layout(
        words=tuple(c for c in columns if c.kind in _WORDS),
        longs=tuple(c for c in columns if c.kind in _LONGS),
        others=tuple(c for c in columns if c.kind not in _WORDS | _LONGS),
    )


def row(table: str, **values: Any) -> Row:
    """A row by the names of its columns; an omitted one is null."""
    where = layout(table)
    get = values.get
    longs = [get(c.name) for c in where.longs]
    return (
        tuple([get(c.name) for c in where.words]),
        tuple([ABSENT if value is None else value for value in longs]),
        tuple([get(c.name) for c in where.others]),
    )


class Rows:
    """Rows of one table, side by side; lists of plain values, so the collector has nothing to visit.

    Attributes:
        codes: Of each row's words.
        longs: Of all rows, one after the other.
        others: Likewise.
    """

    __slots__ = ("codes", "longs", "others")

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.longs: list[int] = []
        self.others: list[Any] = []

    def __len__(self) -> int:
        return len(self.codes)

    def add(self, code: int, longs: tuple[int, ...], others: tuple[Any, ...]) -> None:
        """One more row."""
        self.codes.append(code)
        self.longs.extend(longs)
        self.others.extend(others)

    def extend(self, more: "Rows") -> None:
        """The rows of another, too."""
        self.codes += more.codes
        self.longs += more.longs
        self.others += more.others

    def head(self, table: str, count: int) -> "Rows":
        """The first so many, copied."""
        where, first = layout(table), Rows()
        first.codes = self.codes[:count]
        first.longs = self.longs[: count * len(where.longs)]
        first.others = self.others[: count * len(where.others)]
        return first

    def drop(self, table: str, count: int) -> None:
        """Forget the first so many."""
        where = layout(table)
        del self.codes[:count]
        del self.longs[: count * len(where.longs)]
        del self.others[: count * len(where.others)]


class Words:
    """The codes of words, by table; they grow until they are forgotten."""

    def __init__(self) -> None:
        self._codes: defaultdict[str, dict[tuple[Any, ...], int]] = defaultdict(dict)
        self._known: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def __len__(self) -> int:
        return sum(map(len, self._known.values()))

    def code(self, table: str, words: tuple[Any, ...]) -> int:
        """The code of words, a new one if need be."""
        codes = self._codes[table]
        code = codes.get(words)
        if code is None:
            code = codes[words] = len(codes)
            self._known[table].append(words)
        return code

    def of(self, table: str, code: int) -> tuple[Any, ...]:
        """The words of a code."""
        return self._known[table][code]

    def clear(self) -> None:
        """Forget all of them."""
        self._codes.clear()
        self._known.clear()


@dataclass(slots=True)
class Part:
    """Some rows of one table, as columns.

    Attributes:
        rows: How many.
        codes: Of each row's words.
        longs: Little-endian int64 per column; a column of nulls only is missing.
        others: Values per column, likewise.
    """

    rows: int
    codes: "array[int]"
    longs: dict[str, bytes] = field(default_factory=dict)
    others: dict[str, list[Any]] = field(default_factory=dict)


def pack(table: str, rows: Rows) -> Part:
    """Rows as columns.

    Raises:
        TypeError: A row has a value of another kind; ``OverflowError`` a number beyond 64 bits.
    """
    where = layout(table)
    part = Part(len(rows), array("i", rows.codes))
    for index, column in enumerate(where.longs):
        values = rows.longs[index :: len(where.longs)]
        if values.count(ABSENT) < len(values):
            part.longs[column.name] = array("q", values).tobytes()
    for index, column in enumerate(where.others):
        others = rows.others[index :: len(where.others)]
        if others.count(None) < len(others):
            part.others[column.name] = others
    return part


def arrow_table(
    table: str,
    parts: Sequence[Part],
    words: Mapping[int, Sequence[Any]],
    source: Source,
    pause: Callable[[], object] = lambda: None,
) -> Any:
    """Parts of one table as an Arrow table of the pinned schema; words stay dictionary-encoded.

    Args:
        table: Which table.
        parts: Its rows.
        words: The words of their codes.
        source: Whose rows they are.
        pause: Called between columns, so that other threads get a turn.
    """
    where = layout(table)
    by_code = [words.get(code, ()) for code in range(max(words, default=-1) + 1)]
    count = sum(part.rows for part in parts)
    codes = _codes(parts)
    arrays: dict[str, Any] = {
        "service": _constant(source.service, count),
        "instance": _constant(source.instance, count),
        "region": _constant(source.region, count),
    }
    for index, column in enumerate(where.words):
        values = [word[index] if word else None for word in by_code]
        arrays[column.name] = _words(column, values, codes)
    for column in where.longs:
        pause()
        arrays[column.name] = _longs(column, parts)
    for column in where.others:
        pause()
        arrays[column.name] = _others(column, parts)
    fields = [f.with_type(arrays[f.name].type) for f in arrow_schema(table)]
    return pa.Table.from_arrays([arrays[f.name] for f in fields], schema=pa.schema(fields))


def _codes(parts: Sequence[Part]) -> Any:
    packed = b"".join(part.codes.tobytes() for part in parts)
    return pa.Array.from_buffers(pa.int32(), len(packed) // 4, [None, pa.py_buffer(packed)])


def _constant(value: str | None, count: int) -> Any:
    if value is None:
        return pa.nulls(count, pa.string())
    zeros = pa.Array.from_buffers(pa.int32(), count, [None, pa.py_buffer(bytes(4 * count))])
    return pa.DictionaryArray.from_arrays(zeros, _texts([value]))


def _words(column: Column, values: list[Any], codes: Any) -> Any:
    """The column of every row, from the column of every word."""
    if column.kind is Kind.WORD:
        unique = [value for value in dict.fromkeys(values) if value is not None]
        place = {value: index for index, value in enumerate(unique)}
        places = _integers(pa.int32(), "i", [place.get(value) for value in values])
        return pa.DictionaryArray.from_arrays(places.take(codes), _texts(unique))
    if column.kind is Kind.FLAG:
        numbers = [None if v is None else int(v) for v in values]
        return _integers(pa.int8(), "b", numbers).cast(pa.bool_()).take(codes)
    return _integers(pa.int32(), "i", values).take(codes)


def _longs(column: Column, parts: Sequence[Part]) -> Any:
    missing = ABSENT.to_bytes(8, sys.byteorder, signed=True)
    packed = b"".join(part.longs.get(column.name) or missing * part.rows for part in parts)
    count = len(packed) // 8
    numbers = pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(packed)])
    known = pc.call_function("not_equal", [numbers, _integers(pa.int64(), "q", [ABSENT])[0]])
    nothing = pa.nulls(1, pa.int64())[0]
    whole = pc.call_function("if_else", [known, numbers, nothing])
    return whole.cast(column.kind.arrow)


def _others(column: Column, parts: Sequence[Part]) -> Any:
    chunks = []
    for part in parts:
        values = part.others.get(column.name)
        if values is None:
            chunks.append(pa.nulls(part.rows, column.kind.arrow))
        elif column.kind is Kind.TEXT:
            chunks.append(_texts(values))
        else:
            chunks.append(_reals(values))
    return pa.chunked_array(chunks, type=column.kind.arrow)


def _validity(values: Sequence[Any]) -> Any:
    """Arrow's bitmap of what is not null; ``None`` when everything is there."""
    if None not in values:
        return None
    bits = bytearray((len(values) + 7) // 8)
    for index, value in enumerate(values):
        if value is not None:
            bits[index >> 3] |= 1 << (index & 7)
    return pa.py_buffer(bytes(bits))


def _texts(values: Sequence[str | None]) -> Any:
    validity = _validity(values)
    known: Sequence[Any] = values if validity is None else [value or "" for value in values]
    joined = "".join(known)
    if joined.isascii():
        data, lengths = joined.encode("ascii"), map(len, known)
    else:  # a lone surrogate cannot be UTF-8: it is shown, not refused
        encoded = [value.encode("utf-8", "backslashreplace") for value in known]
        data, lengths = b"".join(encoded), map(len, encoded)
    ends = array("i", accumulate(lengths, initial=0))
    buffers = [validity, pa.py_buffer(ends.tobytes()), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def _reals(values: Sequence[float | None]) -> Any:
    known = array("d", [0.0 if v is None else v for v in values])
    buffers = [_validity(values), pa.py_buffer(known.tobytes())]
    return pa.Array.from_buffers(pa.float64(), len(values), buffers)


def _integers(kind: Any, code: str, values: Sequence[int | None]) -> Any:
    known = array(code, [0 if v is None else v for v in values])
    buffers = [_validity(values), pa.py_buffer(known.tobytes())]
    return pa.Array.from_buffers(kind, len(values), buffers)
