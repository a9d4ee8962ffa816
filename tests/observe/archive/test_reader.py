import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recourse import Executor, Policy
from recourse_observe.archive import (
    ArchiveObserver,
    Survey,
    open_store,
    survey,
    write_archive,
)
from recourse_observe.archive.compact import compact
from recourse_observe.archive.errors import (
    ArchiveDamagedError,
    ArchiveEmptyError,
    ArchiveError,
    ArchiveMissingError,
    ArchiveVersionError,
    NotAnArchiveError,
)
from recourse_observe.archive.leftovers import recover
from recourse_observe.duck import QueryError

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rows = [
        {"call_id": str(i), "key": "a.B", "started_at": AT + timedelta(minutes=30 * i)}
        for i in range(4)
    ]
    return write_archive(tmp_path / "archive", {"calls": rows, "attempts": rows})


def calls(found: Survey) -> list[str]:
    with open_store(found) as store:
        return [row[0] for row in store.rows("SELECT call_id FROM calls ORDER BY call_id")]


def first_file(archive: Path, table: str = "calls") -> Path:
    return min(archive.joinpath(table).rglob("*.parquet"))


def rewrite(path: Path, **metadata: str) -> None:
    table = pq.read_table(path)
    kept = table.schema.metadata or {}
    changed = {f"recourse.{name}".encode(): text.encode() for name, text in metadata.items()}
    pq.write_table(table.replace_schema_metadata(kept | changed), path)


def test_a_healthy_archive_has_no_warnings(archive: Path) -> None:
    found = survey(archive)

    assert found.warnings == ()
    assert found.rows == 8
    assert found.size_bytes > 0
    assert calls(found) == ["0", "1", "2", "3"]


def test_a_second_look_opens_only_what_is_new(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = survey(archive)
    write_archive(archive, {"calls": [{"call_id": "9", "key": "a.B", "started_at": AT}]})
    opened: list[str] = []
    really = pq.read_metadata

    def counting(path: str) -> object:
        opened.append(path)
        return really(path)

    monkeypatch.setattr(pq, "read_metadata", counting)
    second = survey(archive, known=first)

    assert len(opened) == 1
    assert calls(second) == ["0", "1", "2", "3", "9"]
    second.files["calls"][0].path.write_bytes(b"")
    assert survey(archive, known=second).skipped == 1


def test_an_archive_of_somebody_else_is_copied_and_locked(archive: Path) -> None:
    with open_store(survey(archive), sandboxed=True) as store:
        assert store.rows("SELECT count(*) FROM calls") == [(4,)]
        with pytest.raises(QueryError):
            store.rows(f"FROM '{first_file(archive)}'")


def test_a_table_folder_a_file_and_a_pattern_are_archives_too(archive: Path) -> None:
    assert calls(survey(archive / "calls")) == ["0", "1", "2", "3"]
    assert calls(survey(first_file(archive))) == ["0", "1"]
    assert calls(survey(f"{archive.parent}/arch*")) == ["0", "1", "2", "3"]
    assert calls(survey(f"{archive}/calls/**/*-000001.parquet")) == ["2", "3"]


def test_names_and_depth_do_not_matter(archive: Path) -> None:
    file = first_file(archive)
    file.rename(archive / "calls" / "part-0.parquet")
    second = first_file(archive, "calls/date=2026-11-21/hour=15")
    second.rename(archive / "second.parquet")

    found = survey(archive)

    assert found.warnings == ()
    assert calls(found) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda data: b"", "is empty (0 bytes)"),
        (lambda data: data[:-10], "is truncated"),
        (lambda data: data[:6], "is truncated (6 bytes without a footer)"),
        (lambda data: b"hello world, hello", "is not a Parquet file"),
        (lambda data: b"PAR1" + b"\xff" * 40 + b"PAR1", "has a damaged footer"),
        (lambda data: b"PAR1" + data[-data[::-1].index(b"1RAP", 4) :], "its footer speaks of data"),
    ],
)
def test_one_bad_file_is_named_and_the_rest_is_read(
    archive: Path, damage: object, problem: str
) -> None:
    file = first_file(archive)
    data = file.read_bytes()
    if problem.startswith("its footer"):
        footer = int.from_bytes(data[-8:-4], "little") + 8
        file.write_bytes(b"PAR1" + data[-footer:])
    else:
        file.write_bytes(damage(data))  # type: ignore[operator]

    found = survey(archive)

    assert found.skipped == 1
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith(f"calls/{file.relative_to(archive / 'calls')} ")
    assert problem in found.warnings[0]
    assert calls(found) == ["2", "3"]


def test_a_newer_minor_is_read_and_a_newer_major_is_named(archive: Path) -> None:
    first, second = sorted((archive / "calls").rglob("*.parquet"))
    rewrite(first, schema_version="1.9")
    rewrite(second, schema_version="2.0")

    found = survey(archive)

    assert calls(found) == ["0", "1"]
    assert "was written by schema '2.0' and this reader knows 1.x; upgrade" in found.warnings[0]


def test_a_schema_version_that_is_none_is_named(archive: Path) -> None:
    rewrite(first_file(archive), schema_version="new\x1b[2J")

    assert "is no version: 'new\\x1b[2J'" in survey(archive).warnings[0]


def test_columns_that_are_not_known_yet_are_ignored_and_missing_ones_are_null(
    archive: Path,
) -> None:
    file = first_file(archive)
    table = pq.read_table(file)
    newer = table.append_column("invented", pa.array([1, 2])).drop_columns(["region", "error_type"])
    pq.write_table(newer, file)

    store = open_store(survey(archive))

    assert store.rows("SELECT DISTINCT region, error_type FROM calls") == [(None, None)]
    assert "invented" not in store.arrow("FROM calls").column_names


def test_wider_types_that_say_the_same_are_read(archive: Path) -> None:
    file = first_file(archive)
    table = pq.read_table(file)
    wide = {
        "retries": pa.int64(),
        "key": pa.dictionary(pa.int32(), pa.string()),
        "started_at": pa.timestamp("ms", "UTC"),
        "trace_id": pa.null(),
        "attributes": pa.large_string(),
    }
    fields = [pa.field(f.name, wide.get(f.name, f.type)) for f in table.schema]
    nothing = table.column_names.index("trace_id")
    cast = table.drop_columns("trace_id").cast(pa.schema(f for f in fields if f.name != "trace_id"))
    pq.write_table(cast.add_column(nothing, "trace_id", pa.nulls(2)), file)

    store = open_store(survey(archive))

    assert str(store.arrow("SELECT retries FROM calls").schema.field(0).type) == "int32"
    assert store.rows("SELECT count(*), min(started_at) FROM calls") == [
        (4, AT.replace(tzinfo=None))
    ]


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("key", [1, 2], "key is int64, not string"),
        ("success", ["yes", "no"], "success is string, not bool"),
        ("duration_us", [0.5, 1.5], "duration_us is double, not int64"),
        ("started_at", [1, 2], "started_at is int64, not timestamp[us]"),
        ("started_at", pa.nulls(2, pa.timestamp("ns", "UTC")), "ns, tz=UTC], not timestamp[us]"),
    ],
)
def test_a_column_of_another_kind_is_another_schema(
    archive: Path, column: str, values: object, problem: str
) -> None:
    file = first_file(archive)
    table = pq.read_table(file)
    index = table.column_names.index(column)
    pq.write_table(table.set_column(index, column, pa.array(values)), file)

    assert problem in survey(archive).warnings[0]


def test_a_column_that_is_there_twice_is_another_schema(archive: Path) -> None:
    file = first_file(archive)
    table = pq.read_table(file)
    pq.write_table(table.append_column("key", table["key"]), file)

    assert "it has a column twice" in survey(archive).warnings[0]


def test_a_level_of_whole_numbers_is_a_level(tmp_path: Path) -> None:
    decision = {
        "decided_at": AT, "call_id": "1", "key": "a", "attempt": 1, "budget_name": "b",
        "allowed": True, "reason": "allowed", "level_after": 4,
    }  # fmt: skip
    archive = write_archive(tmp_path, {"budget_decisions": [decision]})
    file = first_file(archive, "budget_decisions")
    table = pq.read_table(file)
    pq.write_table(table.set_column(14, "level_after", pa.array([4])), file)

    rows = open_store(survey(archive)).rows("SELECT level_after FROM budget_decisions")

    assert repr(rows) == "[(4.0,)]"


def test_a_table_in_the_wrong_folder_is_named(archive: Path) -> None:
    file = first_file(archive, "attempts")
    file.rename(archive / "calls" / "x.parquet")

    assert (
        "holds the table 'attempts' and lies in the folder of 'calls'"
        in (survey(archive).warnings[0])
    )


def test_a_foreign_file_is_named_with_what_it_holds(archive: Path) -> None:
    pq.write_table(pa.table({"évil\x1b": [1]}), archive / "calls" / "x.parquet")
    pq.write_table(pa.table({c: [1] for c in "fedcba"}), archive / "y.parquet")

    warnings = survey(archive).warnings

    assert "y.parquet is a Parquet file of something else: a, b, c, d, e …" in warnings[0]
    assert "it lacks attempts_run, call_id, disposition" in warnings[1]


def test_a_file_without_our_metadata_is_known_by_its_columns(archive: Path) -> None:
    file = first_file(archive, "attempts")
    pq.write_table(pq.read_table(file).replace_schema_metadata(None), archive / "z.parquet")

    assert [f.table for f in survey(archive / "z.parquet").files["attempts"]] == ["attempts"]


def test_links_and_odd_names_are_counted_and_never_followed(archive: Path) -> None:
    folder = archive / "calls"
    (folder / "link.parquet").symlink_to(first_file(archive))
    (folder / "loop").symlink_to(folder)
    (folder / "*.parquet").write_bytes(first_file(archive).read_bytes())
    (folder / "notes.txt").write_text("x")
    (folder / "_SUCCESS").write_text("")
    os.mkfifo(folder / "pipe.parquet")

    found = survey(archive)

    assert calls(found) == ["0", "1", "2", "3"]
    assert found.warnings == (
        "calls: 5 links or odd names were not followed, for example *.parquet",
    )


def test_folders_are_not_followed_for_ever(archive: Path) -> None:
    deep = archive / "calls" / "/".join("abcdefghi")
    deep.mkdir(parents=True)
    first_file(archive).rename(deep / "x.parquet")

    found = survey(archive)

    assert calls(found) == ["2", "3"]
    assert found.warnings == ("calls: 1 links or odd names were not followed, for example i",)


def test_a_file_that_compaction_replaced_is_read_once(archive: Path) -> None:
    first, second = sorted((archive / "calls").rglob("*.parquet"))
    both = pa.concat_tables([pq.read_table(first), pq.read_table(second)])
    merged = archive / "calls" / "merged.parquet"
    pq.write_table(both, merged)
    rewrite(merged, table="calls", replaces=json.dumps([first.name, second.name, 7]))

    assert calls(survey(archive)) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("said", ["{", "7", '"x"'])
def test_a_list_of_replaced_files_that_is_none_replaces_nothing(archive: Path, said: str) -> None:
    rewrite(first_file(archive), replaces=said)

    assert calls(survey(archive)) == ["0", "1", "2", "3"]


def test_a_file_published_twice_is_read_once(archive: Path) -> None:
    file = first_file(archive)
    folder = archive / "calls" / "date=2026-11-21" / "hour=13"
    folder.mkdir()
    (folder / file.name).write_bytes(file.read_bytes())

    assert calls(survey(archive)) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": "other"}', '{"format": "recourse.archive"}']
)
def test_a_marker_that_cannot_be_understood_is_a_warning(archive: Path, text: str) -> None:
    (archive / "_recourse.json").write_text(text)

    found = survey(archive)

    assert found.warnings == (
        "_recourse.json cannot be understood; the directory was read as it is",
    )


def test_a_missing_marker_is_a_warning(archive: Path) -> None:
    (archive / "_recourse.json").unlink()

    assert survey(archive).warnings == (
        "_recourse.json is missing; the directory was read as it is",
    )


def test_an_archive_of_a_newer_major_is_refused(archive: Path) -> None:
    (archive / "_recourse.json").write_text('{"format": "recourse.archive", "major": 2}')

    with pytest.raises(
        ArchiveVersionError, match=r"was written by schema 2 and this reader knows 1"
    ):
        survey(archive)


def test_a_path_without_anything_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArchiveMissingError) as caught:
        survey(tmp_path / "nowhere")

    assert isinstance(caught.value, FileNotFoundError)
    assert str(caught.value) == (
        f"archive '{tmp_path}/nowhere' does not exist; give a directory or a Parquet file"
    )


def test_any_other_directory_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")

    with pytest.raises(NotAnArchiveError, match="is no recourse archive"):
        survey(tmp_path)


def test_an_archive_without_files_is_empty(tmp_path: Path) -> None:
    write_archive(tmp_path, {})

    with pytest.raises(ArchiveEmptyError, match="is empty; nothing has been recorded in it yet"):
        survey(tmp_path)


def test_an_archive_without_one_readable_file_is_damaged(archive: Path) -> None:
    for file in archive.rglob("*.parquet"):
        file.write_bytes(b"")

    with pytest.raises(
        ArchiveDamagedError, match=r"has no readable file among 4; the first: calls/"
    ):
        survey(archive)
    with pytest.raises(ArchiveDamagedError, match=r"cannot be read: .* is empty"):
        survey(first_file(archive))


def test_a_file_of_a_newer_major_alone_is_a_matter_of_version(archive: Path) -> None:
    rewrite(first_file(archive), schema_version="2.1")

    with pytest.raises(ArchiveVersionError, match="upgrade recourse-observe"):
        survey(first_file(archive))


def test_a_folder_that_cannot_be_listed_is_counted(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.scandir

    def refusing(path: Path) -> object:
        if Path(path).name == "hour=14":
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", refusing)

    assert survey(archive).warnings[0].startswith("calls: 1 links or odd names")


def test_a_file_that_cannot_be_opened_is_named(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> object:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(pq, "read_metadata", refuse)

    with pytest.raises(ArchiveDamagedError, match=r"cannot be read \(Permission denied\)"):
        survey(archive)


def test_a_file_that_claims_too_much_is_not_opened(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.archive.validate._LARGEST_BYTES", 10)

    with pytest.raises(ArchiveError, match="more than is ever opened"):
        survey(archive)


def test_a_file_is_skipped_for_a_window_only_when_its_name_says_so(archive: Path) -> None:
    first, second = survey(archive).files["calls"]
    hour = timedelta(hours=1)

    assert first.overlaps(AT, AT + hour)
    assert not first.overlaps(AT + hour, AT + 2 * hour)
    assert not second.overlaps(AT, AT + hour)
    first.path.rename(archive / "calls" / "x.parquet")
    assert survey(archive / "calls" / "x.parquet").files["calls"][0].overlaps(AT + hour, AT + hour)


def test_files_that_are_merged_while_they_are_looked_at_are_looked_at_again(archive: Path) -> None:
    write_archive(
        archive, {"calls": [{"call_id": "9", "key": "a.B", "started_at": AT}]}, instance="other"
    )
    merged: list[Path] = []

    def merge(path: Path) -> None:
        if not merged:
            merged.append(path)
            compact(archive)

    found = survey(archive, looking=merge)

    assert calls(found) == ["0", "1", "2", "3", "9"]
    assert found.warnings == ()


def test_a_segment_that_becomes_files_while_they_are_looked_at_is_not_missed(
    archive: Path, tmp_path: Path
) -> None:
    with ArchiveObserver(tmp_path / "alive", service="web") as recorder:
        Executor(policies=[Policy("a.B")], observers=[recorder]).call("a.B", lambda: None)
        recorder.flush()
        (living,) = (tmp_path / "alive" / "_live").glob("*/*.segment")
        dead = archive / "_live" / living.parent.name / living.name
        dead.parent.mkdir(parents=True)
        shutil.copy(living, dead)

    def publish(path: Path) -> None:
        if path.parts[-4] != "calls":  # it has been looked at without them
            recover(archive)

    found = survey(archive, looking=publish)

    assert len(calls(found)) == 5
    assert found.segments == ()


def test_a_file_that_goes_between_two_looks_is_gone(archive: Path) -> None:
    before = survey(archive)
    gone = first_file(archive)

    def remove(_: Path) -> None:
        gone.unlink(missing_ok=True)

    found = survey(archive, known=before, looking=remove)

    assert calls(found) == ["2", "3"]
    assert found.warnings == ()
