"""One in-memory database over an archive's files, asked from any thread.

A table's rows come in one of three ways. DuckDB reads the files itself; or pyarrow reads them and
*serves* them, which lets whole files be passed over by what is known of them, and lets a locked
database have rows without reaching a file; or they are *copied* into the database.
"""

import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from recourse_observe.duck.errors import DamagedError, QueryError, Superseded
from recourse_observe.duck.lanes import Lanes
from recourse_observe.duck.tables import Seat, Tables
from recourse_observe.duck.views import View, as_view

if TYPE_CHECKING:
    import duckdb

__all__ = ["Store"]

RowsT = TypeVar("RowsT")

_RETRY_S: Final = 0.002
_ARROW_TROUBLE: Final = re.compile(
    r"(reading the stream|exporting a stream from the object) registered as"
)
# What held against every attack tried: nothing outside is reachable, and nothing can be changed back.
_LOCKS: Final = (
    "temp_directory = ''",
    "python_enable_replacements = false",
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "enable_external_access = false",
    "lock_configuration = true",
)


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
        self._opening = threading.Lock()
        self._local = threading.local()
        self._tables: Tables | None = None
        self._lanes: Lanes[_Job] = Lanes()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({', '.join(self._views)})"

    @property
    def con(self) -> "duckdb.DuckDBPyConnection":
        """A connection of the database for the calling thread, for tools that want one."""
        seat = self._seat()
        seat.see()
        return seat.cursor

    def open(self) -> None:
        """Make the database now, not when it is first asked."""
        self._seat()

    def close(self) -> None:
        """Interrupt what runs and drop the database; a closed store opens again when asked."""
        self.interrupt()
        with self._opening:
            tables, self._tables = self._tables, None
            self._local = threading.local()
        if tables is not None:
            tables.database.close()

    def show(self, views: Mapping[str, View | Sequence[Path] | Any]) -> None:
        """From the next question on these are the tables; what runs goes on with the old ones."""
        with self._opening:
            self._views = dict(views)
            self._tables = None
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
        with self._job(lane, ticket) as seat:
            return _answer(seat, sql, params or {}, lambda answer: answer.to_arrow_table())

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """The rows of the last statement as tuples; for small answers, because it holds the GIL.

        Raises:
            QueryError: The statement is wrong.
            Superseded: It was interrupted.
        """
        with self._job("", None) as seat:
            rows: list[tuple[Any, ...]] = _answer(seat, sql, params or {}, lambda a: a.fetchall())
            return rows

    def kinds(self, sql: str) -> tuple[str, ...]:
        """What each statement of a text is, as DuckDB names it: ``SELECT``, ``COPY`` and so on.

        Raises:
            QueryError: It is no SQL.
        """
        with self._job("", None) as seat:
            return tuple(str(one.type.name) for one in seat.cursor.extract_statements(sql))

    def supersede(self, lane: str) -> int:
        """Stop what runs in a lane, and give the ticket that admits its successor."""
        ticket, older = self._lanes.supersede(lane)
        _evict(older.values())
        return ticket

    def interrupt(self) -> None:
        """Stop every query that runs now; each raises :class:`Superseded` in its own thread."""
        _evict(self._lanes.running().values())

    @contextmanager
    def _job(self, lane: str, ticket: int | None) -> Iterator[Seat]:
        import duckdb

        seat = self._seat()
        job = _Job(lane=lane, ticket=ticket, cursor=seat.cursor)
        number = self._lanes.enter(job)
        try:
            yield seat
        except duckdb.InterruptException:
            raise Superseded(lane) from None
        except duckdb.Error as error:
            text = str(error)
            raise (DamagedError if _ARROW_TROUBLE.search(text) else QueryError)(text) from None
        except RuntimeError as error:
            # An interrupt that meets a statement while it is being submitted comes out untyped.
            if str(error) != "Query interrupted":
                raise
            raise Superseded(lane) from None
        finally:
            job.end()
            self._lanes.leave(number)

    def _seat(self) -> Seat:
        """The calling thread's."""
        if not hasattr(self._local, "seat"):
            self._local.seat = self._open().seat()
        seat: Seat = self._local.seat
        return seat

    def _open(self) -> Tables:
        import duckdb

        with self._opening:
            if self._tables is None:
                database = duckdb.connect(":memory:")
                for setting in self._settings():
                    database.execute(f"SET GLOBAL {setting}")
                views = {name: as_view(given) for name, given in self._views.items()}
                self._tables = Tables(database, views, sandboxed=self._sandboxed)
            return self._tables

    def _settings(self) -> Iterator[str]:
        yield "TimeZone = 'UTC'"  # the default is the machine's
        yield "parquet_metadata_cache = true"  # files appear whole and never change
        if self._memory_bytes is not None:
            yield f"memory_limit = '{self._memory_bytes}B'"
        yield from _LOCKS if self._sandboxed else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A question that runs."""

    lane: str
    ticket: int | None
    cursor: "duckdb.DuckDBPyConnection"
    over: threading.Event = field(default_factory=threading.Event)
    ending: threading.Lock = field(default_factory=threading.Lock)

    def end(self) -> None:
        """From now on its cursor is somebody else's."""
        with self.ending:
            self.over.set()

    def interrupt(self) -> None:
        """Stop it, unless it is over."""
        with self.ending:
            if not self.over.is_set():
                self.cursor.interrupt()


def _evict(jobs: Collection[_Job]) -> None:
    if jobs:
        threading.Thread(target=_insist, args=(tuple(jobs),), daemon=True).start()


def _insist(jobs: Sequence[_Job]) -> None:
    # An interrupt that comes before the query has begun is lost: repeat it, until the query is over.
    for job in jobs:
        while not job.over.wait(_RETRY_S):
            job.interrupt()


def _answer(
    seat: Seat, sql: str, params: Mapping[str, object], read: Callable[[Any], RowsT]
) -> RowsT:
    """Run every statement of the text; what is read of the last one's answer."""
    import duckdb

    statements = seat.cursor.extract_statements(sql)
    seat.see(seat.tables.named(sql) if len(statements) == 1 else None)
    try:
        return read(_last(seat.cursor, statements, params))
    except (duckdb.BinderException, duckdb.CatalogException):
        # The text names what may have been meant: of all there is. One statement can be repeated.
        if not seat.see():
            raise
    return read(_last(seat.cursor, seat.cursor.extract_statements(sql), params))


def _last(
    cursor: "duckdb.DuckDBPyConnection",
    statements: "Sequence[duckdb.Statement]",
    params: Mapping[str, object],
) -> Any:
    answer: Any = None
    for statement in statements:
        # A parameter that the statement does not have is an error: bind only its own.
        wanted = {name: params[name] for name in statement.named_parameters if name in params}
        answer = cursor.sql(statement.query, params=wanted or None)
    return answer
