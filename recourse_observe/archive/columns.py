"""Rows kept as columns: in memory until they are written, and in a segment.

A row of any table has three sides: its *words* (what repeats from row to row, kept once and known
by a code), its *longs* (times and integers, ``ABSENT`` for null) and its *others* (texts, numbers).
"""

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, TypeAlias

from recourse_observe.archive.schema import TABLES, Column, Kind
from recourse_observe.archive.texts import Texts

__all__ = [
    "ABSENT",
    "Layout",
    "Part",
    "Row",
    "Rows",
    "Words",
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
        texts: Texts per column, likewise.
        reals: Numbers per column, likewise.
    """

    rows: int
    codes: "array[int]"
    longs: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, Texts] = field(default_factory=dict)
    reals: dict[str, list[float | None]] = field(default_factory=dict)

    def others(self, column: Column) -> list[Any]:
        """The values of a column that is neither words nor longs, by row."""
        if column.kind is Kind.TEXT and column.name in self.texts:
            return self.texts[column.name].values()
        return self.reals.get(column.name) or [None] * self.rows


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
        if others.count(None) == len(others):
            continue
        if column.kind is Kind.TEXT:
            part.texts[column.name] = Texts.of(others)
        else:
            part.reals[column.name] = others
    return part
