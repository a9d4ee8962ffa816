from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from recourse_observe.archive import write_archive
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.sql import SQL, write_sql

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
