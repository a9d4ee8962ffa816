"""``_index.parquet``: what the footers of an archive's files say, in one place.

A cache, and never the truth: an entry counts only while its file has the size and the time of change
that it names. Anyone may rebuild it, and without it every footer is read.
"""

import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.foreign import parsed
from recourse_observe.archive.names import FileName
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.validate import FoundFile

__all__ = ["INDEX", "read_index", "write_index"]

INDEX: Final = "_index.parquet"
_LARGEST_BYTES: Final = 256 << 20
_TIME: Final = pa.timestamp("us")
_SCHEMA: Final = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("table", pa.string(), nullable=False),
        pa.field("first_at", _TIME),
        pa.field("last_at", _TIME),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("modified_ns", pa.int64(), nullable=False),
        pa.field("keys", pa.string()),
        pa.field("bounds", pa.string(), nullable=False),
        pa.field("columns", pa.string(), nullable=False),
        pa.field("renamed", pa.string(), nullable=False),
        pa.field("metadata", pa.string(), nullable=False),
    ]
)


def write_index(root: Path, files: Iterable[FoundFile], disk: Disk = DISK) -> Path:
    """Write what is known of an archive's files.

    Raises:
        OSError: The directory refused.
    """
    from recourse_observe.archive.files import publish  # only who writes needs it

    entries = [_entry(root, file) for file in files]
    arrays = [pa.array([entry[f.name] for entry in entries], type=f.type) for f in _SCHEMA]
    table = pa.Table.from_arrays(arrays, schema=_SCHEMA)
    path = root / INDEX
    publish(path, lambda aside: pq.write_table(table, str(aside), compression="zstd"), disk=disk)
    return path


def read_index(root: Path) -> dict[Path, FoundFile]:
    """The files that the index names; nothing when there is none, or it cannot be understood."""
    path = root / INDEX
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            return {}
        rows = pq.ParquetFile(str(path)).read(columns=_SCHEMA.names).to_pylist()
        return {file.path: file for file in (_file(root, row) for row in rows)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, pa.ArrowException):
        return {}


def _entry(root: Path, file: FoundFile) -> dict[str, Any]:
    times = file.bounds.get(TABLES[file.table].time)
    first, last = times or (None, None)
    if file.name is not None and times is None:
        first, last = file.name.first.replace(tzinfo=None), file.name.last.replace(tzinfo=None)
    keys = file.bounds.get("key")
    return {
        "file": os.fspath(file.path.relative_to(root)),
        "table": file.table,
        "first_at": first,
        "last_at": last,
        "rows": file.rows,
        "size_bytes": file.size_bytes,
        "modified_ns": file.modified_ns,
        "keys": None if keys is None else json.dumps(sorted(set(keys))),
        "bounds": json.dumps({name: [*map(_said, pair)] for name, pair in file.bounds.items()}),
        "columns": json.dumps(file.columns),
        "renamed": json.dumps(dict(file.renamed)),
        "metadata": json.dumps(dict(file.metadata)),
    }


def _file(root: Path, row: Mapping[str, Any]) -> FoundFile:
    path = root / row["file"]
    bounds = parsed(row["bounds"])
    return FoundFile(
        path=path,
        table={table: table for table in TABLES}[row["table"]],
        rows=row["rows"],
        size_bytes=row["size_bytes"],
        name=FileName.parse(path.name),
        columns=tuple((str(name), str(kind)) for name, kind in parsed(row["columns"])),
        metadata={str(k): str(v) for k, v in parsed(row["metadata"]).items()},
        modified_ns=row["modified_ns"],
        renamed={str(k): str(v) for k, v in parsed(row["renamed"]).items()},
        bounds={name: (_heard(pair[0]), _heard(pair[1])) for name, pair in bounds.items()},
    )


def _said(value: object) -> object:
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _heard(value: Any) -> Any:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
