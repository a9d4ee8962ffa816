"""An archive made from rows: for tests, samples, the laboratory and importers."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from recourse_observe.archive.files import Source, publish_table, write_marker
from recourse_observe.archive.schema import TABLES, Column, Kind, Table, arrow_schema
from recourse_observe.archive.sql import write_sql

__all__ = ["RowError", "write_archive"]

# What an omitted column that must not be null holds. Columns that are not listed have to be given.
_DEFAULTS: Final[Mapping[str, object]] = {
    "active_us": 0,
    "attempt": 0,
    "attempts": 0,
    "attempts_run": 1,
    "backoff_multiplier": 2.0,
    "backoff_us": 0,
    "budget_allowed": True,
    "budget_name": "",
    "budget_reason": "first_attempt",
    "calls": 0,
    "circuit_enabled": False,
    "classifier": "",
    "cost": 1,
    "delay_us": 0,
    "denied": 0,
    "disposition": "success",
    "dropped_events": 0,
    "event": "applied",
    "final_outcome": "success",
    "final_reason": "success",
    "generation": 0,
    "hedge_enabled": False,
    "hedge_index": 0,
    "hedges": 0,
    "initial_backoff_us": 50_000,
    "is_hedge": False,
    "jitter": "full",
    "kind": "retry",
    "late": False,
    "latency": "{}",
    "max_attempts": 3,
    "max_backoff_us": 2_000_000,
    "max_hedges": 0,
    "mode": "standard",
    "monotonic_ns": 0,
    "outcome": "success",
    "policy_json": "{}",
    "policy_mode": "standard",
    "policy_source": "static",
    "policy_version": "",
    "queue_high_water": 0,
    "ran": True,
    "reason": "success",
    "rejected_by_circuit": 0,
    "result": "won",
    "retries": 0,
    "rows": 0,
    "sample_weight": 1,
    "success": True,
    "successes": 0,
    "trigger": "fixed_delay",
    "waited_before_us": 0,
    "wall_ns": 0,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class RowError(ValueError):
    """A row cannot be a row of its table; names the table, the row's number and what is wrong."""

    def __init__(self, table: str, row: int, problem: str) -> None:
        super().__init__(table, row, problem)
        self.table = table
        self.row = row
        self.problem = problem

    def __str__(self) -> str:
        return f"row {self.row} of {self.table!r} {self.problem}"


def write_archive(
    path: str | os.PathLike[str],
    tables: Mapping[str, Iterable[Mapping[str, Any]]],
    *,
    service: str = "service",
    instance: str = "instance-1",
    region: str | None = None,
) -> Path:
    """Write rows as an archive, or add them to one; each call makes one file per table and hour.

    Omitted nullable columns are null, and most others have a plain default (a successful first
    attempt); times are ``datetime`` (without zone means UTC) or microseconds since 1970. A row may
    name its own ``service``, ``instance`` and ``region``. ``ended_at`` or ``duration_us`` follows
    from the other, and ``policy_id`` from the key.

    Returns:
        The archive's directory.

    Raises:
        RowError: A row has an unknown column, lacks one, or has a value of another kind.
    """
    root = Path(path)
    root.mkdir(parents=True, exist_ok=True)
    write_marker(root)
    source = Source(service=service, instance=instance, region=region)
    for name, rows in tables.items():
        if name not in TABLES:
            raise RowError(name, 0, "has no such table; use one of " + ", ".join(TABLES))
        spec = TABLES[name]
        filled = [_filled(spec, source, i, row) for i, row in enumerate(rows)]
        for sequence, group in _by_source_and_hour(root, spec, filled):
            owner = Source(
                service=group[0]["service"],
                instance=group[0]["instance"] or instance,
                region=group[0]["region"],
            )
            publish_table(root, name, _arrow(spec, group), owner, sequence, durable=False)
    write_sql(root)
    return root


def _by_source_and_hour(
    root: Path, spec: Table, rows: Sequence[dict[str, Any]]
) -> Iterable[tuple[int, list[dict[str, Any]]]]:
    groups: dict[object, list[dict[str, Any]]] = {}
    for row in rows:
        whose = (row["service"], row["instance"], row["region"], row[spec.time] // 3_600_000_000)
        groups.setdefault(whose, []).append(row)
    first = sum(1 for _ in (root / spec.name).rglob("*.parquet"))
    return enumerate(groups.values(), first)


def _filled(spec: Table, source: Source, index: int, row: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(row) - set(spec.names)
    if unknown:
        raise RowError(spec.name, index, f"has no column {min(unknown)!r}")
    own = {"service": source.service, "instance": source.instance, "region": source.region}
    given = own | dict(row)
    for column in spec.columns:
        if column.kind is Kind.TIME and given.get(column.name) is not None:
            given[column.name] = _microseconds(given[column.name])
    _follow(spec, given)
    return {c.name: _value(spec, c, index, given) for c in spec.columns}


def _follow(spec: Table, given: dict[str, Any]) -> None:
    """Fill what follows from other columns."""
    if "ended_at" in spec.names and spec.time in given:
        if "ended_at" not in given:
            given["ended_at"] = given[spec.time] + given.get("duration_us", 0)
        if "duration_us" in spec.names and "duration_us" not in given:
            given["duration_us"] = given["ended_at"] - given[spec.time]
    if "policy_id" in spec.names:
        given.setdefault("policy_id", given.get("key", ""))


def _microseconds(at: object) -> int:
    if isinstance(at, datetime):
        aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return (aware - _EPOCH) // timedelta(microseconds=1)
    return int(str(at))


def _value(spec: Table, column: Column, index: int, given: Mapping[str, Any]) -> Any:
    value = given.get(column.name)
    if value is None and not column.nullable:
        value = _DEFAULTS.get(column.name)
        if value is None:
            raise RowError(spec.name, index, f"lacks {column.name!r}, which has no default")
    if column.name in {"attributes", "latency", "policy_json", "detail"} and isinstance(
        value, dict
    ):
        value = json.dumps(value, sort_keys=True)
    if value is not None and not _is_of(column.kind, value):
        raise RowError(
            spec.name, index, f"has {column.name!r} {value!r}, which is no {column.kind.sql}"
        )
    return value


def _is_of(kind: Kind, value: object) -> bool:
    match kind:
        case Kind.WORD | Kind.TEXT:
            return isinstance(value, str)
        case Kind.FLAG:
            return isinstance(value, bool)
        case Kind.REAL:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Kind.TIME | Kind.LONG | Kind.INT:
            return isinstance(value, int) and not isinstance(value, bool)


def _arrow(spec: Table, rows: Sequence[Mapping[str, Any]]) -> Any:
    schema = arrow_schema(spec.name)
    arrays = [pa.array([row[field.name] for row in rows], type=field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)
