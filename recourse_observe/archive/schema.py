"""The archive's tables: a public contract, versioned, in one place.

A column's number is its Parquet field id and is never used for anything else. A new minor version
only adds nullable columns; a reader accepts every minor of its major.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

import pyarrow as pa

__all__ = [
    "MAJOR",
    "MINOR",
    "TABLES",
    "VERSION",
    "WRITER",
    "Column",
    "Kind",
    "Table",
    "arrow_schema",
]

MAJOR: Final = 1
MINOR: Final = 0
VERSION: Final = f"{MAJOR}.{MINOR}"
WRITER: Final = "recourse-observe"


class Kind(StrEnum):
    """What a column holds, as DuckDB names it; how it is encoded follows from it."""

    WORD = "word"  # a string that repeats: dictionary-encoded
    TEXT = "text"  # any other string
    TIME = "time"  # microseconds since 1970, UTC by contract, without zone
    LONG = "long"  # int64; durations in microseconds
    INT = "int"  # int32
    REAL = "real"
    FLAG = "flag"

    @property
    def sql(self) -> str:
        """The column's type in DuckDB."""
        return _SQL[self]

    @property
    def arrow(self) -> Any:
        """The column's type in Arrow."""
        return _ARROW[self]


_SQL: Final = {
    Kind.WORD: "VARCHAR",
    Kind.TEXT: "VARCHAR",
    Kind.TIME: "TIMESTAMP",
    Kind.LONG: "BIGINT",
    Kind.INT: "INTEGER",
    Kind.REAL: "DOUBLE",
    Kind.FLAG: "BOOLEAN",
}
_ARROW: Final = {
    Kind.WORD: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.timestamp("us"),
    Kind.LONG: pa.int64(),
    Kind.INT: pa.int32(),
    Kind.REAL: pa.float64(),
    Kind.FLAG: pa.bool_(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its field id for ever, its name, what it holds, whether it may be null."""

    field_id: int
    name: str
    kind: Kind
    nullable: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One table; ``time`` is the column that places a row in a file, ``end`` the latest moment of it."""

    name: str
    time: str
    end: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)


def _table(name: str, time: str, end: str, lines: str) -> Table:
    columns = []
    for line in lines.strip().splitlines():
        field_id, kind, *names = line.split()
        for offset, text in enumerate(names):
            column = text.rstrip("?")
            columns.append(Column(int(field_id) + offset, column, Kind(kind), text != column))
    return Table(name, time, end, tuple(columns))


# Each line: the field id of its first column, the kind, the names; `?` marks a nullable column.
TABLES: Final = {
    table.name: table
    for table in (
        _table(
            "calls",
            "started_at",
            "ended_at",
            """
            1 word service instance region?
            4 text call_id parent_call_id?
            6 word key method?
            8 flag idempotent?
            9 word policy_id policy_version policy_source policy_mode policy_normalized_fields?
            14 time started_at ended_at
            16 long duration_us deadline_us?
            18 flag success
            19 word disposition final_outcome final_reason
            22 int attempts_run retries hedges
            25 word error_type?
            26 text error_message? trace_id? span_id?
            29 long sample_weight
            30 text attributes?
            """,
        ),
        _table(
            "attempts",
            "started_at",
            "ended_at",
            """
            1 word service instance region?
            4 text call_id
            5 word key
            6 int attempt hedge_index
            8 flag is_hedge ran
            10 time started_at ended_at
            12 long duration_us
            13 word outcome reason
            15 int status?
            16 word error_type?
            17 text error_message?
            18 long backoff_us waited_before_us
            20 word backoff_source?
            21 long retry_after_us? timeout_us?
            23 word budget_name?
            24 flag budget_allowed
            25 word budget_reason
            26 flag late
            27 word cancel_reason? peer? policy_version
            30 text trace_id? span_id?
            32 long sample_weight
            33 text attributes?
            """,
        ),
        _table(
            "budget_decisions",
            "decided_at",
            "decided_at",
            """
            1 word service instance region?
            4 time decided_at
            5 text call_id
            6 word key
            7 int attempt hedge_index
            9 word kind budget_name
            11 long cost
            12 word mode
            13 flag allowed
            14 word reason
            15 real level_after?
            """,
        ),
        _table(
            "hedges",
            "spawned_at",
            "ended_at",
            """
            1 word service instance region?
            4 text call_id
            5 word key
            6 int attempt hedge_index
            8 time spawned_at ended_at
            10 long delay_us
            11 word trigger result cancel_reason?
            """,
        ),
        _table(
            "circuit_transitions",
            "changed_at",
            "changed_at",
            """
            1 word service instance region?
            4 time changed_at
            5 word key from_state to_state cause
            9 long generation
            10 text call_id?
            """,
        ),
        _table(
            "policies",
            "applied_at",
            "applied_at",
            """
            1 word service instance? region?
            4 time applied_at
            5 word key policy_id policy_version policy_source event
            10 int max_attempts
            11 long initial_backoff_us max_backoff_us
            13 real backoff_multiplier
            14 word jitter
            15 long timeout_per_attempt_us? overall_timeout_us?
            17 word classifier budget_name?
            19 flag hedge_enabled
            20 long hedge_delay_us?
            21 int max_hedges
            22 word hedge_trigger? hedge_budget_name?
            24 flag circuit_enabled
            25 word circuit_kind?
            26 int circuit_threshold?
            27 long circuit_cooldown_us?
            28 text policy_json
            """,
        ),
        _table(
            "rollups",
            "bucket_at",
            "bucket_at",
            """
            1 word service instance region?
            4 time bucket_at
            5 word key
            6 long calls successes attempts
            9 int retries hedges
            11 long denied rejected_by_circuit active_us
            14 text latency
            """,
        ),
        _table(
            "recorder",
            "recorded_at",
            "recorded_at",
            """
            1 word service instance region?
            4 time recorded_at
            5 word event
            6 long rows dropped_events queue_high_water monotonic_ns wall_ns
            11 text detail?
            """,
        ),
    )
}


@cache
def arrow_schema(table: str) -> Any:
    """The table as an Arrow schema, with field ids and without file metadata."""
    return pa.schema(
        pa.field(
            column.name,
            column.kind.arrow,
            nullable=column.nullable,
            metadata={b"PARQUET:field_id": str(column.field_id).encode()},
        )
        for column in TABLES[table].columns
    )
