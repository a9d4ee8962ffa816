"""Files that pyarrow serves: the answer of all rows, from few of them."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from recourse_observe.duck import Files
from recourse_observe.duck.served import Served

KEYS = ("a", "b", "c", "d")


def rows(file: int) -> Any:
    """Four row groups, a key each, whose ids are spread over the whole file."""
    ids = [f"{file}-{index * 4 + group:05d}" for group in range(4) for index in range(100)]
    return pa.table(
        {
            "id": ids,
            "key": [KEYS[index // 100] for index in range(400)],
            "started_at": pa.array([file * 1_000 + index for index in range(400)], pa.int64()),
            "odd": pa.array([f"w{index % 3}" for index in range(400)], pa.large_string()),
        }
    )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    paths = []
    for number in range(3):
        path = tmp_path / f"{number}.parquet"
        filtered = {"id": {"ndv": 100, "fpp": 0.001}} if number else None
        pq.write_table(rows(number), path, row_group_size=100, bloom_filter_options=filtered)
        paths.append(path)
    bounds: list[dict[str, tuple[Any, Any]]] = [
        {"started_at": (number * 1_000, number * 1_000 + 399)} for number in (0, 1)
    ]
    return Files(
        paths=tuple(paths), words=frozenset({"key", "odd"}), bounds=(*bounds, {}), rows=1_200
    )


def read(served: Served, condition: Any) -> list[tuple[int, list[int]]]:
    """Which row groups of which files are read."""
    return [
        (int(Path(one.path).stem), [group.id for group in one.row_groups])
        for one in served._chosen(condition)
    ]


def test_words_come_as_dictionaries_where_a_file_has_them_as_plain_texts(files: Files) -> None:
    table = Served(files).to_table()

    assert table.schema.field("key").type == pa.dictionary(pa.int32(), pa.string())
    assert table.schema.field("odd").type == pa.large_string()
    assert table.num_rows == 1_200


def test_only_row_groups_that_may_hold_an_answer_are_read(files: Files) -> None:
    served = Served(files)
    key, at, one = ds.field("key"), ds.field("started_at"), ds.field("id")

    assert read(served, (key == "b") & (at >= 1_000)) == [(1, [1]), (2, [1])]
    assert read(served, one == "1-00102") == [(1, [2])]
    assert read(served, one == "0-00102") == [(0, [0, 1, 2, 3])]  # without a filter
    assert read(served, (one == "1-00102") | (key == "a")) == [
        (0, [0]),
        (1, [0, 1, 2, 3]),
        (2, [0]),
    ]
    assert read(served, one == 'no "id" \\') == []
    assert read(served, one == "1-99999") == []
    assert read(served, at < 0) == []


def test_in_many_files_row_groups_are_not_looked_at(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.duck.served.FEW", 1)
    served = Served(files)

    assert len(list(served._chosen(ds.field("key") == "b"))) == 3
    assert read(served, ds.field("started_at") == 1_100)[0][0] == 1


def test_the_database_gets_the_same_answers_as_from_all_rows(files: Files) -> None:
    con = duckdb.connect()
    con.register("served", Served(files))
    con.register("plain", pa.concat_tables(rows(number) for number in range(3)))
    for question in (
        "SELECT key, count(*), min(id) FROM {} GROUP BY key ORDER BY key",
        "SELECT * FROM {} WHERE id = '1-00102'",
        "SELECT * FROM {} WHERE id IN ('1-00102', '2-00105') ORDER BY id",
        "SELECT count(*) FROM {} WHERE id = '1-00102' OR key = 'c'",
        "SELECT count(*) FROM {} WHERE key <> 'a' AND started_at BETWEEN 1100 AND 2100",
        "SELECT max(odd) FROM {} WHERE started_at > 5000",
        "SELECT id FROM {} WHERE key = 'it''s' OR id = '2-00399'",
    ):
        served, plain = (con.sql(question.format(name)).fetchall() for name in ("served", "plain"))
        assert served == plain


def test_a_filter_that_leaves_nothing_is_not_believed(files: Files) -> None:
    path = files.paths[1]
    chunk = pq.read_metadata(path).row_group(2).column(0)
    end = chunk.bloom_filter_offset + chunk.bloom_filter_length
    data = bytearray(path.read_bytes())
    bits = chunk.bloom_filter_length - 16
    data[end - bits : end] = bytes(bits)
    path.write_bytes(data)
    served = Served(files)

    assert read(served, ds.field("id") == "1-00102") == [(1, [0, 1, 2, 3])]
    assert read(served, ds.field("id") == "1-00101") == [(1, [1])]


def test_few_rows_of_many_files_are_read_once(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.duck.held.FEW", 2)
    served = Served(files)
    con = duckdb.connect()
    con.register("served", served)
    in_one = "SELECT count(*) FROM served WHERE started_at = 100"

    assert con.sql(in_one).fetchall() == [(1,)]
    assert not served._held.is_whole
    assert con.sql("SELECT count(*) FROM served WHERE key = 'b'").fetchall() == [(300,)]
    for path in files.paths:
        path.unlink()
    assert con.sql("SELECT count(DISTINCT id) FROM served").fetchall() == [(1_200,)]
    assert con.sql(in_one).fetchall() == [(1,)]


def test_many_files_that_cannot_be_kept_are_read_as_far_as_is_asked(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.duck.held.FEW", 2)
    served = Served(files)
    path = files.paths[2]
    data = bytearray(path.read_bytes())
    place = pq.read_metadata(path).row_group(3).column(3).data_page_offset
    data[place : place + 40] = bytes(40)  # of a column that nobody asks for
    path.write_bytes(data)
    con = duckdb.connect()
    con.register("served", served)

    for _ in range(2):
        assert con.sql("SELECT count(DISTINCT id) FROM served").fetchall() == [(1_200,)]
    assert not served._held.is_whole
    with pytest.raises(duckdb.Error):
        con.sql("SELECT max(odd) FROM served").fetchall()


def test_who_reads_much_of_few_files_leaves_the_columns_in_memory(files: Files) -> None:
    served = Served(files)
    con = duckdb.connect()
    con.register("served", served)
    of_b = "SELECT count(*), max(started_at) FROM served WHERE key = 'b'"

    assert con.sql("SELECT odd FROM served WHERE id = '1-00102'").fetchall() == [("w0",)]
    assert served._held.rows(["odd"], []) is None  # too little was read
    assert con.sql(of_b).fetchall() == [(300, 2_199)]
    for path in files.paths:
        path.unlink()
    assert con.sql(of_b).fetchall() == [(300, 2_199)]
    assert con.sql("SELECT count(*) FROM served WHERE started_at < 0").fetchall() == [(0,)]
    with pytest.raises(duckdb.Error):
        con.sql("SELECT max(odd) FROM served").fetchall()
    assert con.sql(of_b).fetchall() == [(300, 2_199)]


@pytest.mark.parametrize("limit", ["_MOST_ROWS", "_MOST_BYTES"])
def test_what_would_take_too_much_memory_is_read_each_time(
    files: Files, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(f"recourse_observe.duck.held.{limit}", 1_000)
    served = Served(files)

    for _ in range(2):
        assert served.to_table(columns=["id"]).num_rows == 1_200
        assert served._held.rows(["id"]) is None
