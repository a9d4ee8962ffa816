"""Answers as files: an Arrow table as CSV, JSON or Parquet, every text made safe to look at where it is text."""

import csv
import json
from pathlib import Path
from typing import Any, Final

from recourse_observe.archive.encoded import as_bytes
from recourse_observe.archive.plain import listed, plain
from recourse_observe.text import visible

__all__ = ["write_table"]

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
            file.write(as_bytes(table, "parquet"))
        return
    with path.open("x", encoding="utf-8", newline="") as file:
        if path.suffix == ".json":
            columns = [[_safe(one) for one in listed(column)] for column in table.columns]
            names = [visible(name) for name in table.column_names]
            rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            json.dump({"schema": "recourse.rows/1", "rows": rows}, file, indent=1)
            return
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([_cell(name) for name in table.column_names])
        for first in range(0, table.num_rows, _PART):
            part = table.slice(first, _PART)
            columns = [[_cell(one) for one in listed(column)] for column in part.columns]
            writer.writerows(zip(*columns, strict=True))


def _safe(value: object) -> object:
    said = plain(value)
    return visible(said) if isinstance(said, str) else said


def _cell(value: object) -> object:
    text = _safe(value)
    if not isinstance(text, str):
        return json.dumps(text) if isinstance(text, list | dict) else text
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text
