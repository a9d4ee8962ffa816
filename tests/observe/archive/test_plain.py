"""Values of an answer, as JSON and lines of text say them."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recourse_observe.archive.encoded import as_bytes
from recourse_observe.archive.plain import listed, plain
from recourse_observe.cli.output import write_json, write_rows


def answer(sql: str) -> pa.Table:
    return duckdb.connect().sql(f"SELECT {sql} AS v").to_arrow_table()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("sum(1)", 1),
        ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1),
        ("1.50", 1.5),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("[1.5, 'nan'::DOUBLE]", [1.5, "NaN"]),
        ("'inf'::DOUBLE", "Infinity"),
        ("'-inf'::FLOAT", "-Infinity"),
        ("INTERVAL 90 SECOND", "00:01:30"),
        ("INTERVAL 0 SECOND", "00:00:00"),
        ("INTERVAL '-14 months -1 day'", "-1 year -2 months -1 day"),
        ("TIMESTAMP '2026-11-21 14:00:00' - TIMESTAMP '2026-11-23 14:00:00.5'", "-2 days -00:00:00.5"),
        (r"'\xAA\x00a\x5C'::BLOB", r"\xAA\x00a\x5C"),
        ("{'a': DATE '2026-11-21', 'b': NULL}", {"a": "2026-11-21", "b": None}),
        ("'infinity'::TIMESTAMP", "infinity"),
        ("'-infinity'::DATE", "-infinity"),
        ("'0044-03-15 (BC) 00:00:00'::TIMESTAMP", "-0043-03-15 00:00:00.000000"),
        ("['infinity'::TIMESTAMP]", "a time out of range"),
        ("NULL", None),
    ],
)  # fmt: skip
def test_a_value_is_said_exactly(sql: str, expected: object) -> None:
    (value,) = map(plain, listed(answer(sql)["v"]))

    assert value == expected
    assert type(value) is type(expected)


def test_one_time_beyond_the_calendar_leaves_the_others_as_they_are() -> None:
    column = duckdb.connect().sql(
        "FROM (VALUES (TIMESTAMP '2026-11-21 14:00:00'), ('infinity')) t(v)"
    ).to_arrow_table()["v"]  # fmt: skip

    assert listed(column) == [datetime(2026, 11, 21, 14), "infinity"]  # noqa: DTZ001  # as in the archive


def test_spans_and_moments_of_python_are_said_too() -> None:
    said = plain((timedelta(seconds=90), datetime(2026, 11, 21, tzinfo=UTC), Decimal(2)))

    assert said == ["00:01:30", "2026-11-21 00:00:00+00:00", 2]


def test_json_has_no_word_that_json_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(word: str) -> Any:
        raise ValueError(word)

    write_json("test/1", {"rows": [{"v": float("nan")}]})
    write_rows(["v"], [(float("inf"),)], "ndjson")

    *document, line = capsys.readouterr().out.splitlines()
    assert json.loads("".join(document), parse_constant=refuse)["rows"] == [{"v": "NaN"}]
    assert json.loads(line, parse_constant=refuse) == {"v": "Infinity"}


def test_csv_tells_null_from_nothing_and_cuts_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(["a", "b,c"], [(None, ""), ('x"y', "x\ny"), ("\x1b[31m", [1, None])], "csv")
    write_rows(["v"], [("x" * 100_000,)], "csv")

    told = capsys.readouterr().out
    assert told.startswith('a,"b,c"\n,""\n"x""y","x\ny"\n·[31m,"[1, null]"\nv\n')
    assert told.endswith("\n" + "x" * 100_000 + "\n")


def test_parquet_holds_what_its_writer_knows_and_texts_of_the_rest() -> None:
    table = answer("INTERVAL 90 SECOND").append_column("n", answer("NULL::INTERVAL")["v"])

    stored = pq.read_table(pa.BufferReader(as_bytes(table, "parquet")))

    assert stored.to_pylist() == [{"v": "00:01:30", "n": None}]
