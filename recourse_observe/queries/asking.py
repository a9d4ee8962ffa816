"""Asking an open archive: SQL, and the SQL files by their names."""

from collections.abc import Mapping
from contextlib import ExitStack
from copy import copy
from typing import TYPE_CHECKING, Any, Self, TypeVar

from recourse_observe.archive.answers import Answer, of_table
from recourse_observe.queries.statements import parameters, scope_parameters, statement
from recourse_observe.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from recourse_observe.archive.opened import LocalStore
    from recourse_observe.archive.remote import RemoteStore

__all__ = ["Asking", "rows_of"]

RowT = TypeVar("RowT")


def rows_of(row: type[RowT], answer: Any) -> tuple[RowT, ...]:
    """The rows of an :class:`Answer` or a ``pyarrow.Table``, as a class with the same names.

    Where thousands are expected, that is a named tuple: its rows are made in a fifth of the time.
    """
    told = answer if isinstance(answer, Answer) else of_table(answer)
    fields: tuple[str, ...] | None = getattr(row, "_fields", None)
    if fields is None:
        return tuple(row(**record) for record in told.records)
    columns = dict(zip(told.names, told.columns, strict=True))
    return tuple(map(row, *(columns[name] for name in fields)))


class Asking:
    """An archive that is asked in SQL.

    Every question may be asked from any thread. Times are integers; text is as it was written.

    Attributes:
        name: The last part of its path.
        store: The database underneath, for interrupting and for lanes of questions.
    """

    def __init__(
        self, store: "LocalStore | RemoteStore", *, name: str, held: ExitStack | None = None
    ) -> None:
        self.store = store
        self.name = name
        self._held = held or ExitStack()
        self._lane = ""
        self._ticket: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence about each file that was left out, up to now."""
        return self.store.warnings

    @property
    def con(self) -> Any:
        """A DuckDB connection for the calling thread, for notebooks and other tools.

        Raises:
            QueryError: The archive is not trusted: its database is in another process.
        """
        return self.store.con

    def refresh(self) -> bool:
        """Look again at what has been recorded since; whether there is anything new."""
        return self.store.refresh()

    def close(self) -> None:
        """Give back files and memory."""
        self.store.close()
        self._held.close()

    def in_lane(self, lane: str) -> Self:
        """The same archive for the questions of one panel, which stops what the panel asked before.

        Whoever still waits for an older question of the lane gets :class:`Superseded`.
        """
        twin = copy(self)
        twin._lane, twin._ticket = lane, self.store.supersede(lane)  # noqa: SLF001  # one of us
        return twin

    def sql(self, query: str, params: Mapping[str, object] | None = None) -> Any:
        """The answer to a query over the tables of the archive, as a ``pyarrow.Table``.

        Raises:
            QueryError: The statement is wrong; the text says where.
        """
        return self.store.arrow(query, params, lane=self._lane, ticket=self._ticket)

    def answer(self, query: str, params: Mapping[str, object] | None = None) -> Answer:
        """The answer to a query as plain values: as long as they are few, nothing brings Arrow.

        Raises:
            QueryError: The statement is wrong; the text says where.
        """
        return self.store.answer(query, params, lane=self._lane, ticket=self._ticket)

    def ask(self, question: str, scope: Scope = EVERYTHING, **values: object) -> Any:
        """The answer to one of the SQL files, as a ``pyarrow.Table``.

        Args:
            question: The file's name without ``.sql``.
            scope: What is looked at.
            values: The file's further parameters.
        """
        return self.sql(*_asked(question, scope, values))

    def told(self, question: str, scope: Scope = EVERYTHING, **values: object) -> Answer:
        """The answer to one of the SQL files, as plain values; see :meth:`ask`."""
        return self.answer(*_asked(question, scope, values))

    def rows(
        self, row: type[RowT], question: str, scope: Scope = EVERYTHING, **values: object
    ) -> tuple[RowT, ...]:
        """The answer to one of the SQL files, as rows of a class with the same names."""
        return rows_of(row, self.told(question, scope, **values))


def _asked(
    question: str, scope: Scope, values: Mapping[str, object]
) -> tuple[str, Mapping[str, object]]:
    """The SQL of a question, and the values that it takes."""
    sql = statement(question, scope)
    given = {**scope_parameters(scope), **values}
    return sql, {name: given[name] for name in parameters(sql)}
