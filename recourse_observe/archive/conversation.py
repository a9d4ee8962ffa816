"""A conversation with the worker that reads an archive: questions, answers, and deaths in the middle of them."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from recourse_observe.archive import errors
from recourse_observe.archive.child import Child, begun
from recourse_observe.archive.limits import Limits
from recourse_observe.archive.wire import ClosedError
from recourse_observe.duck import Lanes, QueryError, Superseded

__all__ = ["Conversation", "WorkerLostError"]

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


class Conversation:
    """Asks a worker process about an archive, and starts another when it dies.

    A worker that dies takes its questions with it. Its successor first looks for the file that was
    to blame. The arguments are those of :class:`~recourse_observe.archive.remote.RemoteStore`.

    Attributes:
        child: The worker that is asked now; none between two of them.
        lanes: What is asked at the moment.
        warnings: One sentence about each thing that was left out, up to now.
        has_crashed: A worker has died; the next reads every page before it answers.
    """

    def __init__(  # noqa: PLR0913  # what a store is told
        self,
        path: str,
        *,
        limits: Limits,
        careful: bool,
        looking: Callable[[str], object],
        follow: Mapping[str, object] | None,
        command: tuple[str, ...],
        forks: bool,
        keeping: Callable[[bytes], object] | None,
    ) -> None:
        self._path = path
        self._limits = limits
        self._command = command
        self._forks = forks
        self._keeping = keeping
        self._starting = threading.RLock()
        self.lanes: Lanes[_Question] = Lanes()
        self._avoid: dict[str, str] = {}
        self.child: Child | None = None
        self._opening = _Opening()
        self.has_crashed = False
        self._is_careful = careful
        self._looking = looking
        self._follow = None if follow is None else dict(follow)
        self.warnings: tuple[str, ...] = ()
        self._start()

    def wait(self) -> None:
        """Wait until the archive is open, leaving out files that end their reader.

        Raises:
            ArchiveError: Nothing of it can be read.
        """
        with self._starting:
            for _ in range(_MOST_FILES_TO_LOSE):
                if self.child is None:
                    self._start()
                was_careful = self._is_careful or self.has_crashed
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
        child, self.child = self.child, None
        if child is not None:
            child.end()
            self._listener.join(_ENDING_S)

    def ask(
        self, said: Mapping[str, Any], lane: str = "", ticket: int | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """What the worker says to this, and the bytes that go with it.

        Raises:
            QueryError: The question is wrong, or the worker died of it.
            Superseded: It was stopped.
            ArchiveError: Nothing of the archive can be read any more.
        """
        for _ in range(_RETRIES):
            self.wait()
            question = _Question(lane=lane, ticket=ticket)
            number = self.lanes.enter(question)
            try:
                self._tell({**said, "id": number})
            except ClosedError:  # it died before it was asked: ask its successor
                self.lanes.leave(number)
                self.child = None
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
            self.lanes.leave(number)
        return question.reply

    def _tell(self, said: Mapping[str, Any]) -> None:
        if self.child is None:
            raise ClosedError
        self.child.tell(said)

    def _order(self, said: Mapping[str, Any]) -> None:
        with suppress(ClosedError):  # nothing runs in a worker that is gone
            self._tell(said)

    def _stop(self, stopped: Mapping[int, _Question]) -> None:
        """Have questions stopped, and end the worker if it does not obey."""
        if stopped:
            for question in stopped.values():
                question.is_unwanted = True
            self._order({"do": "stop", "ids": list(stopped)})
            late = (self.child, tuple(stopped.values()))
            alarm = threading.Timer(self._limits.patience_s, _kill_if_busy, late)
            alarm.daemon = True
            alarm.start()

    def supersede(self, lane: str) -> int:
        """Stop what runs in a lane, and give the ticket that admits its successor."""
        ticket, older = self.lanes.supersede(lane)
        self._stop(older)
        return ticket

    def interrupt(self) -> None:
        """Stop every query that runs now; each raises :class:`Superseded` in its own thread."""
        self._stop(self.lanes.running())

    def _start(self) -> None:
        child = begun(self._command, self._limits.memory_bytes, forks=self._forks)
        self.child, self._opening = child, _Opening()
        self._listener = threading.Thread(
            target=self._listen, args=(child, self._opening), name="recourse-answers", daemon=True
        )
        self._listener.start()
        said = {
            "do": "open",
            "path": self._path,
            "careful": self._is_careful or self.has_crashed,
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
        if self.child is child and opening.done.is_set():
            self.child, self.has_crashed = None, True
        if not opening.done.is_set():
            opening.error = WorkerLostError(text)
            opening.done.set()
        for number in self.lanes.running():
            self._reply(number, {"error": "lost", "text": text})

    def _reply(self, number: int, said: Mapping[str, Any], data: bytes = b"") -> None:
        question = self.lanes.leave(number)
        if question is not None:  # else nobody waits for it any more
            question.reply = dict(said), data
            question.done.set()

    def _take(self, said: Mapping[str, Any], data: bytes, opening: _Opening) -> None:
        match said:
            case {"at": path}:
                opening.looking_at = path
                self._looking(path)
            case {"opened": told}:
                self.warnings = tuple(told)
                opening.done.set()
            case {"keep": _}:
                if self._keeping is not None:
                    self._keeping(data)
            case {"warnings": told}:
                self.warnings = tuple(told)
            case {"failed": {"kind": kind, "path": path, "problem": problem}}:
                opening.error = _archive_error(kind)(path, problem)
                opening.done.set()
            case {"id": number}:
                self._reply(number, said, data)
            case _:
                raise ClosedError

    def _has_learnt(self) -> bool:
        """The worker died while it opened the archive: never again open what it looked at."""
        self.child, self.has_crashed = None, True
        if not self._opening.looking_at:
            return False
        self._avoid[self._opening.looking_at] = "ended the process that read it"
        return True


def _archive_error(kind: str) -> type[errors.ArchiveError]:
    found = getattr(errors, kind, None) if kind in errors.__all__ else None
    return found if found is not None else errors.ArchiveError


def _kill_if_busy(child: Child | None, stopped: tuple[_Question, ...]) -> None:
    if child is not None and not all(one.done.is_set() for one in stopped):
        child.kill()
