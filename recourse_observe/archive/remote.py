"""An archive in a process of its own: its owner asks and gets Arrow, and survives whatever the files do."""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from recourse_observe.archive import answers, errors
from recourse_observe.archive.child import Child, begun
from recourse_observe.archive.limits import Limits, half_of_memory
from recourse_observe.archive.wire import ClosedError, encode
from recourse_observe.duck import Lanes, QueryError, Superseded

__all__ = ["RemoteStore", "WorkerLostError"]

_MOST_FILES_TO_LOSE: Final = 100
_RETRIES: Final = 2
_ENDING_S: Final = 2.0
_GONE: Final = "the process that reads the archive ends before it is asked; run `recourse check`"


class WorkerLostError(QueryError):
    """The process that read the archive ended in the middle of a question."""


@dataclass(slots=True)
class _Opening:
    """One attempt to open the archive."""

    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    looking_at: str = ""


@dataclass(slots=True, kw_only=True)
class _Question:
    lane: str
    ticket: int | None
    done: threading.Event = field(default_factory=threading.Event)
    is_unwanted: bool = False
    reply: tuple[dict[str, Any], bytes] = field(default=({"error": "superseded"}, b""))


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
        self._limits = limits or Limits(memory_bytes=min(Limits().memory_bytes, half_of_memory()))
        self._command = command
        self._forks = forks
        self._keeping = keeping
        self._starting = threading.RLock()
        self._writing = threading.Lock()
        self._lanes: Lanes[_Question] = Lanes()
        self._avoid: dict[str, str] = {}
        self._child: Child | None = None
        self._opening = _Opening()
        self._has_crashed = False
        self._is_careful = careful
        self._looking = looking
        self._follow = None if follow is None else dict(follow)
        self._warnings: tuple[str, ...] = ()
        self._start()

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
        return self._warnings

    def wait(self) -> None:
        """Wait until the archive is open, leaving out files that end their reader.

        Raises:
            ArchiveError: Nothing of it can be read.
        """
        with self._starting:
            for _ in range(_MOST_FILES_TO_LOSE):
                if self._child is None:
                    self._start()
                was_careful = self._is_careful or self._has_crashed
                self._opening.done.wait()
                if self._opening.error is None:
                    return
                if not isinstance(self._opening.error, WorkerLostError):
                    raise self._opening.error
                if not self._has_learnt() and was_careful:
                    break
        raise errors.ArchiveDamagedError(self._path, "ends every process that reads it")

    def close(self) -> None:
        """End the worker; a closed store starts another when it is asked."""
        child, self._child = self._child, None
        if child is not None:
            child.end()
            self._listener.join(_ENDING_S)

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
        _, data = self._ask(_asked("ask", sql, params), lane, ticket)
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
        reply, data = self._ask(_asked("answer", sql, params), lane, ticket)
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
        reply, _ = self._ask({"do": "kinds", "sql": sql}, "", None)
        return tuple(reply["kinds"])

    def refresh(self) -> bool:
        """Look at the directory again; whether anything has come, gone or grown."""
        reply, _ = self._ask({"do": "refresh"}, "", None)
        return bool(reply["changed"])

    def poll(self) -> dict[str, Any]:
        """What is new, as Arrow tables by table; see :class:`Follower`."""
        reply, data = self._ask({"do": "poll"}, "", None)
        news, start = {}, 0
        for table, size in zip(reply["tables"], reply["sizes"], strict=True):
            news[table] = _table(data[start : start + size])
            start += size
        return news

    def report(self) -> dict[str, Any]:
        """What the archive consists of; see :meth:`LocalStore.report`."""
        reply, _ = self._ask({"do": "report"}, "", None)
        report: dict[str, Any] = reply["report"]
        return report

    def supersede(self, lane: str) -> int:
        """Stop what runs in a lane, and give the ticket that admits its successor."""
        ticket, older = self._lanes.supersede(lane)
        self._stop(older)
        return ticket

    def interrupt(self) -> None:
        """Stop every query that runs now; each raises :class:`Superseded` in its own thread."""
        self._stop(self._lanes.running())

    # ------------------------------------------------------------ asking

    def _ask(
        self, said: Mapping[str, Any], lane: str, ticket: int | None
    ) -> tuple[dict[str, Any], bytes]:
        for _ in range(_RETRIES):
            self.wait()
            question = _Question(lane=lane, ticket=ticket)
            number = self._lanes.enter(question)
            try:
                self._tell({**said, "id": number})
            except ClosedError:  # it died before it was asked: ask its successor
                self._lanes.leave(number)
                self._child = None
                continue
            reply, data = self._answer(number, question)
            match reply:
                case {"error": "superseded"}:
                    raise Superseded(lane)
                case {"error": "lost"} if question.is_unwanted:  # it was ended for not obeying
                    raise Superseded(lane)
                case {"error": "lost", "text": text}:
                    raise WorkerLostError(text)
                case {"error": "query", "text": text}:
                    raise QueryError(text)
                case _:
                    return reply, data
        raise WorkerLostError(_GONE)

    def _answer(self, number: int, question: _Question) -> tuple[dict[str, Any], bytes]:
        """The reply, or that it did not come in time."""
        if not question.done.wait(self._limits.query_s):
            self._stop({number: question})
            self._lanes.leave(number)
        return question.reply

    def _tell(self, said: Mapping[str, Any]) -> None:
        if self._child is None:
            raise ClosedError
        self._child.tell(said)

    def _order(self, said: Mapping[str, Any]) -> None:
        with suppress(ClosedError):  # nothing runs in a worker that is gone
            self._tell(said)

    def _stop(self, stopped: Mapping[int, _Question]) -> None:
        """Have questions stopped, and end the worker if it does not obey."""
        if stopped:
            for question in stopped.values():
                question.is_unwanted = True
            self._order({"do": "stop", "ids": list(stopped)})
            late = (self._child, tuple(stopped.values()))
            alarm = threading.Timer(self._limits.patience_s, _kill_if_busy, late)
            alarm.daemon = True
            alarm.start()

    # ------------------------------------------------------------ the worker's life

    def _start(self) -> None:
        child = begun(self._command, self._limits.memory_bytes, forks=self._forks)
        self._child, self._opening = child, _Opening()
        self._listener = threading.Thread(
            target=self._listen, args=(child, self._opening), name="recourse-answers", daemon=True
        )
        self._listener.start()
        said = {
            "do": "open",
            "path": self._path,
            "careful": self._is_careful or self._has_crashed,
            "avoid": self._avoid,
            "follow": self._follow,
            "memory_bytes": self._limits.memory_bytes,
        }
        self._order(said)

    def _listen(self, child: Child, opening: _Opening) -> None:
        """Hand answers to those who wait for them, until the worker ends."""
        with suppress(ClosedError):
            while True:
                self._take(*child.hear(), opening)
        text = child.bury()
        if self._child is child and opening.done.is_set():
            self._child, self._has_crashed = None, True
        if not opening.done.is_set():
            opening.error = WorkerLostError(text)
            opening.done.set()
        for number in self._lanes.running():
            self._reply(number, {"error": "lost", "text": text})

    def _reply(self, number: int, said: Mapping[str, Any], data: bytes = b"") -> None:
        question = self._lanes.leave(number)
        if question is not None:  # else nobody waits for it any more
            question.reply = dict(said), data
            question.done.set()

    def _take(self, said: Mapping[str, Any], data: bytes, opening: _Opening) -> None:
        match said:
            case {"at": path}:
                opening.looking_at = path
                self._looking(path)
            case {"opened": told}:
                self._warnings = tuple(told)
                opening.done.set()
            case {"keep": _}:
                if self._keeping is not None:
                    self._keeping(data)
            case {"warnings": told}:
                self._warnings = tuple(told)
            case {"failed": {"kind": kind, "path": path, "problem": problem}}:
                opening.error = _archive_error(kind)(path, problem)
                opening.done.set()
            case {"id": number}:
                self._reply(number, said, data)
            case _:
                raise ClosedError

    def _has_learnt(self) -> bool:
        """The worker died while it opened the archive: never again open what it looked at."""
        self._child, self._has_crashed = None, True
        if not self._opening.looking_at:
            return False
        self._avoid[self._opening.looking_at] = "ended the process that read it"
        return True


def _asked(do: str, sql: str, params: Mapping[str, object] | None) -> dict[str, Any]:
    given = {name: encode(value) for name, value in (params or {}).items()}
    return {"do": do, "sql": sql, "params": given}


def _table(data: bytes) -> Any:
    from recourse_observe.archive.encoded import from_stream  # it brings Arrow

    return from_stream(data)


def _archive_error(kind: str) -> type[errors.ArchiveError]:
    found = getattr(errors, kind, None) if kind in errors.__all__ else None
    return found if found is not None else errors.ArchiveError


def _kill_if_busy(child: Child | None, stopped: tuple[_Question, ...]) -> None:
    if child is not None and not all(one.done.is_set() for one in stopped):
        child.kill()
