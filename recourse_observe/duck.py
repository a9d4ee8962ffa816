"""DuckDB's home: one in-memory database over an archive's files, safe from any thread.

DuckDB and pyarrow are imported when a store is opened, not with this module.

A table's rows come in one of three ways. DuckDB reads the files itself; or pyarrow reads them and
*serves* them, which lets whole files be passed over by what is known of them, and lets a locked
database have rows without reaching a file; or they are *copied* into the database.
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

__all__ = ["DamagedError", "Files", "QueryError", "Store", "Superseded", "View"]

_RETRY_S: Final = 0.002
_MANY: Final = 64
"""Beyond so many files, opening each for every question costs more than pyarrow's detour."""
_NEIGHBOURS: Final = 32
_FIRST_BOUND: Final = "started_at"
_FEW_ROWS: Final = 50_000
"""Up to so many, a locked database copies a table: that takes a moment, and answers fastest."""
_ARROW_TROUBLE: Final = "reading the stream registered as"
# What held against every attack tried: nothing outside is reachable, and nothing can be changed back.
_LOCKS: Final = (
    "temp_directory = ''",
    "python_enable_replacements = false",
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "enable_external_access = false",
    "lock_configuration = true",
)


class QueryError(Exception):
    """A statement could not be run; the text is DuckDB's own, which names the candidates."""


class DamagedError(QueryError):
    """A file's data cannot be read: a page's checksum is wrong, or what it holds makes no sense."""


class Superseded(Exception):
    """The answer is not wanted any more: the query was interrupted, or a newer one took its lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Parquet files that have the same columns.

    Attributes:
        paths: Validated before: one bad file fails a query over all of them.
        columns: Names of the view's columns that they have; ``None`` means all.
        renamed: What the files call columns that they know by another name.
        bounds: For each path what is known of its columns: the least and the greatest value. A
            question that asks for others does not open the file.
        rows: How many there are in all.
    """

    paths: tuple[Path, ...]
    columns: frozenset[str] | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    bounds: tuple[Mapping[str, tuple[Any, Any]], ...] = ()
    rows: int = 0


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
        sandboxed: Lock the database before it sees a row: no statement reaches a file, the network
            or a setting, and a damaged page is an error.
        memory_bytes: What the database may use.
    """

    def __init__(
        self,
        views: Mapping[str, View | Sequence[Path] | Any],
        *,
        sandboxed: bool = False,
        memory_bytes: int | None = None,
    ) -> None:
        self._views = dict(views)
        self._sandboxed = sandboxed
        self._memory_bytes = memory_bytes
        self._served: dict[str, _Served] = {}
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
            self._local.cursor = _seeing(self._open().cursor(), self._served)
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

    def show(self, views: Mapping[str, View | Sequence[Path] | Any]) -> None:
        """From the next question on these are the tables; what runs goes on with the old ones."""
        with self._opening:
            self._views, self._served = dict(views), {}
            self._database = None
            self._local = threading.local()

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

    def kinds(self, sql: str) -> tuple[str, ...]:
        """What each statement of a text is, as DuckDB names it: ``SELECT``, ``COPY`` and so on.

        Raises:
            QueryError: It is no SQL.
        """
        with self._job("", None) as cursor:
            return tuple(str(one.type.name) for one in cursor.extract_statements(sql))

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
            text = str(error)
            raise (DamagedError if _ARROW_TROUBLE in text else QueryError)(text) from None
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
                for setting in self._settings():
                    database.execute(f"SET GLOBAL {setting}")
                self._fill(database)
                self._database = database
            return self._database

    def _settings(self) -> Iterator[str]:
        yield "TimeZone = 'UTC'"  # the default is the machine's
        if self._memory_bytes is not None:
            yield f"memory_limit = '{self._memory_bytes}B'"
        yield from _LOCKS if self._sandboxed else ()

    def _fill(self, database: "duckdb.DuckDBPyConnection") -> None:
        import duckdb

        for name, given in self._views.items():
            view = _as_view(given)
            try:
                if self._is_served(view):
                    self._served[name] = _served(name, view)
                else:
                    _create(database, name, view, sandboxed=self._sandboxed)
            except duckdb.Error as error:
                raise DamagedError(str(error)) from None

    def _is_served(self, view: View) -> bool:
        files = [part for part in view.parts if isinstance(part, Files)]
        rows, paths = (
            sum(sizes) for sizes in ([f.rows for f in files], [len(f.paths) for f in files])
        )
        return paths > _MANY or (self._sandboxed and rows > _FEW_ROWS)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """What every cursor needs to see a table that pyarrow serves."""

    parts: Mapping[str, Any]
    statement: str


def _seeing(
    cursor: "duckdb.DuckDBPyConnection", served: Mapping[str, _Served]
) -> "duckdb.DuckDBPyConnection":
    """The cursor, with the served tables: a registered object is seen by one connection only."""
    for one in served.values():
        for name, part in one.parts.items():
            cursor.register(name, part)
        cursor.execute(one.statement)
    return cursor


def _served(name: str, view: View) -> _Served:
    parts = {f"{name}_rows_{index}": part for index, part in enumerate(view.parts)}
    selects = [_select(view.columns, part, f'"{source}"') for source, part in parts.items()]
    return _Served(
        parts={
            source: _dataset(part) if isinstance(part, Files) else part
            for source, part in parts.items()
        },
        statement=f'CREATE TEMP VIEW "{name}" AS ' + " UNION ALL ".join(selects),
    )


def _create(
    database: "duckdb.DuckDBPyConnection", name: str, view: View, *, sandboxed: bool
) -> None:
    selects = []
    for index, part in enumerate(view.parts):
        if isinstance(part, Files) and not sandboxed:
            listed = ", ".join(_quoted(_literal(path)) for path in part.paths)
            source = f"read_parquet([{listed}], hive_partitioning = false)"
        else:
            # A registered table is seen by one connection only, a copy by all of them.
            given = _dataset(part) if isinstance(part, Files) else part
            source = f'"{name}_rows_{index}"'
            database.register("given", given)
            database.execute(f"CREATE TABLE {source} AS FROM given")  # names are ours
            database.unregister("given")
        selects.append(_select(view.columns, part, source))
    if not selects:
        nothing = ", ".join(f'NULL::{kind} AS "{column}"' for column, kind in view.columns.items())
        selects.append(f"SELECT {nothing or 'NULL AS nothing'} WHERE false")
    database.execute(f'CREATE VIEW "{name}" AS ' + " UNION ALL ".join(selects))


def _dataset(files: Files) -> Any:
    """The files as pyarrow reads them, each page's checksum verified."""
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq
    from pyarrow import fs

    options = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    form = ds.ParquetFileFormat(default_fragment_scan_options=options)
    schema = pq.read_schema(str(files.paths[0]))
    disk = fs.LocalFileSystem()
    fragments = [
        form.make_fragment(str(path), filesystem=disk, partition_expression=condition)
        for path, condition in _conditions(files, schema)
    ]
    return ds.FileSystemDataset(fragments, schema, form, disk)


def _conditions(files: Files, schema: Any) -> Iterator[tuple[Path, Any]]:
    """What all rows of each file fulfil, said first of a group of neighbours: pyarrow leaves it out as one.

    A thousand files are passed over in 2 ms, and in 60 ms when each is asked by itself.
    """
    known = dict(zip(files.paths, files.bounds or ({},) * len(files.paths), strict=True))
    told = [path for path in files.paths if _FIRST_BOUND in known[path]]
    told.sort(key=lambda path: known[path][_FIRST_BOUND][0])
    for start in range(0, len(told), _NEIGHBOURS):
        group = told[start : start + _NEIGHBOURS]
        together = _within(_spanned([known[path] for path in group]), schema)
        for path in group:
            yield path, together & _within(known[path], schema)
    for path in files.paths:
        if _FIRST_BOUND not in known[path]:
            yield path, _within(known[path], schema)


def _spanned(bounds: Sequence[Mapping[str, tuple[Any, Any]]]) -> dict[str, tuple[Any, Any]]:
    """The least and greatest value of every column that is known of all."""
    columns = [name for name in bounds[0] if all(name in known for known in bounds)]
    return {
        name: (min(known[name][0] for known in bounds), max(known[name][1] for known in bounds))
        for name in columns
    }


def _within(known: Mapping[str, tuple[Any, Any]], schema: Any) -> Any:
    """What is known of a file, as a condition that all of its rows fulfil."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    condition = ds.scalar(value=True)
    for column, (least, greatest) in known.items():
        if column in schema.names:
            kind, values = schema.field(column).type, ds.field(column)
            condition &= values >= pa.scalar(least, kind)
            condition &= values <= pa.scalar(greatest, kind)
    return condition


def _select(columns: Mapping[str, str], part: Any, source: str) -> str:
    present = part.columns if isinstance(part, Files) else frozenset(part.column_names)
    renamed = part.renamed if isinstance(part, Files) else {}
    chosen = ", ".join(
        f'{_name(renamed.get(column, column))}::{kind} AS "{column}"'
        if present is None or column in present
        else f'NULL::{kind} AS "{column}"'
        for column, kind in columns.items()
    )
    return f"SELECT {chosen or '*'} FROM {source}"  # noqa: S608  # names are pinned or quoted


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _literal(path: Path) -> str:
    """The path, as a pattern that matches nothing else: DuckDB globs whatever it is given."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
