import atexit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import (
    ArchiveError,
    ArchiveObserver,
    open_store,
    survey,
    write_archive,
)
from recourse_observe.archive.compact import CompactionBusyError, alone, compact

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
CALLS = "SELECT call_id, key, started_at FROM calls ORDER BY call_id"


def add(root: Path, first: int, count: int = 10) -> None:
    rows = [
        {"call_id": f"{i:04}", "key": f"key.{i % 3}", "started_at": AT + timedelta(minutes=i)}
        for i in range(first, first + count)
    ]
    signs = [{"recorded_at": AT, "event": "heartbeat"}]
    write_archive(root, {"calls": rows, "recorder": signs}, instance=f"web-{first}")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    for first in range(0, 70, 10):
        add(root, first)
    return root


def ask(root: Path, sql: str = CALLS) -> list[tuple[Any, ...]]:
    found = survey(root)
    assert found.warnings == ()
    with open_store(found) as store:
        return store.rows(sql)


def test_an_hour_becomes_one_file_sorted_by_key_and_time(archive: Path) -> None:
    before = ask(archive)

    done = compact(archive)

    assert (done.files_before, done.files_after, done.rows) == (13, 2, 67)
    assert done.bytes_after < done.bytes_before
    assert ask(archive) == before
    files = survey(archive).files
    assert [file.rows for file in files["calls"]] == [60, 10]
    assert [file.rows for file in files["recorder"]] == [7]
    rows = pq.read_table(files["calls"][0].path)
    pairs = list(zip(rows["key"].to_pylist(), rows["started_at"].to_pylist(), strict=True))
    assert pairs == sorted(pairs)
    assert rows.schema.names == list(pq.read_schema(files["calls"][1].path).names)


def test_compacting_again_changes_nothing_until_there_is_more(archive: Path) -> None:
    compact(archive)
    again = compact(archive)
    add(archive, 200, 5)
    add(archive, 205, 5)
    before = ask(archive)

    more = compact(archive)

    assert (again.files_before, again.files_after) == (0, 0)
    assert (more.files_before, more.files_after) == (5, 2)
    assert ask(archive) == before


def test_an_hour_with_many_rows_is_split_and_each_row_told_once(archive: Path) -> None:
    before = ask(archive)

    compact(archive, rows_per_file=25)

    assert [file.rows for file in survey(archive).files["calls"]] == [25, 25, 10, 10]
    assert ask(archive) == before


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 3])
def test_a_compaction_cut_off_anywhere_loses_and_doubles_nothing(
    archive: Path, tmp_path: Path, parts: int
) -> None:
    before = ask(archive)
    old = {path: path.read_bytes() for path in archive.rglob("calls/**/*.parquet")}
    compact(archive, rows_per_file=60 // parts)
    new = {path: path.read_bytes() for path in archive.rglob("calls/**/*.parquet")}
    written = sorted((path for path in new if path not in old), key=lambda path: path.name[-14:])
    assert len(written) == parts

    for done in range(parts):  # some parts are there, the last one is not
        for path in written[done:]:
            path.unlink(missing_ok=True)
        for path, data in old.items():
            path.write_bytes(data)
        assert ask(archive) == before
        for path in written:
            path.write_bytes(new[path])
    assert ask(archive) == before  # all parts are there, nothing is removed yet

    compact(archive, rows_per_file=60 // parts)
    assert ask(archive) == before
    assert sorted(archive.rglob("calls/**/*.parquet")) == sorted(new)


def test_dead_writers_are_published_first_and_living_ones_leftalone(
    tmp_path: Path, teller: Any, taken: Callable[[list[Any]], list[Any]]
) -> None:
    root = tmp_path / "archive"
    dead = ArchiveObserver(root, flush_interval_s=60.0)
    dead._recording._publisher._recovered = True  # once forgotten, it would take itself for dead
    for event in teller.success():
        dead.on_event(event)
    dead.flush()
    dead._recording.forget()
    living = ArchiveObserver(root, flush_interval_s=60.0)
    living._recording._publisher._recovered = True  # it would recover the dead one itself
    for event in teller.success():
        living.on_event(event)
    living.flush()
    before = ask(root, "SELECT call_id FROM calls ORDER BY call_id")

    assert compact(root).recovered == 5
    assert ask(root, "SELECT call_id FROM calls ORDER BY call_id") == before
    assert [segment.is_alive for segment in survey(root).segments] == [True]
    living.close()
    atexit.unregister(dead._at_exit)  # it is dead


def test_a_file_whose_segment_is_still_there_is_leftalone(archive: Path) -> None:
    folder = archive / "_live" / "web-0"
    folder.mkdir(parents=True)
    (folder / "000000.segment").write_bytes(b"not yet removed")
    from recourse_observe.archive.instance import Lock

    lock = Lock(folder)

    compact(archive)

    names = [file.name for file in survey(archive).files["calls"]]
    assert "web-0" in [name.instance for name in names if name is not None]
    lock.release()


def test_two_do_not_compact_at_once(archive: Path) -> None:
    with alone(archive), pytest.raises(CompactionBusyError, match="by somebody else"):
        compact(archive)


def test_what_is_no_directory_cannot_be_compacted(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("")

    with pytest.raises(ArchiveError, match="only a directory can be changed"):
        compact(path)


def test_hours_without_rows_leave_no_file(tmp_path: Path, teller: Any) -> None:
    root = tmp_path / "archive"
    opened = [e for e in teller.opened() if type(e).__name__ == "CircuitState"]
    for _ in range(2):
        with ArchiveObserver(root, flush_interval_s=60.0) as observer:
            observer.on_event(opened[0])
    assert [file.rows for file in survey(root).files["calls"]] == [0, 0]

    compact(root)

    assert survey(root).files["calls"] == ()
    assert ask(root, "SELECT count(*) FROM circuit_transitions") == [(2,)]


def test_a_compacted_file_says_which_ids_its_row_groups_cannot_hold(archive: Path) -> None:
    compact(archive)

    files = survey(archive).files
    chunks = pq.read_metadata(files["calls"][0].path).row_group(0)
    filtered = [
        chunks.column(place).path_in_schema
        for place in range(chunks.num_columns)
        if chunks.column(place).bloom_filter_length
    ]
    assert filtered == ["call_id"]
    assert ask(archive, "SELECT call_id FROM calls WHERE call_id = '0007'") == [("0007",)]


def damaged(archive: Path, column: str, values: pa.Array) -> Path:
    """A file as its writer would not have written it, beside those of the first hour."""
    good = min((archive / "calls").rglob("*.parquet"))
    rows = pq.ParquetFile(good).read()
    fields = [field.with_nullable(nullable=True) for field in rows.schema]
    rows = pa.table(rows.columns, schema=pa.schema(fields))
    bad = good.with_name("20261121T140000-20261121T140009-odd-000000.parquet")
    pq.write_table(rows.set_column(rows.column_names.index(column), column, values), bad)
    return bad


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("key", pa.nulls(10, pa.string())),
        ("ended_at", pa.array([2**62] * 10, pa.int64()).cast(pa.timestamp("us"))),
        ("started_at", pa.array([-(2**62)] * 10, pa.int64()).cast(pa.timestamp("us"))),
    ],
)
def test_a_file_that_cannot_be_written_again_stays_and_the_others_are_merged(
    archive: Path, column: str, values: pa.Array
) -> None:
    odd = damaged(archive, column, values)

    done = compact(archive)

    assert (done.files_before, done.files_after, done.rows) == (13, 2, 67)
    assert odd.exists()
