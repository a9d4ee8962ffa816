"""All rows of a few small files, for a database that copies them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recourse_observe.duck.errors import DamagedError
from recourse_observe.duck.views import Files

__all__ = ["rows_of"]


def rows_of(files: Files) -> Any:
    """The rows of files in their order, each page's checksum verified; words are dictionaries.

    Raises:
        DamagedError: A file has gone, or its data cannot be read.
    """
    try:
        read = [_read(files, path) for path in files.paths]
        return pa.concat_tables(read, promote_options="default")
    except (OSError, MemoryError, pa.ArrowException) as error:
        raise DamagedError(str(error)) from None


def _read(files: Files, path: Path) -> Any:
    present = files.words if files.columns is None else files.words & files.columns
    words = [files.theirs(word) for word in present]
    columns = None if files.columns is None else sorted(map(files.theirs, files.columns))
    with pq.ParquetFile(
        str(path), read_dictionary=words, page_checksum_verification=True
    ) as opened:
        rows = opened.read(columns=columns, use_threads=False)
    return rows if columns is None else rows.select(columns)
