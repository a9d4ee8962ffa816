"""DuckDB's home: one in-memory database over an archive's files, safe from any thread.

DuckDB and pyarrow are imported when a store is opened, not with this module.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import duckdb

__all__ = ["Files", "QueryError", "Store", "Superseded", "View"]

_RETRY_S: Final = 0.002
# What held against every attack tried: nothing outside is reachable, and nothing can be changed back.
_LOCKS: Final = (
    "python_enable_replacements = false",
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "enable_external_access = false",
    "lock_configuration = true",
)


class QueryError(Exception):
    """A statement could not be run; the text is DuckDB's own, which names the candidates."""


class Superseded(Exception):
    """The answer is not wanted any more: the query was interrupted, or a newer one took its lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Parquet files that have the same columns.

    Attributes:
        paths: Validated before: one bad file fails a query over all of them.
        columns: Names of the view's columns that they have; ``None`` means all.
    """

    paths: tuple[Path, ...]
    columns: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One table of the database: its columns with their DuckDB types, and where its rows are.

    Attributes:
        columns: In order; every row has all of them, null where a part lacks one.
        parts: Files, or Arrow tables, which are copied into the database.
    """

    columns: Mapping[str, str]
    parts: tuple[Any, ...] = field(default=())


class Store:
    """A database of views. Every thread has a cursor of its own, made when it first asks.

    Args:
        views: What each table is; a sequence of paths means Parquet files with equal columns, and
            an Arrow table means itself.
        sandboxed: Copy every row into the database when it is opened, then lock it: no statement
            reaches a file, the network or a setting.
    """

    def __init__(
        self, views: Mapping[str, View | Sequence[Path] | Any], *, sandboxed: bool = False
    ) -> None:
        self._views = dict(views)
        self._sandboxed = sandboxed
        self._opening = threading.Lock()
        self._lock = threading.Lock()
        self._local = threading.local()
        self._database: duckdb.DuckDBPyConnection | None = None
        self._tickets: defaultdict[str, int] = defaultdict(int)
        self._running: dict[object, _Job] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({', '.join(self._views)})"

    @property
    def con(self) -> "duckdb.DuckDBPyConnection":
        """A connection of the database for the calling thread, for tools that want one."""
        if not hasattr(self._local, "cursor"):
            self._local.cursor = self._open().cursor()
        cursor: duckdb.DuckDBPyConnection = self._local.cursor
        return cursor

    def close(self) -> None:
        """Interrupt what runs and drop the database; a closed store opens again when asked."""
        self.interrupt()
        with self._opening:
            database, self._database = self._database, None
            self._local = threading.local()
        if database is not None:
            database.close()

    def arrow(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        lane: str = "",
        ticket: int | None = None,
    ) -> Any:
        """The answer of the last statement as an Arrow table.

        Args:
            sql: One statement or several; all of them run.
            params: Values of ``$name`` in the statement; those it does not have are ignored.
            lane: Whose question it is; see :meth:`supersede`.
            ticket: What :meth:`supersede` gave; ``None`` runs whatever else is asked.

        Raises:
            QueryError: The statement is wrong.
            Superseded: It was interrupted.
        """
        with self._job(lane, ticket) as cursor:
            return _last(cursor, sql, params or {}).to_arrow_table()

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """The rows of the last statement as tuples; for small answers, because it holds the GIL.

        Raises:
            QueryError: The statement is wrong.
            Superseded: It was interrupted.
        """
        with self._job("", None) as cursor:
            rows: list[tuple[Any, ...]] = _last(cursor, sql, params or {}).fetchall()
            return rows

    def supersede(self, lane: str) -> int:
        """Stop what runs in a lane, and give the ticket that admits its successor."""
        with self._lock:
            self._tickets[lane] += 1
            ticket = self._tickets[lane]
        self._evict(lambda job: job.lane == lane and job.ticket is not None)
        return ticket

    def interrupt(self) -> None:
        """Stop every query that runs now; each raises :class:`Superseded` in its own thread."""
        self._evict(lambda _: True)

    def _evict(self, chosen: "Callable[[_Job], bool]") -> None:
        with self._lock:
            jobs = [job for job in self._running.values() if chosen(job)]
        if jobs:
            evict = threading.Thread(target=self._insist, args=(jobs,), daemon=True)
            evict.start()

    def _insist(self, jobs: "list[_Job]") -> None:
        # An interrupt that comes before the query has begun is lost: repeat it. Under the lock, so
        # that it never hits the next query of the same thread.
        for job in jobs:
            while not job.over.wait(_RETRY_S):
                with self._lock:
                    if not job.over.is_set():
                        job.cursor.interrupt()

    @contextmanager
    def _job(self, lane: str, ticket: int | None) -> "Iterator[duckdb.DuckDBPyConnection]":
        import duckdb

        job = _Job(lane=lane, ticket=ticket, cursor=self.con, over=threading.Event())
        with self._lock:
            if ticket is not None and self._tickets[lane] != ticket:
                raise Superseded(lane)
            self._running[id(job)] = job
        try:
            yield job.cursor
        except duckdb.InterruptException:
            raise Superseded(lane) from None
        except duckdb.Error as error:
            raise QueryError(str(error)) from None
        except RuntimeError as error:
            # An interrupt that meets a statement while it is being submitted comes out untyped.
            if str(error) != "Query interrupted":
                raise
            raise Superseded(lane) from None
        finally:
            with self._lock:
                job.over.set()
                del self._running[id(job)]

    def _open(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        with self._opening:
            if self._database is None:
                database = duckdb.connect(":memory:")
                database.execute("SET GLOBAL TimeZone = 'UTC'")  # the default is the machine's
                for name, view in self._views.items():
                    _create(database, name, _as_view(view), copied=self._sandboxed)
                for setting in _LOCKS if self._sandboxed else ():
                    database.execute(f"SET GLOBAL {setting}")
                self._database = database
            return self._database


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    lane: str
    ticket: int | None
    cursor: "duckdb.DuckDBPyConnection"
    over: threading.Event


def _last(cursor: "duckdb.DuckDBPyConnection", sql: str, params: Mapping[str, object]) -> Any:
    """Run every statement of the text; the answer of the last, unread."""
    answer: Any = None
    for statement in cursor.extract_statements(sql):
        # A parameter that the statement does not have is an error: bind only its own.
        wanted = {name: params[name] for name in statement.named_parameters if name in params}
        answer = cursor.sql(statement.query, params=wanted or None)
    return answer


def _as_view(view: Any) -> View:
    if isinstance(view, View):
        return view
    if isinstance(view, Sequence):
        return View(columns={}, parts=(Files(paths=tuple(view)),) if view else ())
    return View(columns={}, parts=(view,))


def _create(database: "duckdb.DuckDBPyConnection", name: str, view: View, *, copied: bool) -> None:
    selects = []
    for index, part in enumerate(view.parts):
        if isinstance(part, Files):
            listed = ", ".join(_quoted(_literal(path)) for path in part.paths)
            source = f"read_parquet([{listed}], hive_partitioning = false)"
            selects.append(_select(view.columns, part.columns, source))
        else:
            # A registered table is seen by one connection only, a copy by all of them.
            source = f"{name}_rows_{index}"
            database.register("given", part)
            database.execute(f'CREATE TABLE "{source}" AS FROM given')
            database.unregister("given")
            selects.append(_select(view.columns, frozenset(part.column_names), f'"{source}"'))
    if not selects:
        nothing = ", ".join(f'NULL::{kind} AS "{column}"' for column, kind in view.columns.items())
        selects.append(f"SELECT {nothing or 'NULL AS nothing'} WHERE false")
    kind = "TABLE" if copied else "VIEW"
    database.execute(f'CREATE {kind} "{name}" AS ' + " UNION ALL ".join(selects))


def _select(columns: Mapping[str, str], present: frozenset[str] | None, source: str) -> str:
    chosen = ", ".join(
        f'"{column}"::{kind} AS "{column}"'
        if present is None or column in present
        else f'NULL::{kind} AS "{column}"'
        for column, kind in columns.items()
    )
    return f"SELECT {chosen or '*'} FROM {source}"  # noqa: S608  # names are pinned, paths quoted


def _literal(path: Path) -> str:
    """The path, as a pattern that matches nothing else: DuckDB globs whatever it is given."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
