"""The rows of many files of one table, in the order of a compacted file."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recourse_observe.archive.schema import TABLES, Column, Kind, arrow_schema
from recourse_observe.archive.validate import FoundFile

__all__ = ["in_order", "read_file"]

_WORD: Final = pa.dictionary(pa.int32(), pa.string())
_SMALL_BYTES: Final = 1 << 20
"""Up to so many are read in one go and by one thread, which takes half the time."""
_MOST_TEXT: Final = 1 << 30
"""Bytes; plain texts of more than two of these have no offsets."""


def read_file(file: FoundFile) -> Any:
    """A file's rows in the pinned schema, whatever they were stored as; words are dictionaries.

    Raises:
        OSError: It has gone, or a page's checksum is wrong.
        pyarrow.ArrowException: What it holds makes no sense.
    """
    columns = TABLES[file.table].columns
    theirs = {name: file.renamed.get(name, name) for name, _ in file.columns}
    words = [theirs[c.name] for c in columns if c.kind is Kind.WORD and c.name in theirs]
    is_small = file.size_bytes <= _SMALL_BYTES
    place = pa.BufferReader(file.path.read_bytes()) if is_small else str(file.path)
    with pq.ParquetFile(place, read_dictionary=words, page_checksum_verification=True) as opened:
        rows = opened.read(columns=list(theirs.values()), use_threads=not is_small)
    arrays = [_stored(column, rows, theirs.get(column.name)) for column in columns]
    schema = pa.schema(
        [
            one.with_type(kept.type)
            for one, kept in zip(arrow_schema(file.table), arrays, strict=True)
        ]
    )
    return pa.Table.from_arrays(arrays, schema=schema)


def in_order(table: str, parts: Sequence[Any]) -> Any:
    """The parts' rows as one table, sorted by key and time; rows of one moment keep their order."""
    if sum(part.nbytes for part in parts) > _MOST_TEXT:
        parts = [_wide(part) for part in parts]
    rows = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
    if rows.num_rows == 0:
        return rows
    order = [("time", "ascending")]
    columns = {"time": rows[TABLES[table].time].cast(pa.int64())}
    if "key" in rows.column_names:
        order.insert(0, ("key", "ascending"))
        columns["key"] = _rank(rows["key"].chunk(0))
    places = pc.call_function("sort_indices", [pa.table(columns)], pc.SortOptions(sort_keys=order))
    return rows.take(places)


def _stored(column: Column, rows: Any, theirs: str | None) -> Any:
    kind = _WORD if column.kind is Kind.WORD else column.kind.arrow
    if theirs is None:
        return pa.nulls(rows.num_rows, kind)
    found = rows[theirs]
    if found.type == kind:
        return found
    if column.kind is Kind.WORD:
        return found.cast(pa.string()).dictionary_encode()
    return found.cast(kind, safe=column.kind is not Kind.TIME)  # a nanosecond more is cut off


def _wide(part: Any) -> Any:
    schema = pa.schema(
        [
            one.with_type(pa.large_string()) if one.type == pa.string() else one
            for one in part.schema
        ]
    )
    return part.cast(schema)


def _rank(words: Any) -> Any:
    """For each row where its word stands among all words."""
    places = pc.call_function("sort_indices", [words.dictionary])
    ranks = pc.call_function("sort_indices", [places])  # where each stands: the other way round
    return ranks.take(words.indices)
