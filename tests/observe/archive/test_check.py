import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from recourse import Executor, Policy
from recourse_observe.archive import ArchiveObserver, open_store, survey, write_archive
from recourse_observe.archive.check import check
from recourse_observe.archive.errors import ArchiveDamagedError, ArchiveMissingError

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rows = [
        {"call_id": f"{i:04}", "key": "a.B", "started_at": AT + timedelta(minutes=i)}
        for i in range(120)
    ]
    return write_archive(tmp_path / "archive", {"calls": rows})


def flip(path: Path) -> None:
    """Turn one bit of the first column's data."""
    start = pq.read_metadata(path).row_group(0).column(3).data_page_offset
    data = bytearray(path.read_bytes())
    data[start + 60] ^= 1
    path.write_bytes(data)


def test_a_whole_archive_is_whole(archive: Path) -> None:
    found = check(archive, trusted=True)

    assert found.is_whole
    assert (found.files, found.rows, found.warnings) == (2, 120, ())
    assert found.size_bytes > 0


def test_a_bit_that_fell_over_is_found_where_duckdb_would_read_on(archive: Path) -> None:
    first, _ = sorted(archive.rglob("*.parquet"))
    flip(first)
    assert survey(archive).warnings == ()

    found = check(archive, trusted=True)

    assert not found.is_whole
    assert list(found.damaged) == [first]
    assert found.damaged[first].startswith("has damaged data (")
    assert found.files == 1


def test_what_is_damaged_is_set_aside_with_its_reason(archive: Path) -> None:
    first, second = sorted(archive.rglob("*.parquet"))
    first.write_bytes(b"")

    found = check(archive, repair=True, trusted=True)

    (place,) = found.quarantined
    assert place == archive / "_quarantine" / first.relative_to(archive)
    assert (
        place.with_name(place.name + ".reason").read_text() == f"{first.name} is empty (0 bytes)\n"
    )
    assert not first.exists()
    assert check(archive, trusted=True).is_whole
    assert [file.path for file in survey(archive).files["calls"]] == [second]


def test_an_archive_without_one_whole_file_is_damaged(archive: Path) -> None:
    for file in archive.rglob("*.parquet"):
        flip(file)

    with pytest.raises(ArchiveDamagedError, match="has no readable file among 2"):
        check(archive, trusted=True)


def test_a_file_that_claims_other_rows_is_damaged(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda file: iter(()))

    with pytest.raises(ArchiveDamagedError):
        check(archive, trusted=True)


def test_nothing_is_not_checked(tmp_path: Path) -> None:
    with pytest.raises(ArchiveMissingError):
        check(tmp_path / "nowhere", repair=True)


@pytest.mark.slow
def test_a_worker_checks_what_is_foreign(archive: Path) -> None:
    first, second = sorted(archive.rglob("*.parquet"))
    flip(second)
    seen: list[str] = []

    found = check(archive, looking=seen.append)

    assert list(found.damaged) == [second]
    assert (found.files, found.rows) == (1, 60)
    assert set(seen) == {str(first), str(second)}


def test_rows_survive_a_repair(archive: Path) -> None:
    check(archive, repair=True, trusted=True)

    with open_store(survey(archive)) as store:
        assert store.rows("SELECT count(*) FROM calls") == [(120,)]


def test_a_file_of_a_newer_schema_is_named_and_stays_where_it_is(archive: Path) -> None:
    good = min(archive.rglob("*.parquet"))
    newer = good.with_name("20261121T140000-20261121T140000-newer-000000.parquet")
    with pq.ParquetWriter(newer, pq.read_schema(good), store_schema=False) as writer:
        writer.write_table(pq.ParquetFile(good).read())
        writer.add_key_value_metadata({"recourse.schema_version": "2.0"})

    found = check(archive, repair=True, trusted=True)

    assert list(found.damaged) == [newer]
    assert found.quarantined == ()
    assert newer.exists()


def test_what_was_set_aside_is_never_written_over(archive: Path) -> None:
    bad = min(archive.rglob("*.parquet")).with_name("bad.parquet")
    for text in ("first", "second"):
        bad.write_text(text)
        check(archive, repair=True, trusted=True)

    aside = [path for path in (archive / "_quarantine").rglob("bad*") if path.suffix != ".reason"]
    assert sorted(path.read_text() for path in aside) == ["first", "second"]


@pytest.fixture
def segment(archive: Path, tmp_path: Path) -> Path:
    """A dead writer's segment of three batches, each with a call."""
    with ArchiveObserver(tmp_path / "alive", service="web") as recorder:
        executor = Executor(policies=[Policy("a.B")], observers=[recorder])
        for _ in range(3):
            executor.call("a.B", lambda: None)
            recorder.flush()
        (living,) = (tmp_path / "alive" / "_live").glob("*/*.segment")
        dead = archive / "_live" / living.parent.name / living.name
        dead.parent.mkdir(parents=True)
        shutil.copy(living, dead)
    return dead


def test_a_segment_that_is_damaged_before_its_end_is_kept_when_it_is_recovered(
    archive: Path, segment: Path
) -> None:
    data = bytearray(segment.read_bytes())
    data[data.rindex(b"RCS1", 0, data.rindex(b"RCS1")) + 20] ^= 1
    segment.write_bytes(data)

    assert list(check(archive, trusted=True).damaged) == [segment]
    found = check(archive, repair=True, trusted=True)

    (kept,) = found.quarantined
    assert kept.read_bytes() == data
    assert kept.with_name(kept.name + ".reason").read_text().startswith("000000.segment is damaged")
    assert list(found.damaged) == [kept]
    assert found.recovered > 0
    assert not segment.exists()
    assert check(archive, trusted=True).is_whole


def test_a_segment_that_is_torn_at_its_end_is_what_a_crash_leaves(
    archive: Path, segment: Path
) -> None:
    segment.write_bytes(segment.read_bytes()[:-10])

    assert check(archive, trusted=True).is_whole
    assert check(archive, repair=True, trusted=True).quarantined == ()


def test_what_is_no_segment_is_damaged_and_stays(archive: Path, segment: Path) -> None:
    segment.write_bytes(b"something else")

    found = check(archive, repair=True, trusted=True)

    assert list(found.damaged) == [segment]
    assert found.quarantined == ()
    assert segment.exists()
