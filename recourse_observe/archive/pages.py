"""Is a file's data whole? Reads every page of it, with its checksum."""

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from recourse_observe.archive.validate import FoundFile

__all__ = ["page_problem"]

_LONGEST: Final = 200


def page_problem(
    file: FoundFile, hear: Callable[[Any, Any], object] = lambda _footer, _rows: None
) -> str:
    """What is wrong with a file's data, as a phrase; empty when nothing is.

    Args:
        file: Which one.
        hear: Called with the footer and some rows, again and again, in their order.
    """
    try:
        with pq.ParquetFile(str(file.path), page_checksum_verification=True) as opened:
            rows = 0
            for batch in opened.iter_batches():
                batch.validate(full=True)  # text that is no UTF-8 has a right checksum all the same
                rows += batch.num_rows
                hear(opened.metadata, batch)
    except (OSError, pa.ArrowException, MemoryError) as error:
        told = str(error).splitlines()[0][:_LONGEST] if str(error) else type(error).__name__
        return f"has damaged data ({told})"
    return "" if rows == file.rows else f"holds {rows} rows and claims {file.rows}"
