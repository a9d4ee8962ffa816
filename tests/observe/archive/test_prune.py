from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive import ArchiveError, survey, write_archive
from recourse_observe.archive.compact import alone, compact
from recourse_observe.archive.index import INDEX
from recourse_observe.archive.prune import Pruned, prune

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A call an hour over two days, each taking ten minutes."""
    rows: list[dict[str, Any]] = [
        {
            "call_id": f"{i:03}",
            "key": "a.B",
            "started_at": AT + timedelta(hours=i),
            "duration_us": 600_000_000,
        }
        for i in range(48)
    ]
    return write_archive(tmp_path / "archive", {"calls": rows, "attempts": rows})


def test_files_go_whole_when_their_last_row_is_older(archive: Path) -> None:
    before = AT + timedelta(hours=24, minutes=5)
    would = prune(archive, before, dry_run=True)
    assert not (archive / "_live").exists()

    done = prune(archive, before.replace(tzinfo=None))

    assert done == would
    assert (done.files, done.rows, done.kept) == (48, 48, 48)
    assert done.size_bytes > 0
    assert len(survey(archive).paths) == 48
    assert not (archive / "calls" / "date=2026-11-21").exists()
    assert prune(archive, before) == Pruned(files=0, rows=0, size_bytes=0, kept=48)


def test_a_row_that_ended_later_keeps_its_file(archive: Path) -> None:
    assert prune(archive, AT + timedelta(minutes=10)).files == 0
    assert prune(archive, AT + timedelta(minutes=10, seconds=1)).files == 2


def test_an_index_forgets_what_is_gone(archive: Path) -> None:
    compact(archive)
    assert (archive / INDEX).exists()

    prune(archive, AT + timedelta(hours=1))

    assert survey(archive) == survey(archive, indexed=False)


def test_the_parts_of_an_hour_go_together(archive: Path) -> None:
    late = {"key": "z.Z", "started_at": AT + timedelta(minutes=1), "duration_us": 7_200_000_000}
    for i in range(4):
        write_archive(archive, {"calls": [{"call_id": f"x{i}", **late}]}, instance=f"web-{i}")
    compact(archive, rows_per_file=2)
    rows = survey(archive).rows

    done = prune(archive, AT + timedelta(hours=1, minutes=30))

    assert rows - survey(archive).rows == done.rows
    assert all(row.instance.startswith("compact.") for row in names(archive)[:3])


def names(archive: Path) -> list[Any]:
    return [file.name for file in survey(archive).files["calls"]]


def test_what_is_half_published_or_named_otherwise_stays(archive: Path) -> None:
    first, second = (file.path for file in survey(archive).files["calls"][:2])
    folder = archive / "_live" / "instance-1"
    folder.mkdir(parents=True)
    (folder / "000000.segment").write_bytes(b"")
    second.rename(second.with_name("mine.parquet"))

    prune(archive, AT + timedelta(days=9))

    left = {file.path.name for file in survey(archive).files["calls"]}
    assert left == {first.name, "mine.parquet"}


def test_nobody_prunes_what_is_being_compacted(archive: Path) -> None:
    with alone(archive), pytest.raises(ArchiveError, match="compacted or pruned by somebody else"):
        prune(archive, AT)
