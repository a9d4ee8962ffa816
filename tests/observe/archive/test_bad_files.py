"""One directory with every kind of bad file: the good rows are answered, each bad file is named."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from recourse_observe import open_archive
from recourse_observe.archive import survey, write_archive
from recourse_observe.archive.opened import LocalStore
from recourse_observe.cli import main

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
GOOD = ["000", "001", "002"]


def calls(first: int, count: int, *, owner: str = "web") -> list[dict[str, object]]:
    return [
        {
            "call_id": f"{i:03}",
            "key": "a.B",
            "started_at": AT + timedelta(seconds=i),
            "instance": owner,
        }
        for i in range(first, first + count)
    ]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_archive(tmp_path / "archive", {"calls": calls(0, 3)})


def folder(archive: Path) -> Path:
    return archive / "calls" / "date=2026-11-21" / "hour=14"


def good(archive: Path) -> Path:
    return min(folder(archive).glob("2026*.parquet"))


def put(archive: Path, name: str, data: bytes) -> None:
    (folder(archive) / name).write_bytes(data)


def table(archive: Path) -> pa.Table:
    return pq.read_table(good(archive))


def flipped(archive: Path, name: str) -> None:
    path = folder(archive) / name
    pq.write_table(table(archive), path, write_page_checksum=True, use_dictionary=False)
    start = pq.read_metadata(path).row_group(0).column(3).data_page_offset
    data = bytearray(path.read_bytes())
    data[start + 40] ^= 1
    path.write_bytes(data)


def encrypted(archive: Path, name: str) -> None:
    class Kms(pe.KmsClient):  # type: ignore[misc]  # pyarrow has no types
        def wrap_key(self, key_bytes: bytes, _master: str) -> bytes:
            return key_bytes

        def unwrap_key(self, wrapped_key: bytes, _master: str) -> bytes:
            return wrapped_key

    factory = pe.CryptoFactory(lambda _: Kms())
    properties = factory.file_encryption_properties(
        pe.KmsConnectionConfig(),
        pe.EncryptionConfiguration(footer_key="k", column_keys={"k": ["key"]}),
    )
    with pq.ParquetWriter(
        folder(archive) / name, table(archive).schema, encryption_properties=properties
    ) as writer:
        writer.write_table(table(archive))


def bomb(archive: Path, name: str) -> None:
    """Kilobytes that claim to be far more than is ever opened: a footer with another size in it."""
    path = folder(archive) / name
    rows = table(archive)
    place = rows.column_names.index("error_message")
    huge = pa.array(["x" * (64 << 20)] * 3)
    pq.write_table(
        rows.set_column(place, "error_message", huge),
        path,
        compression="zstd",
        use_dictionary=False,
    )


def columns(archive: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(table(archive)), folder(archive) / name)


def versioned(archive: Path, name: str, version: bytes) -> None:
    rows = table(archive).replace_schema_metadata({b"recourse.schema_version": version})
    pq.write_table(rows, folder(archive) / name)


KINDS: dict[str, Callable[[Path], object]] = {
    "empty": lambda a: put(a, "b01.parquet", b""),
    "truncated": lambda a: put(a, "b02.parquet", good(a).read_bytes()[:-9]),
    "a few bytes": lambda a: put(a, "b03.parquet", b"PAR1"),
    "text": lambda a: put(a, "b04.parquet", b"not a Parquet file at all"),
    "a damaged footer": lambda a: put(a, "b05.parquet", b"PAR1" + b"\xff" * 90 + b"PAR1"),
    "a footer without data": lambda a: put(
        a, "b06.parquet", b"PAR1" + good(a).read_bytes()[-2600:]
    ),
    "foreign": lambda a: pq.write_table(pa.table({"x": [1]}), folder(a) / "b07.parquet"),
    "another type": lambda a: columns(
        a, "b08.parquet", lambda t: t.set_column(t.column_names.index("key"), "key", pa.array([1] * 3))
    ),
    "a column missing": lambda a: columns(a, "b09.parquet", lambda t: t.drop_columns(["success"])),
    "a column twice": lambda a: columns(
        a, "b10.parquet", lambda t: t.append_column("key", t["key"])
    ),
    "another table": lambda a: shutil.copy(
        min(write_archive(a.parent / "other", {"policies": [{"key": "k", "applied_at": AT}]}).rglob("*.parquet")),
        folder(a) / "b11.parquet",
    ),
    "a newer version": lambda a: versioned(a, "b12.parquet", b"2.0"),
    "no version": lambda a: versioned(a, "b13.parquet", b"\x1b[2J"),
    "flipped bits": lambda a: flipped(a, "b14.parquet"),
    "encrypted": lambda a: encrypted(a, "b15.parquet"),
    "a bomb": lambda a: bomb(a, "b16.parquet"),
    "a link out": lambda a: (folder(a) / "b17.parquet").symlink_to("/etc/passwd"),
    "a pipe": lambda a: os.mkfifo(folder(a) / "b18.parquet"),
    "an odd name": lambda a: put(a, "b19 *.parquet", good(a).read_bytes()),
    "a torn segment": lambda a: segment(a, b"RSEG" + b"\x00" * 30),
}  # fmt: skip
UNNAMED = 3
"""Links, pipes and odd names are counted in one sentence."""


def segment(archive: Path, data: bytes) -> None:
    place = archive / "_live" / "b20"
    place.mkdir(parents=True)
    (place / "000000.segment").write_bytes(data)


@pytest.mark.slow
def test_every_good_row_is_answered_and_every_bad_file_is_named(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for spoil in KINDS.values():
        spoil(archive)
    monkeypatch.setattr("recourse_observe.archive.validate._LARGEST_BYTES", 64 << 20)

    store = LocalStore(archive, sandboxed=True)
    found = store.arrow("SELECT call_id FROM calls ORDER BY call_id")["call_id"].to_pylist()

    assert found == GOOD
    told = "\n".join(store.warnings)
    assert [number for number in range(1, 17) if f"/b{number:02}.parquet " not in told] == []
    assert f"{UNNAMED} links or odd names were not followed" in told
    assert "_live/b20/000000.segment " in told
    assert len(store.warnings) == 16 + 2
    assert "\x1b" not in told


@pytest.mark.slow
def test_the_command_warns_and_answers(
    archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECOURSE_TRUST", raising=False)
    for name, spoil in KINDS.items():
        if name != "a bomb":  # a worker has room for this one
            spoil(archive)

    code = main(["sql", str(archive), "SELECT call_id FROM calls", "--format", "csv"])
    said = capsys.readouterr()
    checked = main(["check", str(archive)])

    assert code == 0
    assert said.out.split() == ["call_id", *GOOD]
    assert said.err.count("; it was skipped") == 16
    assert checked == 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", [name for name in KINDS if name != "a bomb"])
def test_an_archive_of_nothing_else_is_exit_5(
    archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("RECOURSE_TRUST", "" if kind == "flipped bits" else "1")
    whole = good(archive)
    KINDS[kind](archive)
    whole.unlink()

    assert main(["calls", str(archive)]) == 5
    assert capsys.readouterr().out == ""


# ------------------------------------------------------------ versions of the schema


def test_a_column_of_another_name_is_known_by_its_field_id(archive: Path) -> None:
    path = good(archive)
    rows = pq.read_table(path)
    metadata = pq.read_metadata(path).metadata
    names = ["policy_name" if name == "policy_id" else name for name in rows.column_names]
    later = rows.rename_columns(names)
    ours = {k: v for k, v in metadata.items() if k.startswith(b"recourse.")}
    pq.write_table(later.replace_schema_metadata(ours | {b"recourse.schema_version": b"1.7"}), path)

    found = survey(archive)

    assert found.warnings == ()
    assert found.files["calls"][0].renamed == {"policy_id": "policy_name"}
    for sandboxed in (False, True):
        store = LocalStore(archive, sandboxed=sandboxed)
        assert store.rows("SELECT DISTINCT policy_id FROM calls") == [("a.B",)]


def test_an_older_archive_lacks_columns_and_a_newer_minor_has_more(archive: Path) -> None:
    path = good(archive)
    rows = pq.read_table(path).drop_columns(["region", "trace_id", "attributes"])
    pq.write_table(rows.append_column("invented", pa.array([1, 2, 3])), path)
    write_archive(archive, {"calls": calls(3, 1)}, region="eu")

    with open_archive(archive, trusted=True) as opened:
        found = opened.sql("SELECT region FROM calls ORDER BY call_id")["region"].to_pylist()
        columns = opened.sql("FROM calls LIMIT 0").column_names

    assert found == [None, None, None, "eu"]
    assert "invented" not in columns
