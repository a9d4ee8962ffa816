"""An archive in a process of its own: its owner asks and gets Arrow, and survives whatever the files do."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Self

from recourse_observe.archive import answers
from recourse_observe.archive.conversation import Conversation, WorkerLostError
from recourse_observe.archive.limits import Limits, half_of_memory
from recourse_observe.archive.wire import encode
from recourse_observe.duck import QueryError

__all__ = ["RemoteStore", "WorkerLostError"]


class RemoteStore:
    """The tables of an archive, asked through a worker process.

    The worker is started at once and reads while the caller does something else; :meth:`wait` waits
    for it. A worker that dies takes its questions with it, and the next question starts another,
    which first looks for the file that was to blame.

    Args:
        path: A directory, one Parquet file, or a pattern.
        limits: What the worker may use.
        careful: Have every page of every file read first.
        looking: Called with each file that is looked at, when it is careful.
        follow: Only tell what is new, with these arguments of ``Follower``; no question is answered.
        command: What starts a worker, instead of this interpreter.
        forks: The worker may begin as a copy of this process, which has nothing to hide from it.
        keeping: Called with what the next look at the archive need not find out again.
    """

    def __init__(  # noqa: PLR0913  # every one but the path has its default
        self,
        path: str | os.PathLike[str],
        *,
        limits: Limits | None = None,
        careful: bool = False,
        looking: Callable[[str], object] = lambda _: None,
        follow: Mapping[str, object] | None = None,
        command: tuple[str, ...] = (),
        forks: bool = False,
        keeping: Callable[[bytes], object] | None = None,
    ) -> None:
        self._path = os.fspath(path)
        self._worker = Conversation(
            self._path,
            limits=limits or Limits(memory_bytes=min(Limits().memory_bytes, half_of_memory())),
            careful=careful,
            looking=looking,
            follow=follow,
            command=command,
            forks=forks,
            keeping=keeping,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RemoteStore({self._path!r})"

    @property
    def con(self) -> Any:
        """There is none: the database is in another process.

        Raises:
            QueryError: Always; says what to do.
        """
        message = (
            "a connection is for archives that are trusted, and this one is asked through a worker "
            "process; use open_archive(path, trusted=True)"
        )
        raise QueryError(message)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence about each thing that was left out, up to now."""
        return self._worker.warnings

    def wait(self) -> None:
        """Wait until the archive is open, leaving out files that end their reader.

        Raises:
            ArchiveError: Nothing of it can be read.
        """
        self._worker.wait()

    def close(self) -> None:
        """End the worker; a closed store starts another when it is asked."""
        self._worker.close()

    def arrow(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        lane: str = "",
        ticket: int | None = None,
    ) -> Any:
        """The answer of the last statement as an Arrow table; see :meth:`Store.arrow`.

        Raises:
            QueryError: The statement is wrong, or the worker died of it.
            Superseded: It was interrupted.
            ArchiveError: Nothing of the archive can be read any more.
        """
        _, data = self._worker.ask(_asked("ask", sql, params), lane, ticket)
        return _table(data)

    def answer(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        lane: str = "",
        ticket: int | None = None,
    ) -> answers.Answer:
        """The same as plain values, which need no Arrow here as long as they are few."""
        reply, data = self._worker.ask(_asked("answer", sql, params), lane, ticket)
        if reply.get("answer") is None:
            return answers.of_table(_table(data))
        return answers.heard(reply["answer"])

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """The rows of the last statement as tuples.

        Raises:
            QueryError: The statement is wrong, or the worker died of it.
            Superseded: It was interrupted.
        """
        return self.answer(sql, params).rows

    def kinds(self, sql: str) -> tuple[str, ...]:
        """What each statement of a text is, as DuckDB names it.

        Raises:
            QueryError: It is no SQL.
        """
        reply, _ = self._worker.ask({"do": "kinds", "sql": sql})
        return tuple(reply["kinds"])

    def refresh(self) -> bool:
        """Look at the directory again; whether anything has come, gone or grown."""
        reply, _ = self._worker.ask({"do": "refresh"})
        return bool(reply["changed"])

    def poll(self) -> dict[str, Any]:
        """What is new, as Arrow tables by table; see :class:`Follower`."""
        reply, data = self._worker.ask({"do": "poll"})
        news, start = {}, 0
        for table, size in zip(reply["tables"], reply["sizes"], strict=True):
            news[table] = _table(data[start : start + size])
            start += size
        return news

    def report(self) -> dict[str, Any]:
        """What the archive consists of; see :meth:`LocalStore.report`."""
        reply, _ = self._worker.ask({"do": "report"})
        report: dict[str, Any] = reply["report"]
        return report

    def supersede(self, lane: str) -> int:
        """Stop what runs in a lane, and give the ticket that admits its successor."""
        return self._worker.supersede(lane)

    def interrupt(self) -> None:
        """Stop every query that runs now; each raises :class:`Superseded` in its own thread."""
        self._worker.interrupt()


def _asked(do: str, sql: str, params: Mapping[str, object] | None) -> dict[str, Any]:
    given = {name: encode(value) for name, value in (params or {}).items()}
    return {"do": do, "sql": sql, "params": given}


def _table(data: bytes) -> Any:
    from recourse_observe.archive.encoded import from_stream  # it brings Arrow

    return from_stream(data)
