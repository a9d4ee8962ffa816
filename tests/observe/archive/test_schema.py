import os
from pathlib import Path

from recourse_observe.archive.schema import TABLES, VERSION, Kind, arrow_schema

CONTRACT = Path(__file__).parent / "schema.txt"


def as_text() -> str:
    lines = [f"version {VERSION}"]
    for table in TABLES.values():
        lines += ["", f"{table.name} ({table.time}, {table.end})"]
        lines += [
            f"{c.field_id:3} {c.name}{'?' if c.nullable else ''} {c.kind}" for c in table.columns
        ]
    return "\n".join(lines) + "\n"


def test_the_schema_is_the_contract_on_file() -> None:
    """RECOURSE_UPDATE_GOLDENS=1 rewrites it; a number that is there already never moves."""
    if os.environ.get("RECOURSE_UPDATE_GOLDENS"):
        CONTRACT.write_text(as_text(), encoding="utf-8")
    assert as_text() == CONTRACT.read_text(encoding="utf-8")


def test_field_ids_are_used_once_per_table() -> None:
    for table in TABLES.values():
        ids = [column.field_id for column in table.columns]
        assert len(set(ids)) == len(ids), table.name


def test_every_time_ends_in_at_and_is_named_by_its_table() -> None:
    for table in TABLES.values():
        times = [c.name for c in table.columns if c.kind is Kind.TIME]
        assert table.time in times
        assert table.end in times
        assert all(name.endswith("_at") for name in times)


def test_the_arrow_schema_carries_field_ids_and_nullability() -> None:
    field = arrow_schema("calls").field("parent_call_id")

    assert field.nullable
    assert field.metadata == {b"PARQUET:field_id": b"5"}
    assert [str(c.kind.arrow) for c in TABLES["calls"].columns][:1] == ["string"]
