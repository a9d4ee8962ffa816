import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from recourse_observe.archive.answers import heard, of_table, said

AT = datetime(2026, 11, 21, 14, 0, 0, 1)  # noqa: DTZ001  # an archive's times have no zone
PLAIN = pa.table(
    {
        "n": [1, None],
        "at": pa.array([AT, None], pa.timestamp("us")),
        "day": pa.array([date(2026, 11, 21), None], pa.date32()),
        "cost": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        "keys": [["a", None], None],
        "pair": [{"x": 0.5, "y": [True]}, None],
        "nothing": pa.nulls(2),
    }
)


def test_simple_answers_travel_as_json_and_mean_what_arrow_means() -> None:
    travelled = json.loads(json.dumps(said(PLAIN)))

    assert heard(travelled) == of_table(PLAIN)


def test_numbers_beyond_all_travel_too() -> None:
    table = pa.table({"f": pa.array([float("inf"), -0.0, 0.1], pa.float32())})

    travelled = json.loads(json.dumps(said(table)))

    assert repr(heard(travelled)) == repr(of_table(table))


def test_rows_are_values_in_order_and_records_have_names() -> None:
    answer = of_table(pa.table({"a": [1, 2], "b": ["x", "y"]}))

    assert answer.rows == [(1, "x"), (2, "y")]
    assert answer.records == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert answer.first(1).rows == [(1, "x")]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"\x00"]),
        pa.array([datetime(2026, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")),
        pa.array([1], pa.timestamp("ns")),
        pa.array([2**62], pa.timestamp("us")),
        pa.array([[AT]], pa.list_(pa.timestamp("us"))),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array(["x" * 3_000_000]),
    ],
    ids=["bytes", "zone", "nanoseconds", "beyond calendars", "nested times", "map", "large"],
)
def test_what_json_cannot_say_as_arrow_does_is_left_to_arrow(column: pa.Array) -> None:
    assert said(pa.table({"c": column})) is None
