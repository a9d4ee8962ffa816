"""Arrow tables as bytes, and back."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["as_bytes", "from_stream"]


def as_bytes(table: Any, form: str) -> Any:
    """The table as ``parquet``, or as the IPC stream that ``arrow`` means; a buffer."""
    sink = pa.BufferOutputStream()
    if form == "parquet":
        pq.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


def from_stream(data: Any) -> Any:
    """The table of an IPC stream."""
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_all()
