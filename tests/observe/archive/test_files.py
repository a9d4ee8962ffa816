import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from recourse_observe.archive.files import (
    Source,
    publish,
    publish_table,
    write_marker,
    write_parquet,
)
from recourse_observe.archive.names import FileName, instant
from recourse_observe.archive.schema import TABLES, arrow_schema

SOURCE = Source(service="checkout", instance="web-1")
moments = st.integers(0, 7_000_000_000).map(lambda s: instant(s * 1_000_000))


@given(
    first=moments,
    last=moments,
    instance=st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,30}", fullmatch=True),
    sequence=st.integers(0, 10**7),
)
def test_a_file_name_is_read_as_it_was_written(
    first: datetime, last: datetime, instance: str, sequence: int
) -> None:
    name = FileName(first=first, last=last, instance=instance, sequence=sequence)

    assert FileName.parse(str(name)) == name


@pytest.mark.parametrize(
    "name",
    ["x.parquet", "20261321T140000-20261121T140059-web-000007.parquet", "*.parquet", ""],
)
def test_another_name_is_no_name_of_ours(name: str) -> None:
    assert FileName.parse(name) is None


def test_a_file_lies_in_the_hour_of_its_first_row() -> None:
    name = FileName(
        first=instant(1_795_269_600_000_000),
        last=instant(1_795_269_659_000_000),
        instance="web",
        sequence=7,
    )

    assert name.folder == "date=2026-11-21/hour=14"
    assert str(name) == "20261121T140000-20261121T140059-web-000007.parquet"


def test_a_published_file_is_whole_or_absent(tmp_path: Path) -> None:
    def fail(aside: Path) -> None:
        aside.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        publish(tmp_path / "calls" / "a.parquet", fail)

    assert list((tmp_path / "calls").iterdir()) == []


def test_an_empty_table_is_published_under_the_time_it_is_given(tmp_path: Path) -> None:
    rows = arrow_schema("calls").empty_table()

    path = publish_table(tmp_path, "calls", rows, SOURCE, 3, at_us=1_795_269_600_000_000)

    assert path.relative_to(tmp_path).as_posix() == (
        "calls/date=2026-11-21/hour=14/20261121T140000-20261121T140000-web-1-000003.parquet"
    )
    metadata = pq.read_metadata(path).metadata
    assert metadata[b"recourse.schema_version"] == b"1.0"
    assert metadata[b"recourse.table"] == b"calls"
    assert metadata[b"recourse.service"] == b"checkout"


def test_a_file_that_lost_rows_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lossy(pq.ParquetWriter):  # type: ignore[misc]  # pyarrow has no types
        def write_table(self, table: object, row_group_size: int | None = None) -> None:
            """As after a write error: close() will report success all the same."""

    monkeypatch.setattr(pq, "ParquetWriter", Lossy)
    one: dict[str, object] = {f.name: None if f.nullable else 0 for f in arrow_schema("recorder")}
    one |= {"service": "s", "instance": "i", "event": "started"}
    table = pa.Table.from_pylist([one], schema=arrow_schema("recorder"))

    with pytest.raises(OSError, match="fewer rows"):
        write_parquet(tmp_path / "x.parquet", table, TABLES["recorder"], {})


def test_the_marker_is_written_once(tmp_path: Path) -> None:
    write_marker(tmp_path)
    (tmp_path / "_recourse.json").write_text('{"format": "recourse.archive", "major": 1, "x": 1}')

    write_marker(tmp_path)

    assert json.loads((tmp_path / "_recourse.json").read_text())["x"] == 1
