"""Rows of files that were stored in any way, in the order of a compacted file."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import survey, write_archive
from recourse_observe.archive.compact import compact
from recourse_observe.archive.merge import in_order, read_file
from recourse_observe.archive.schema import arrow_schema
from recourse_observe.archive.validate import FoundFile

AT = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
KEYS = ("b.B", "a.A", "c.C")


def add(root: Path, first: int, count: int = 6) -> None:
    rows = [
        {
            "call_id": f"{number:03}",
            "key": KEYS[number % 3],
            "started_at": AT + timedelta(seconds=-number),
            "duration_us": number,
        }
        for number in range(first, first + count)
    ]
    write_archive(root, {"calls": rows}, instance=f"web-{first}")


def files(root: Path) -> tuple[FoundFile, ...]:
    return survey(root).files["calls"]


def stored_otherwise(file: FoundFile, change: Callable[[Any], Any]) -> None:
    opened = pq.ParquetFile(file.path)
    metadata = {name: text.encode() for name, text in file.metadata.items()}
    rows = change(opened.read())
    opened.close()
    ids = [one.metadata for one in arrow_schema("calls")]
    by_name = dict(zip(arrow_schema("calls").names, ids, strict=True))
    fields = [one.with_metadata(by_name.get(one.name)) for one in rows.schema]
    rows = rows.cast(pa.schema(fields)).replace_schema_metadata(metadata)
    pq.write_table(rows, file.path)


def test_rows_are_sorted_by_key_then_time_and_those_of_a_moment_keep_their_order(
    tmp_path: Path,
) -> None:
    add(tmp_path, 0)
    add(tmp_path, 6)
    rows = in_order("calls", [read_file(file) for file in files(tmp_path)])

    found = list(zip(rows["key"].to_pylist(), rows["started_at"].to_pylist(), strict=True))
    assert found == sorted(found)
    assert rows.num_rows == 12
    assert rows.schema.field("key").type == pa.dictionary(pa.int32(), pa.string())
    assert in_order("calls", [rows.slice(0, 0)]).num_rows == 0
    place = rows.column_names.index("started_at")
    at_once = rows["started_at"].take(pa.array([0] * 12))
    same = in_order("calls", [rows.set_column(place, "started_at", at_once)])
    assert same["call_id"].to_pylist() == rows["call_id"].to_pylist()


def test_more_text_than_offsets_can_tell_is_kept_wide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path, 0)
    narrow = in_order("calls", [read_file(file) for file in files(tmp_path)])
    monkeypatch.setattr("recourse_observe.archive.merge._MOST_TEXT", 1)
    wide = in_order("calls", [read_file(file) for file in files(tmp_path)])

    assert wide.schema.field("call_id").type == pa.large_string()
    assert wide.to_pylist() == narrow.to_pylist()
    add(tmp_path, 6)
    compact(tmp_path)
    assert max(read_file(files(tmp_path)[0])["call_id"].to_pylist()) == "011"


def test_whatever_a_column_was_stored_as_it_is_read_as_the_schema_says(tmp_path: Path) -> None:
    add(tmp_path, 0)
    before = read_file(files(tmp_path)[0]).to_pylist()

    def otherwise(rows: Any) -> Any:
        rows = rows.drop_columns(["region", "attributes", "idempotent"])
        for name, kind in (
            ("key", pa.large_string()),
            ("service", pa.dictionary(pa.int32(), pa.string())),
            ("started_at", pa.timestamp("ns")),
            ("retries", pa.int64()),
        ):
            place = rows.column_names.index(name)
            rows = rows.set_column(place, name, rows[name].cast(kind))
        place = rows.column_names.index("method")
        return rows.set_column(place, "method", pa.nulls(rows.num_rows))

    stored_otherwise(files(tmp_path)[0], otherwise)

    assert read_file(files(tmp_path)[0]).to_pylist() == before


def test_a_damaged_file_stays_and_the_others_are_merged(tmp_path: Path) -> None:
    for first in (0, 6, 12):
        add(tmp_path, first)
    bad = files(tmp_path)[1].path
    data = bytearray(bad.read_bytes())
    data[60:64] = b"\xff\xff\xff\xff"
    bad.write_bytes(data)

    done = compact(tmp_path)

    assert (done.files_before, done.files_after, done.rows) == (2, 1, 12)
    assert bad.exists()
    assert compact(tmp_path).files_before == 0
