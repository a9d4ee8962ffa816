from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from recourse_observe.archive.arrow import arrow_table
from recourse_observe.archive.columns import ABSENT, Rows, Words, layout, pack, row
from recourse_observe.archive.files import Source
from recourse_observe.archive.schema import TABLES, Kind, arrow_schema

SOURCE = Source(service="checkout", instance="web-1")
VALUES = {
    Kind.WORD: st.text(max_size=5),
    Kind.TEXT: st.text(max_size=5),
    Kind.FLAG: st.booleans(),
    Kind.INT: st.integers(-(2**31), 2**31 - 1),
    Kind.LONG: st.integers(ABSENT + 1, 2**63 - 1),
    Kind.TIME: st.integers(0, 2**52),
    Kind.REAL: st.floats(allow_nan=False),
}


@st.composite
def batches(draw: st.DrawFn) -> tuple[str, list[list[dict[str, Any]]]]:
    """A table, and rows of it in some parts."""
    table = draw(st.sampled_from(sorted(TABLES)))
    own = {"service", "instance", "region"}
    columns = {
        c.name: VALUES[c.kind] if not c.nullable else st.none() | VALUES[c.kind]
        for c in TABLES[table].columns
        if c.name not in own
    }
    rows = st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=4)
    return table, draw(st.lists(rows, max_size=3))


@pytest.mark.slow
@given(batches())
@settings(max_examples=50)
def test_rows_that_are_packed_come_out_of_arrow_as_they_went_in(
    batch: tuple[str, list[list[dict[str, Any]]]],
) -> None:
    table, parts = batch
    words = Words()
    packed = []
    for part in parts:
        rows = Rows()
        for values in part:
            word, longs, others = row(table, **values)
            rows.add(words.code(table, word), longs, others)
        packed.append(pack(table, rows))
    known = {code: words.of(table, code) for code in range(len(words))}

    made = arrow_table(table, packed, known, SOURCE)

    expected = [
        {"service": "checkout", "instance": "web-1", "region": None, **values}
        for part in parts
        for values in part
    ]
    shown = made.cast(pa.schema(_times_as_integers(table))).to_pylist()
    assert shown == [{name: r[name] for name in shown[0]} for r in expected]
    assert made.column_names == arrow_schema(table).names


def _times_as_integers(table: str) -> list[Any]:
    return [
        f.with_type(pa.int64()) if pa.types.is_timestamp(f.type) else f for f in arrow_schema(table)
    ]


def test_the_layout_has_every_column_but_those_of_the_source() -> None:
    for name, table in TABLES.items():
        where = layout(name)
        names = {c.name for c in (*where.words, *where.longs, *where.others)}
        assert names == set(table.names) - {"service", "instance", "region"}


def one(**values: Any) -> tuple[Rows, dict[int, Any]]:
    word, longs, others = row("recorder", **values)
    rows = Rows()
    rows.add(3, longs, others)
    return rows, {3: word}


def test_text_that_is_no_unicode_is_shown_and_not_refused() -> None:
    rows, words = one(event="dropped", detail="a\ud800b")

    made = arrow_table("recorder", [pack("recorder", rows)], words, SOURCE)

    assert made["detail"].to_pylist() == ["a\\ud800b"]
    assert made["event"].to_pylist() == ["dropped"]


def test_a_value_of_another_kind_cannot_be_packed() -> None:
    rows, _ = one(rows="many")

    with pytest.raises(TypeError):
        pack("recorder", rows)


def test_words_are_known_until_they_are_forgotten() -> None:
    words = Words()

    assert [words.code("calls", w) for w in (("a",), ("b",), ("a",))] == [0, 1, 0]
    assert words.code("attempts", ("a",)) == 0
    assert len(words) == 3
    words.clear()
    assert len(words) == 0
