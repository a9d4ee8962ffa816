"""How a table's rows come into the database: DuckDB reads them, pyarrow serves them, or they are copied."""

import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from recourse_observe.duck.errors import DamagedError
from recourse_observe.duck.views import Files, View, nothing, scan, select

if TYPE_CHECKING:
    import duckdb

__all__ = ["Seat", "Tables", "is_served"]

_MANY: Final = 64
"""Beyond so many files, opening each for every question costs more than pyarrow's detour."""
_FEW_ROWS: Final = 50_000
"""Up to so many, a locked database copies a table: that takes a moment, and answers fastest."""
# What may read tables without naming them, or name them in a way that is not read here.
_ANY: Final = re.compile(
    r"--|/\*|[&\\]|(?:^|\()\s*desc\b"
    r"|\b(?:describe|information_schema|pragma\w*|query\w*|show|summarize|(?:duckdb|pg|sqlite)_\w*)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """What every cursor needs to see a table that pyarrow serves."""

    parts: Mapping[str, Any]
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A thread's cursor, and the tables that it sees."""

    cursor: "duckdb.DuckDBPyConnection"
    tables: "Tables"
    seen: set[str] = field(default_factory=set)

    def see(self, names: Collection[str] | None = None) -> bool:
        """See tables by their names, or all; whether one of them was not seen before.

        Raises:
            DamagedError: The data of one cannot be read.
        """
        new = [name for name in self.tables.views if name not in self.seen]
        for name in new if names is None else (one for one in new if one in names):
            self.tables.show(name, self.cursor)
            self.seen.add(name)
        return bool(new)


class Tables:
    """The tables of a database. Each is made when a question first needs it.

    Args:
        database: Where they come to be.
        views: What each of them is.
        sandboxed: The database is locked: it reads no file itself.
    """

    def __init__(
        self,
        database: "duckdb.DuckDBPyConnection",
        views: Mapping[str, View],
        *,
        sandboxed: bool,
    ) -> None:
        self.database = database
        self.views = views
        self._sandboxed = sandboxed
        self._making = threading.Lock()
        self._made: dict[str, _Served | None] = {}

    def seat(self) -> Seat:
        """A cursor for one thread."""
        return Seat(cursor=self.database.cursor(), tables=self)

    def named(self, sql: str) -> Collection[str] | None:
        """Tables that one statement may read; ``None`` when it may be any."""
        if _ANY.search(sql):
            return None
        text = sql.casefold()
        return [name for name in self.views if name in text]

    def show(self, name: str, cursor: "duckdb.DuckDBPyConnection") -> None:
        """Make a table, unless it is there, and let a cursor see it.

        Raises:
            DamagedError: Its data cannot be read.
        """
        import duckdb

        try:
            with self._making:
                if name not in self._made:
                    self._made[name] = self._make(name)
            served = self._made[name]
            if served is not None:  # a registered object is seen by one connection only
                for part, rows in served.parts.items():
                    cursor.register(part, rows)
                cursor.execute(served.statement)
        except duckdb.Error as error:
            raise DamagedError(str(error)) from None

    def _make(self, name: str) -> _Served | None:
        view = self.views[name]
        if is_served(view, sandboxed=self._sandboxed):
            return _served(name, view)
        selects = []
        for index, part in enumerate(view.parts):
            if isinstance(part, Files) and not self._sandboxed:
                source = scan(part)
            else:
                source = f'"{name}_rows_{index}"'
                self._copy(part, source)
            selects.append(select(view.columns, part, source))
        statement = " UNION ALL ".join(selects) or nothing(view.columns)
        self.database.execute(f'CREATE VIEW "{name}" AS {statement}')
        return None

    def _copy(self, part: Any, source: str) -> None:
        """Make a table of the rows, that every cursor sees; one may be left of a view that failed."""
        self.database.register("given", _rows(part))
        self.database.execute(f"CREATE OR REPLACE TABLE {source} AS FROM given")  # names are ours
        self.database.unregister("given")


def is_served(view: View, *, sandboxed: bool) -> bool:
    """Whether pyarrow reads a view's files, question by question."""
    paths = sum(len(files.paths) for files in view.files)
    rows = sum(files.rows for files in view.files)
    return paths > _MANY or (sandboxed and rows > _FEW_ROWS)


def _served(name: str, view: View) -> _Served:
    from recourse_observe.duck.served import Served  # it brings nearly all of Arrow

    parts = {f"{name}_rows_{index}": part for index, part in enumerate(view.parts)}
    selects = [select(view.columns, part, f'"{source}"') for source, part in parts.items()]
    return _Served(
        parts={
            source: Served(part) if isinstance(part, Files) else part
            for source, part in parts.items()
        },
        statement=f'CREATE TEMP VIEW "{name}" AS ' + " UNION ALL ".join(selects),
    )


def _rows(part: Any) -> Any:
    """What can be registered: an Arrow table, made of files if need be."""
    if not isinstance(part, Files):
        return part
    from recourse_observe.duck.copied import rows_of  # it brings Arrow

    return rows_of(part)
