"""Columns of a segment made into Arrow.

Nothing here calls ``pa.array``: the first call of it imports pandas where that is installed, a stall
of half a second in somebody's service.
"""

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recourse_observe.archive.columns import ABSENT, Part, layout
from recourse_observe.archive.files import Source
from recourse_observe.archive.schema import Column, Kind, arrow_schema
from recourse_observe.archive.texts import Texts, bitmap

__all__ = ["arrow_table"]


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
    return pa.DictionaryArray.from_arrays(zeros, _texts(Texts.of([value]), 1))


def _words(column: Column, values: list[Any], codes: Any) -> Any:
    """The column of every row, from the column of every word."""
    if column.kind is Kind.WORD:
        unique = [value for value in dict.fromkeys(values) if value is not None]
        place = {value: index for index, value in enumerate(unique)}
        places = _integers(pa.int32(), "i", [place.get(value) for value in values])
        return pa.DictionaryArray.from_arrays(
            places.take(codes), _texts(Texts.of(unique), len(unique))
        )
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
        if column.name in part.texts:
            chunks.append(_texts(part.texts[column.name], part.rows))
        elif column.name in part.reals:
            chunks.append(_reals(part.reals[column.name]))
        else:
            chunks.append(pa.nulls(part.rows, column.kind.arrow))
    return pa.chunked_array(chunks, type=column.kind.arrow)


def _texts(texts: Texts, rows: int) -> Any:
    known = pa.py_buffer(texts.known) if texts.known else None
    buffers = [known, pa.py_buffer(texts.ends), pa.py_buffer(texts.data)]
    return pa.Array.from_buffers(pa.string(), rows, buffers)


def _validity(values: Sequence[Any]) -> Any:
    """Arrow's bitmap of what is not null; ``None`` when everything is there."""
    return pa.py_buffer(bitmap(values)) if None in values else None


def _reals(values: Sequence[float | None]) -> Any:
    known = array("d", [0.0 if v is None else v for v in values])
    buffers = [_validity(values), pa.py_buffer(known.tobytes())]
    return pa.Array.from_buffers(pa.float64(), len(values), buffers)


def _integers(kind: Any, code: str, values: Sequence[int | None]) -> Any:
    known = array(code, [0 if v is None else v for v in values])
    buffers = [_validity(values), pa.py_buffer(known.tobytes())]
    return pa.Array.from_buffers(kind, len(values), buffers)
