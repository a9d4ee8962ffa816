"""How a table's rows come into the database: DuckDB reads them, pyarrow serves them, or they are copied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from recourse_observe.duck.views import Files, View, nothing, scan, select

if TYPE_CHECKING:
    import duckdb

__all__ = ["ServedTable", "create", "is_served", "seeing", "served"]

_MANY: Final = 64
"""Beyond so many files, opening each for every question costs more than pyarrow's detour."""
_FEW_ROWS: Final = 50_000
"""Up to so many, a locked database copies a table: that takes a moment, and answers fastest."""


def is_served(view: View, *, sandboxed: bool) -> bool:
    """Whether pyarrow reads a view's files, question by question."""
    paths = sum(len(files.paths) for files in view.files)
    rows = sum(files.rows for files in view.files)
    return paths > _MANY or (sandboxed and rows > _FEW_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedTable:
    """What every cursor needs to see a table that pyarrow serves."""

    parts: Mapping[str, Any]
    statement: str


def seeing(
    cursor: "duckdb.DuckDBPyConnection", tables: Mapping[str, ServedTable]
) -> "duckdb.DuckDBPyConnection":
    """The cursor, with the served tables: a registered object is seen by one connection only."""
    for one in tables.values():
        for name, part in one.parts.items():
            cursor.register(name, part)
        cursor.execute(one.statement)
    return cursor


def served(name: str, view: View) -> ServedTable:
    """A view whose files pyarrow reads; every cursor has to be told of it."""
    parts = {f"{name}_rows_{index}": part for index, part in enumerate(view.parts)}
    selects = [select(view.columns, part, f'"{source}"') for source, part in parts.items()]
    return ServedTable(
        parts={source: _rows(part) for source, part in parts.items()},
        statement=f'CREATE TEMP VIEW "{name}" AS ' + " UNION ALL ".join(selects),
    )


def create(
    database: "duckdb.DuckDBPyConnection", name: str, view: View, *, sandboxed: bool
) -> None:
    """Make a view that every cursor sees; what DuckDB may not read itself is copied."""
    selects = []
    for index, part in enumerate(view.parts):
        if isinstance(part, Files) and not sandboxed:
            source = scan(part)
        else:
            # A registered table is seen by one connection only, a copy by all of them.
            source = f'"{name}_rows_{index}"'
            database.register("given", _rows(part))
            database.execute(f"CREATE TABLE {source} AS FROM given")  # names are ours
            database.unregister("given")
        selects.append(select(view.columns, part, source))
    statement = " UNION ALL ".join(selects) or nothing(view.columns)
    database.execute(f'CREATE VIEW "{name}" AS {statement}')


def _rows(part: Any) -> Any:
    """What can be registered: an Arrow table, or files as pyarrow serves them."""
    if not isinstance(part, Files):
        return part
    from recourse_observe.duck.served import Served  # it brings Arrow

    return Served(part)
