"""Is this file one of ours? Asked before DuckDB sees it, because one bad footer fails a whole query."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from recourse_observe.archive.files import FileName
from recourse_observe.archive.schema import MAJOR, TABLES, Column, Kind

__all__ = ["BadFileError", "FoundFile", "NewerMajorError", "validate"]

_MAGIC: Final = b"PAR1"
_SMALLEST: Final = 12
_LARGEST_BYTES: Final = 64 << 30  # uncompressed, by the footer's own word


class BadFileError(Exception):
    """A file cannot be offered to a query; the text is a phrase that follows the file's name."""


class NewerMajorError(BadFileError):
    """It was written by a schema whose meaning is not known here."""


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
    """

    path: Path
    table: str
    rows: int
    size_bytes: int
    name: FileName | None
    columns: tuple[tuple[str, str], ...]
    metadata: Mapping[str, str]

    @property
    def replaces(self) -> frozenset[str]:
        """Names of the files that this one was compacted from."""
        try:
            names = json.loads(self.metadata.get("recourse.replaces", "[]"))
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
        size = path.stat().st_size
        _check_magic(path, size)
        footer = pq.read_metadata(str(path))
    except (OSError, pa.ArrowException) as error:
        raise BadFileError(_why_unreadable(error)) from None
    metadata = _metadata(footer)
    _check_version(metadata)
    schema = footer.schema.to_arrow_schema()
    named = _named_table(table, metadata, schema)
    _check_columns(named, schema)
    _check_extent(footer, size)
    return FoundFile(
        path=path,
        table=named,
        rows=footer.num_rows,
        size_bytes=size,
        name=FileName.parse(path.name),
        columns=tuple(
            (name, str(schema.field(name).type))
            for name in TABLES[named].names
            if name in schema.names
        ),
        metadata=metadata,
    )


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


def _why_unreadable(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return "has a damaged footer"


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


def _named_table(table: str | None, metadata: Mapping[str, str], schema: Any) -> str:
    said = metadata.get("recourse.table", table)
    if table is not None and said != table:
        problem = f"holds the table {str(said)[:40]!a} and lies in the folder of {table!r}"
        raise BadFileError(problem)
    if said is None:
        names = set(schema.names)
        fitting = [name for name, spec in TABLES.items() if names >= _required(spec.columns)]
        said = max(fitting, key=lambda name: len(TABLES[name].columns), default=None)
    if said not in TABLES:
        problem = "is a Parquet file of something else: " + _shown(schema.names)
        raise BadFileError(problem)
    return said


def _required(columns: tuple[Column, ...]) -> set[str]:
    return {column.name for column in columns if not column.nullable}


def _check_columns(table: str, schema: Any) -> None:
    columns = TABLES[table].columns
    missing = _required(columns) - set(schema.names)
    if missing:
        problem = f"has another schema than the table {table!r}: it lacks " + _shown(missing)
        raise BadFileError(problem)
    for column in columns:
        found = [i for i, name in enumerate(schema.names) if name == column.name]
        if len(found) > 1 or (found and not _fits(column.kind, schema.field(found[0]).type)):
            problem = (
                f"has another schema than the table {table!r}: {column.name} is "
                f"{schema.field(found[0]).type}, not {column.kind.arrow}"
            )
            raise BadFileError(problem)


def _fits(kind: Kind, found: Any) -> bool:
    """Whether the found type says the same, however wide it was stored."""
    if pa.types.is_null(found):
        return True
    match kind:
        case Kind.WORD | Kind.TEXT:
            value = found.value_type if pa.types.is_dictionary(found) else found
            return bool(pa.types.is_string(value) or pa.types.is_large_string(value))
        case Kind.TIME:
            return _is_utc(found)
        case Kind.LONG | Kind.INT:
            return bool(pa.types.is_integer(found))
        case Kind.REAL:
            return bool(pa.types.is_floating(found) or pa.types.is_integer(found))
        case Kind.FLAG:
            return bool(pa.types.is_boolean(found))


def _is_utc(found: Any) -> bool:
    if not pa.types.is_timestamp(found):
        return False
    # DuckDB casts every timestamp to ours but this one: nanoseconds with a zone.
    return found.tz is None or (found.tz in {"UTC", "+00:00"} and found.unit != "ns")


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
