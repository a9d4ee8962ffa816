from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import write_archive
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.sql import SQL, write_sql
from recourse_observe.queries.archive import open_archive

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    calls = [
        {
            "call_id": str(i), "key": "a.B", "started_at": AT + timedelta(seconds=30 * i),
            "duration_us": 1000 * i, "attempts_run": 1 + i, "retries": i, "success": i < 2,
        }
        for i in range(4)
    ]  # fmt: skip
    attempts = [{"call_id": "3", "key": "a.B", "started_at": AT, "attempt": i} for i in (1, 0)]
    return write_archive(tmp_path / "archive", {"calls": calls, "attempts": attempts})


def test_any_duckdb_in_the_directory_reads_the_archive(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive)
    con = duckdb.connect()
    con.execute((archive / SQL).read_text())

    for name, table in TABLES.items():
        described = con.sql(f'DESCRIBE "{name}"').fetchall()
        assert [(row[0], row[1]) for row in described] == [
            (c.name, c.kind.sql) for c in table.columns
        ]
    assert con.sql("SELECT count(*) FROM hedges").fetchall() == [(0,)]
    assert con.sql(
        "SELECT minute_at, calls, failed, attempts_per_call FROM story('a.B')"
    ).fetchall() == [
        (AT.replace(tzinfo=None), 2, 0, 1.5),
        (AT.replace(tzinfo=None, minute=1), 2, 2, 3.5),
    ]
    assert con.sql("SELECT key, calls, attempts FROM storm(2.0)").fetchall() == [("a.B", 2, 7)]
    assert con.sql("SELECT attempt FROM one_call('3')").fetchall() == [(0,), (1,)]


def test_files_without_a_nullable_column_or_with_another_name_for_one_are_read_by_field_ids(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive)
    for name, table in TABLES.items():
        optional = [column.name for column in table.columns if column.nullable]
        for path in (archive / name).rglob("*.parquet"):
            rows = pq.read_table(path).drop_columns(optional)
            renamed = {"duration_us": "took_us"} if name == "calls" else {}
            pq.write_table(
                rows.rename_columns([renamed.get(c, c) for c in rows.column_names]), path
            )
    con = duckdb.connect()
    con.execute((archive / SQL).read_text())

    assert con.sql("SELECT call_id, region, duration_us FROM calls ORDER BY 1").fetchall() == [
        (str(index), None, 1000 * index) for index in range(4)
    ]
    assert con.sql("SELECT count(*), count(peer) FROM attempts").fetchall() == [(2, 0)]


def test_a_call_in_flight_is_lost_to_no_macro_and_to_no_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = ("exhausted", "circuit_open", "unfinished", "success")
    calls = [
        {
            "call_id": end,
            "key": "a.B",
            "started_at": AT,
            "success": end == "success",
            "disposition": end,
        }
        for end in ends
    ]
    write_archive(tmp_path, {"calls": calls})
    monkeypatch.chdir(tmp_path)
    con = duckdb.connect()
    con.execute((tmp_path / SQL).read_text())
    with open_archive(tmp_path, trusted=True) as opened:
        (row,) = opened.keys()

    assert con.sql("SELECT failed FROM story('a.B')").fetchall() == [(row.lost,)]
    assert con.sql("SELECT failed FROM storm(0.5)").fetchall() == [(2,)]


def test_the_file_says_nothing_of_where_it_lies_and_is_written_when_something_is_new(
    archive: Path,
) -> None:
    before = (archive / SQL).read_text()
    assert str(archive) not in before
    assert "NULL::VARCHAR" in before
    stamp = (archive / SQL).stat().st_mtime_ns

    write_sql(archive)
    assert (archive / SQL).stat().st_mtime_ns == stamp

    write_archive(archive, {"hedges": [{"call_id": "3", "key": "a.B", "spawned_at": AT}]})
    assert (archive / SQL).read_text() != before
