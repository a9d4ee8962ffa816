"""What somebody else wrote beside good rows can be left out, but neither hides them nor is waited for."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import survey, write_archive
from recourse_observe.archive.compact import compact
from recourse_observe.archive.errors import ArchiveError, ArchiveVersionError
from recourse_observe.archive.foreign import first_bytes, parsed
from recourse_observe.archive.leftovers import recover

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
