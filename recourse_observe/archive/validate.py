"""Is this file one of ours? Asked before DuckDB sees it, because one bad footer fails a whole query."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from recourse_observe.archive.foreign import parsed
from recourse_observe.archive.names import FileName
from recourse_observe.archive.schema import MAJOR, TABLES, Column, Kind, Table

__all__ = ["BadFileError", "FoundFile", "NewerMajorError", "RefusedError", "validate"]

_MAGIC: Final = b"PAR1"
_PLAIN: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FIELD_ID: Final = b"PARQUET:field_id"
_SMALLEST: Final = 12
_TEXT: Final = re.compile(r"(large_)?string$|dictionary<values=(large_)?string,")
_WHOLE: Final = re.compile(r"u?int\d+$")
_FITTING: Final[Mapping[Kind, re.Pattern[str]]] = {
    Kind.WORD: _TEXT,
    Kind.TEXT: _TEXT,
    # DuckDB casts every timestamp of UTC to ours but this one: nanoseconds with a zone.
    Kind.TIME: re.compile(r"timestamp\[((s|ms|us)(, tz=(UTC|\+00:00))?|ns)\]$"),
    Kind.LONG: _WHOLE,
    Kind.INT: _WHOLE,
    Kind.REAL: re.compile(r"(float|double|halffloat|u?int\d+)$"),
    Kind.FLAG: re.compile(r"bool$"),
}
_CHOSEN_BY: Final = ("started_at", "ended_at", "call_id", "key")
_LARGEST_BYTES: Final = 64 << 30  # uncompressed, by the footer's own word


class BadFileError(Exception):
    """A file cannot be offered to a query; the text is a phrase that follows the file's name."""


class NewerMajorError(BadFileError):
    """It was written by a schema whose meaning is not known here."""


class RefusedError(BadFileError):
    """The operating system does not let us read it; it may be whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """One readable file of a table.

    Attributes:
        path: Where it is.
        table: Which table's rows it holds.
        rows: How many.
        size_bytes: Of the file.
        name: What its name says, when it is a name of ours.
        columns: The table's columns that it has, with their Arrow types as text.
        metadata: The ``recourse.…`` part of its key-value metadata.
        modified_ns: When it was written, as the file system says.
        renamed: What the file calls columns that it knows by another name; their field ids are ours.
        bounds: The least and the greatest value of columns by which questions choose, as its footer
            says.
        inode: Its number in the file system; 0 when nobody looked.
    """

    path: Path
    table: str
    rows: int
    size_bytes: int
    name: FileName | None
    columns: tuple[tuple[str, str], ...]
    metadata: Mapping[str, str]
    modified_ns: int = 0
    renamed: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    inode: int = field(default=0, compare=False)

    @property
    def replaces(self) -> frozenset[str]:
        """Names of the files that this one was compacted from."""
        try:
            names = parsed(self.metadata.get("recourse.replaces", "[]"))
            return frozenset(name for name in names if isinstance(name, str))
        except (ValueError, TypeError):
            return frozenset()

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether a row of it may lie in ``[start, end)``; a file whose name says nothing may."""
        if self.name is None:
            return True
        return self.name.first < end and self.name.last >= start.replace(microsecond=0)


def validate(path: Path, table: str | None) -> FoundFile:
    """The file's footer, understood.

    Args:
        path: A regular file.
        table: The table whose folder it lies in; ``None`` finds out from the file itself.

    Raises:
        BadFileError: It is empty, truncated, damaged, or holds something else.
    """
    try:
        return _understood(path, table)
    except BadFileError:
        raise
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError, pa.ArrowException):
        # Text that is no UTF-8, offsets beyond any file: whatever stumbles over it.
        problem = "has a damaged footer"
        raise BadFileError(problem) from None


def _understood(path: Path, table: str | None) -> FoundFile:
    try:
        status = path.stat()
        size = status.st_size
        _check_magic(path, size)
        footer = pq.read_metadata(str(path))
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(error) from None
    metadata = _metadata(footer)
    _check_version(metadata)
    schema = footer.schema.to_arrow_schema()
    named = _named_table(table, metadata, schema.names)
    renamed = _renamed(TABLES[named], schema) if "recourse.table" in metadata else {}
    ours = {theirs: name for name, theirs in renamed.items()}
    names = [ours.get(name, name) for name in schema.names]
    shape = tuple(zip(names, map(str, schema.types), strict=True))
    problem, columns = _compared(named, shape)
    if problem:
        raise BadFileError(problem)
    _check_extent(footer, size)
    return FoundFile(
        path=path,
        table=named,
        rows=footer.num_rows,
        size_bytes=size,
        name=FileName.parse(path.name),
        columns=columns,
        metadata=metadata,
        modified_ns=status.st_mtime_ns,
        renamed=renamed,
        bounds=_bounds(footer, schema.names),
        inode=status.st_ino,
    )


def _renamed(table: Table, schema: Any) -> dict[str, str]:
    """Columns of ours that a file has under another name: a field id is for ever, a name is not."""
    ids = {
        int(one.metadata[_FIELD_ID]): one.name
        for one in schema
        if _PLAIN.fullmatch(one.name) and (one.metadata or {}).get(_FIELD_ID, b"").isdigit()
    }
    known = set(table.names)
    return {
        column.name: ids[column.field_id]
        for column in table.columns
        if column.name not in schema.names and ids.get(column.field_id, column.name) not in known
    }


def _bounds(footer: Any, names: list[str]) -> dict[str, tuple[Any, Any]]:
    """What the footer says of the columns by which questions choose; nothing where it is silent."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in _CHOSEN_BY:
        if name not in names:
            continue
        place = names.index(name)
        try:
            parts = [
                footer.row_group(index).column(place).statistics
                for index in range(footer.num_row_groups)
            ]
            if parts and all(part is not None and part.has_min_max for part in parts):
                found[name] = (min(part.min for part in parts), max(part.max for part in parts))
        except (ArithmeticError, TypeError, ValueError, pa.ArrowException):
            continue  # statistics that make no sense bound nothing
    return found


def _check_magic(path: Path, size: int) -> None:
    if size == 0:
        problem = "is empty (0 bytes)"
        raise BadFileError(problem)
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
        file.seek(max(0, size - len(_MAGIC)))
        tail = file.read(len(_MAGIC))
    if head != _MAGIC:
        problem = "is not a Parquet file"
        raise BadFileError(problem)
    if size < _SMALLEST or tail != _MAGIC:
        problem = f"is truncated ({size} bytes without a footer)"
        raise BadFileError(problem)


def _unreadable(error: Exception) -> BadFileError:
    if isinstance(error, OSError) and error.strerror:
        return RefusedError(f"cannot be read ({error.strerror})")
    return BadFileError("has a damaged footer")


def _metadata(footer: Any) -> dict[str, str]:
    pairs = footer.metadata or {}
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, value in pairs.items()
        if name.startswith(b"recourse.")
    }


def _check_version(metadata: Mapping[str, str]) -> None:
    version = metadata.get("recourse.schema_version", f"{MAJOR}.0")
    major = version.partition(".")[0]
    if not major.isdecimal():
        problem = f"has a schema version that is no version: {version[:40]!a}"
        raise BadFileError(problem)
    if int(major) != MAJOR:
        problem = (
            f"was written by schema {version[:40]!a} and this reader knows {MAJOR}.x; "
            "upgrade recourse-observe"
        )
        raise NewerMajorError(problem)


def _named_table(table: str | None, metadata: Mapping[str, str], found: list[str]) -> str:
    said = metadata.get("recourse.table", table)
    if table is not None and said != table:
        problem = f"holds the table {str(said)[:40]!a} and lies in the folder of {table!r}"
        raise BadFileError(problem)
    if said is None:
        names = set(found)
        fitting = [name for name, spec in TABLES.items() if names >= _required(spec.columns)]
        said = max(fitting, key=lambda name: len(TABLES[name].columns), default=None)
    if said not in TABLES:
        problem = "is a Parquet file of something else: " + _shown(found)
        raise BadFileError(problem)
    return said


def _required(columns: tuple[Column, ...]) -> set[str]:
    return {column.name for column in columns if not column.nullable}


@lru_cache(maxsize=256)  # the files of an archive have a handful of shapes
def _compared(
    table: str, shape: tuple[tuple[str, str], ...]
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What is wrong with a file's columns, as a phrase, and those of them that the table has."""
    columns = TABLES[table].columns
    types = dict(shape)
    another = f"has another schema than the table {table!r}: "
    if missing := _required(columns) - types.keys():
        return another + "it lacks " + _shown(missing), ()
    if len(types) < len(shape):
        return another + "it has a column twice", ()
    known = tuple((c.name, types[c.name]) for c in columns if c.name in types)
    for column in columns:
        found = types.get(column.name, "null")
        if not _fits(column.kind, found):
            return another + f"{column.name} is {found}, not {column.kind.arrow}", ()
    return "", known


def _fits(kind: Kind, found: str) -> bool:
    """Whether the found Arrow type says the same, however wide it was stored."""
    return found == "null" or _FITTING[kind].match(found) is not None


def _check_extent(footer: Any, size: int) -> None:
    """A file may carry a whole footer about data that is not in it."""
    end = size - footer.serialized_size - 8  # the footer's length and the magic after it
    uncompressed = 0
    for index in range(footer.num_row_groups):
        group = footer.row_group(index)
        uncompressed += group.total_byte_size
        for place in (0, group.num_columns - 1):
            chunk = group.column(place)
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            if start < 0 or start + chunk.total_compressed_size > end:
                problem = "is damaged: its footer speaks of data beyond its end"
                raise BadFileError(problem)
    if uncompressed > _LARGEST_BYTES:
        problem = f"claims {uncompressed >> 30} GiB of data, more than is ever opened"
        raise BadFileError(problem)


def _shown(names: set[str] | list[str]) -> str:
    listed = [name[:40].encode("unicode_escape").decode() for name in sorted(names)]
    return ", ".join(listed[:5]) + (" …" if len(listed) > 5 else "")  # noqa: PLR2004  # five names tell enough
