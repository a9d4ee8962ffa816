"""Answers as files: an Arrow table as CSV, JSON or Parquet, every text made safe to look at where it is text."""

import csv
import json
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from recourse_observe.text import printable

__all__ = ["SUFFIXES", "write_table"]

SUFFIXES: Final = (".csv", ".json", ".parquet")
_PART: Final = 10_000


def write_table(table: Any, path: Path) -> None:  # a pyarrow.Table, which has no types
    """Write an Arrow table; the suffix says how.

    Parquet keeps what the archive holds. In CSV and JSON no control character is left, and no cell
    that a spreadsheet would take for a formula.

    Raises:
        FileExistsError: There is a file of that name.
        OSError: The place refuses.
    """
    if path.suffix == ".parquet":
        with path.open("xb") as file:
            pq.write_table(table, file)
        return
    with path.open("x", encoding="utf-8", newline="") as file:
        if path.suffix == ".json":
            rows = [_printable_row(row) for row in table.to_pylist()]
            json.dump({"schema": "recourse.rows/1", "rows": rows}, file, indent=1, default=str)
            return
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([_cell(name) for name in table.column_names])
        for first in range(0, table.num_rows, _PART):
            part = table.slice(first, _PART).to_pylist()
            writer.writerows([_cell(value) for value in row.values()] for row in part)


def _printable_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        printable(name): printable(value) if isinstance(value, str) else value
        for name, value in row.items()
    }


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text
