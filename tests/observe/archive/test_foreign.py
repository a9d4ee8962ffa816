"""What somebody else wrote beside good rows can be left out, but neither hides them nor is waited for."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import survey, write_archive
from recourse_observe.archive.columns import Words
from recourse_observe.archive.compact import compact
from recourse_observe.archive.disk import DISK
from recourse_observe.archive.errors import ArchiveError, ArchiveVersionError
from recourse_observe.archive.files import Source
from recourse_observe.archive.foreign import first_bytes, parsed
from recourse_observe.archive.leftovers import recover
from recourse_observe.archive.names import FileName
from recourse_observe.archive.segment import SegmentHead, SegmentWriter

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
NESTED = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rows = [{"call_id": "1", "key": "a.B", "started_at": AT}]
    return write_archive(tmp_path / "archive", {"calls": rows})


def mark(archive: Path, text: str) -> None:
    (archive / "_recourse.json").write_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 4000,
        "[]",
        '"recourse.archive"',
        '{"format": "recourse.archive"}',
        '{"format": "recourse.archive", "major": Infinity}',
        '{"format": "recourse.archive", "major": "1"}',
    ],
)
def test_a_marker_that_says_nonsense_is_named_and_the_rows_are_read(
    archive: Path, text: str
) -> None:
    mark(archive, text)

    found = survey(archive)

    assert found.rows == 1
    assert found.warnings == (
        "_recourse.json cannot be understood; the directory was read as it is",
    )


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_marker_that_is_no_file_is_not_waited_for(
    archive: Path, make: Callable[[Path], object]
) -> None:
    (archive / "_recourse.json").unlink()
    make(archive / "_recourse.json")

    assert survey(archive).rows == 1


def test_a_version_of_a_thousand_digits_is_told_in_a_few(archive: Path) -> None:
    mark(archive, json.dumps({"format": "recourse.archive", "major": 10**1000}))

    with pytest.raises(ArchiveVersionError) as told:
        survey(archive)

    assert len(str(told.value)) < 300 + len(str(archive))


def test_a_file_that_names_what_it_replaces_in_a_thousand_brackets_replaces_nothing(
    archive: Path,
) -> None:
    good = min(archive.rglob("*.parquet"))
    with pq.ParquetWriter(
        good.with_name("other.parquet"), pq.read_schema(good), store_schema=False
    ) as writer:
        writer.write_table(pq.ParquetFile(good).read())
        writer.add_key_value_metadata({"recourse.replaces": NESTED})

    assert survey(archive).rows == 2


def test_histograms_that_are_none_do_not_stop_a_compaction(tmp_path: Path) -> None:
    for number, latency in enumerate([NESTED, '{"counts": {"x": 1}}', '{"counts": {"1": 1e999}}']):
        row = {"bucket_at": AT, "key": "a.B", "calls": 1, "latency": latency}
        write_archive(tmp_path, {"rollups": [row]}, instance=f"web-{number}")

    assert compact(tmp_path).rows == 3


@pytest.mark.parametrize("name", ["lock", "000000.segment"])
def test_a_pipe_among_segments_is_not_waited_for(archive: Path, name: str) -> None:
    folder = archive / "_live" / "web-1"
    folder.mkdir(parents=True)
    os.mkfifo(folder / name)

    assert survey(archive).rows == 1
    assert set(recover(archive)) <= {"web-1"}


def test_an_index_that_is_a_pipe_is_none(archive: Path) -> None:
    os.mkfifo(archive / "_index.parquet")

    assert survey(archive).rows == 1


def test_a_lock_that_is_a_link_is_not_made_elsewhere(archive: Path, tmp_path: Path) -> None:
    folder = archive / "_live" / "_compact"
    folder.mkdir(parents=True)
    (folder / "lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ArchiveError, match="cannot be changed"):
        compact(archive)

    assert not (tmp_path / "elsewhere").exists()


def test_json_that_nests_deeper_than_python_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="nests too deep"):
        parsed(NESTED)


def test_a_files_beginning_is_read_and_a_folder_has_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abcdef")

    assert first_bytes(tmp_path / "file", 4) == b"abcd"
    with pytest.raises(OSError, match="no regular file"):
        first_bytes(tmp_path, 4)


def test_a_copy_under_another_name_is_read_once(archive: Path) -> None:
    good = min(archive.rglob("*.parquet"))
    shutil.copy(good, good.with_name(f"{good.stem}-copy.parquet"))

    assert survey(archive).rows == 1


def test_a_table_that_is_a_link_is_named_and_not_followed(archive: Path, tmp_path: Path) -> None:
    outside = write_archive(
        tmp_path / "other", {"attempts": [{"call_id": "2", "key": "a.B", "started_at": AT}]}
    )
    (archive / "attempts").symlink_to(outside / "attempts")
    (archive / "_live").symlink_to(tmp_path)

    found = survey(archive)

    assert found.files["attempts"] == ()
    assert found.warnings == (
        "attempts is a link and was not followed",
        "_live is a link and was not followed",
    )


def test_a_segment_that_calls_itself_another_is_not_published(archive: Path) -> None:
    good = min(archive.rglob("*.parquet"))
    name = FileName.parse(good.name)
    assert name is not None
    head = SegmentHead(
        source=Source(service="x", instance=name.instance),
        sequence=name.sequence,
        wall_ns=1,
        monotonic_ns=1,
    )
    folder = archive / "_live" / "crafted"
    folder.mkdir(parents=True)
    SegmentWriter(DISK, folder / "000000.segment", head, Words()).close()

    recover(archive)

    found = survey(archive)
    assert found.rows == 1
    assert found.warnings == (
        "_live/crafted/000000.segment is the segment of another writer; it was skipped",
    )
