"""Arrow tables as bytes, and back."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recourse_observe.archive.plain import listed, plain

__all__ = ["as_bytes", "from_stream"]


def as_bytes(table: Any, form: str) -> Any:
    """The table as ``parquet``, or as the IPC stream that ``arrow`` means; a buffer.

    Intervals and unions, which Parquet files of pyarrow cannot hold, become texts there.
    """
    sink = pa.BufferOutputStream()
    if form == "parquet":
        pq.write_table(_storable(table), sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


def _storable(table: Any) -> Any:
    for place, field in enumerate(table.schema):
        if pa.types.is_interval(field.type) or pa.types.is_union(field.type):
            values = [
                one if one is None else str(plain(one)) for one in listed(table.column(place))
            ]
            table = table.set_column(place, field.name, pa.array(values, pa.string()))
    return table


def from_stream(data: Any) -> Any:
    """The table of an IPC stream."""
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_all()
