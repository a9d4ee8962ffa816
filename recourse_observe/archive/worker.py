"""The query worker: a process that reads a foreign archive, so that its owner need not.

Started by :mod:`recourse_observe.archive.remote` in an interpreter of its own. It reads messages from
its standard input and answers on its standard output, until either is closed.
"""

import atexit
import importlib
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, Final, NoReturn

from recourse_observe.archive import answers
from recourse_observe.archive.limits import Limits, confine, unconfine
from recourse_observe.archive.spared import spared
from recourse_observe.archive.wire import ClosedError, decode, receive, send

__all__ = ["Worker", "main"]

_THREADS: Final = 8
_LAST_WORDS_S: Final = 1.0
_NICER: Final = 3
"""By how much it stands back for its owner, who draws meanwhile: it keeps half of a fair share."""


class Worker:
    """Answers what its owner asks, several questions at a time.

    Args:
        hear: Gives the next message.
        say: Sends one; raises ``ClosedError`` when nobody listens.
    """

    def __init__(
        self, hear: Callable[[], tuple[dict[str, Any], bytes]], say: Callable[..., None]
    ) -> None:
        self._hear = hear
        self._say = say
        self._speaking = threading.Lock()
        self._pool = _Pool()
        self._store: Any = None
        self._follower: Any = None
        self._news: dict[str, Any] = {}
        self._told: tuple[str, ...] = ()

    def serve(self) -> bool:
        """Answer until the owner is gone; whether every thread has come to rest."""
        try:
            while True:
                said, _ = self._hear()
                self._do(said)
        except ClosedError:
            return self._rest()

    def _do(self, said: Mapping[str, Any]) -> None:
        match said:
            case {"do": "open"}:
                self._open(said)
            case {"do": "stop", "ids": numbers}:
                for number in numbers if self._follower is None else ():
                    self._store.supersede(str(number))
            case {"id": number}:
                self._pool.submit(lambda: self._answer(number, said))
            case _:
                raise ClosedError  # not an owner of ours

    def _open(self, said: Mapping[str, Any]) -> None:
        from recourse_observe.archive.errors import ArchiveError
        from recourse_observe.archive.opened import LocalStore

        try:
            if said.get("follow") is not None:
                self._follow(said)
                return
            avoid = {Path(path): why for path, why in said["avoid"].items()}
            self._store = LocalStore(
                said["path"],
                sandboxed=True,
                careful=said["careful"],
                avoid=avoid,
                looking=self._looking if said["careful"] else lambda _: None,
                memory_bytes=said["memory_bytes"],
                keeping=lambda found: self._tell({"keep": "this"}, found),
            )
            self._store.open()
        except ArchiveError as error:
            failed = {"kind": type(error).__name__, "path": error.path, "problem": error.problem}
            self._tell({"failed": failed})
        except Exception as error:
            failed = {"kind": "ArchiveDamagedError", "path": said["path"]}
            told = str(error) or type(error).__name__
            self._tell({"failed": failed | {"problem": f"cannot be read ({told})"}})
        else:
            self._told = self._store.warnings
            self._tell({"opened": list(self._told)})

    def _follow(self, said: Mapping[str, Any]) -> None:
        from recourse_observe.archive.follow import Follower

        self._follower = self._store = Follower(said["path"], **said["follow"])
        self._news = self._follower.poll()
        self._tell({"opened": list(self._follower.warnings)})

    def _looking(self, path: Path) -> None:
        self._tell({"at": os.fspath(path)})

    def _answer(self, number: int, said: Mapping[str, Any]) -> None:
        from recourse_observe.archive.errors import ArchiveError
        from recourse_observe.duck import QueryError, Superseded

        try:
            reply, data = self._reply(said)
        except Superseded:
            self._tell({"id": number, "error": "superseded"})
        except (QueryError, ArchiveError) as error:
            self._tell({"id": number, "error": "query", "text": str(error)})
        except MemoryError:
            text = "Out of Memory Error: the answer does not fit; ask for less of it"
            self._tell({"id": number, "error": "query", "text": text})
        except Exception as error:
            text = f"this is a defect of recourse: {type(error).__name__}: {error}"
            self._tell({"id": number, "error": "query", "text": text})
        else:
            self._warn()
            self._tell({"id": number, **reply}, data)

    def _reply(self, said: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        from recourse_observe.archive.encoded import as_bytes

        match said["do"]:
            case "ask":
                return {}, as_bytes(self._table(said), "arrow")
            case "answer":
                table = self._table(said)
                answer = answers.said(table)
                return {"answer": answer}, b"" if answer else as_bytes(table, "arrow")
            case "kinds":
                return {"kinds": list(self._store.kinds(said["sql"]))}, b""
            case "poll":
                news, self._news = self._news or self._follower.poll(), {}
                parts = [bytes(as_bytes(rows, "arrow")) for rows in news.values()]
                sizes = [len(part) for part in parts]
                return {"tables": list(news), "sizes": sizes}, b"".join(parts)
            case "report":
                return {"report": self._store.report()}, b""
            case _:
                return {"changed": self._store.refresh()}, b""

    def _table(self, said: Mapping[str, Any]) -> Any:
        params = {name: decode(value) for name, value in said["params"].items()}
        # A lane of its own: to stop it is to supersede it, whether it has begun or not.
        lane = str(said["id"])
        return self._store.arrow(said["sql"], params, lane=lane, ticket=0)

    def _warn(self) -> None:
        """Tell what was left out since the last time."""
        if self._store.warnings != self._told:
            self._told = self._store.warnings
            self._tell({"warnings": list(self._told)})

    def _tell(self, said: Mapping[str, Any], data: Any = b"") -> None:
        with self._speaking:
            try:
                self._say(said, data)
            except ClosedError:
                return  # the owner is gone: the next message will not come either

    def _rest(self) -> bool:
        if self._store is not None and self._follower is None:
            self._store.interrupt()
        return self._pool.rest()


class _Pool:
    """Threads that do what is handed to them; another one when all are busy."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def submit(self, job: Callable[[], object]) -> None:
        """Have it done soon."""
        self._jobs.put(job)
        if not self._idle.acquire(blocking=False) and len(self._threads) < _THREADS:
            thread = threading.Thread(target=self._work, name="recourse-query", daemon=True)
            self._threads.append(thread)
            thread.start()

    def rest(self) -> bool:
        """Begin nothing any more; whether what was begun is done soon."""
        while not self._jobs.empty():
            self._jobs.get()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(_LAST_WORDS_S)
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._idle.release()


def main(argv: "list[str]") -> NoReturn:
    """Serve one owner, on standard input and output, within limits.

    Args:
        argv: The memory in bytes that the database may use.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the owner's to handle
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a refused write is an error, not the end
    source, sink = _private_streams()
    os.nice(_NICER)
    confine(Limits(memory_bytes=int(argv[0])))
    with spared():
        importlib.import_module("duckdb")
        importlib.import_module("pyarrow.parquet")
        importlib.import_module("recourse_observe.archive.opened")
    is_at_rest = Worker(lambda: receive(source), lambda said, data: send(sink, said, data)).serve()
    unconfine()
    if is_at_rest:
        atexit._run_exitfuncs()  # noqa: SLF001  # there is no other way to run them
    # To take everything apart takes longer than most questions, and a library that does not stop
    # must not keep the process.
    os._exit(0)


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for us alone: what a library prints goes nowhere."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return source, sink
