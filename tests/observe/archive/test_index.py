import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import survey, write_archive
from recourse_observe.archive.index import INDEX, read_index, write_index
from recourse_observe.archive.opened import LocalStore
from recourse_observe.archive.reader import open_store

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rows = [
        {"call_id": f"{i:03}", "key": f"k.{i % 3}", "started_at": AT + timedelta(hours=i)}
        for i in range(70)
    ]
    signs = [{"recorded_at": AT, "event": "heartbeat"}]
    return write_archive(tmp_path / "archive", {"calls": rows, "recorder": signs})


@pytest.fixture
def opened_footers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    really = pq.read_metadata

    def counting(path: str) -> object:
        opened.append(path)
        return really(path)

    monkeypatch.setattr(pq, "read_metadata", counting)
    return opened


def test_an_index_says_what_the_footers_say(archive: Path, opened_footers: list[str]) -> None:
    found = survey(archive)
    write_index(archive, found.paths.values())
    assert read_index(archive) == found.paths
    opened_footers.clear()

    again = survey(archive)

    assert again == found
    assert opened_footers == []
    assert len(survey(archive, indexed=False).paths) == 71
    assert len(opened_footers) == 71


def test_an_index_names_file_table_times_rows_size_and_keys(archive: Path) -> None:
    first = survey(archive).files["calls"][0]
    write_index(archive, [first, *survey(archive).files["recorder"]])

    call, sign = pq.read_table(archive / INDEX).to_pylist()

    assert call["file"] == os.fspath(first.path.relative_to(archive))
    assert (call["table"], call["rows"], call["size_bytes"]) == ("calls", 1, first.size_bytes)
    assert (call["first_at"], call["keys"]) == (AT.replace(tzinfo=None), '["k.0"]')
    assert (sign["first_at"], sign["keys"]) == (AT.replace(tzinfo=None), None)


def test_a_file_that_has_changed_since_is_opened(archive: Path, opened_footers: list[str]) -> None:
    found = survey(archive)
    write_index(archive, found.paths.values())
    touched, emptied, *_ = (file.path for file in found.files["calls"])
    os.utime(touched, (0, 0))
    emptied.write_bytes(b"")
    opened_footers.clear()

    again = survey(archive)

    assert opened_footers == [str(touched)]
    assert again.skipped == 1
    assert "is empty (0 bytes)" in again.warnings[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"PAR1nonsense"),
        lambda path: pq.write_table(pa.table({"file": [1]}), path),
        lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
        lambda path: rewritten(path, "bounds", "[1, 2]"),
        lambda path: rewritten(path, "columns", "7"),
        lambda path: rewritten(path, "table", "secrets"),
        lambda path: rewritten(path, "metadata", "{"),
    ],
    ids=["nonsense", "foreign", "link", "bounds", "columns", "table", "metadata"],
)
def test_an_index_that_cannot_be_understood_is_none(
    archive: Path, spoil: Callable[[Path], object]
) -> None:
    found = survey(archive)
    spoil(write_index(archive, found.paths.values()))

    assert read_index(archive) == {}
    assert survey(archive) == found


def rewritten(path: Path, column: str, text: str) -> None:
    table = pq.read_table(path)
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array([text] * len(table))), path)


def test_statistics_that_make_no_sense_bound_nothing(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> object:
        raise OverflowError

    monkeypatch.setattr("recourse_observe.archive.validate.min", refuse, raising=False)

    assert all(file.bounds == {} for file in survey(archive).paths.values())


@pytest.mark.slow
def test_a_question_opens_only_files_that_may_answer_it(archive: Path) -> None:
    wanted = "SELECT call_id FROM calls WHERE started_at >= $at AND key = 'k.1'"
    at = (AT + timedelta(hours=66)).replace(tzinfo=None)
    store = LocalStore(archive)
    assert store.arrow("SELECT count(*) AS n FROM calls")["n"].to_pylist() == [70]
    for file in survey(archive).files["calls"][:60]:
        file.path.unlink()

    found = store.arrow(wanted, {"at": at})["call_id"].to_pylist()

    assert found == ["067"]
    assert store.arrow("SELECT key FROM calls WHERE call_id = '064'")["key"].to_pylist() == ["k.1"]


@pytest.mark.slow
def test_many_files_without_bounds_are_read_all_the_same(archive: Path) -> None:
    first = survey(archive).files["calls"][0].path
    table = pq.read_table(first)
    pq.write_table(table, first, write_statistics=False)

    with open_store(survey(archive)) as store:
        assert store.rows("SELECT count(*) FROM calls") == [(70,)]
        assert store.rows("SELECT key FROM calls WHERE call_id = '000'") == [("k.0",)]
