import io
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from recourse_observe import open_archive
from recourse_observe.archive import write_archive
from recourse_observe.archive.errors import (
    ArchiveDamagedError,
    ArchiveMissingError,
    ArchiveVersionError,
)
from recourse_observe.archive.limits import Limits
from recourse_observe.archive.opened import LocalStore
from recourse_observe.archive.remote import RemoteStore, WorkerLostError
from recourse_observe.archive.wire import ClosedError, decode, encode, receive, send
from recourse_observe.archive.worker import Worker
from recourse_observe.duck import QueryError, Superseded

AT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
SLOW = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"
SMALL = Limits(memory_bytes=1 << 30, patience_s=0.2)


def rows(first: int = 0, count: int = 4) -> list[dict[str, Any]]:
    return [
        {"call_id": f"{i:03}", "key": "a.B", "started_at": AT + timedelta(minutes=30 * i)}
        for i in range(first, first + count)
    ]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_archive(tmp_path / "archive", {"calls": rows(), "attempts": rows()})


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("remote") / "archive", {"calls": rows()})


@pytest.fixture(scope="module")
def store(lasting: Path) -> Iterator[RemoteStore]:
    with RemoteStore(lasting, limits=SMALL) as opened:
        yield opened


def flip(path: Path) -> None:
    """Turn one bit of a column's data, behind the header of its page."""
    start = pq.read_metadata(path).row_group(0).column(3).data_page_offset
    data = bytearray(path.read_bytes())
    data[start + 60] ^= 1
    path.write_bytes(data)


def started(store: RemoteStore) -> None:
    while not store._worker.lanes.running():
        threading.Event().wait(0.001)


# ------------------------------------------------------------ asking


def test_a_worker_stands_back_behind_whoever_asks(store: RemoteStore) -> None:
    store.wait()

    assert store._worker.child is not None
    worker = store._worker.child._process.pid
    assert os.getpriority(os.PRIO_PROCESS, worker) > os.getpriority(os.PRIO_PROCESS, 0)


def test_a_worker_answers_in_arrow(store: RemoteStore, lasting: Path) -> None:
    query = "SELECT * FROM calls ORDER BY call_id"

    assert repr(store) == f"RemoteStore({str(lasting)!r})"
    assert store.arrow(query) == LocalStore(lasting).arrow(query)
    assert store.rows("SELECT $a + 1, $b", {"a": 1, "b": [AT, date(2026, 11, 21)], "c": 0})
    assert store.kinds("SELECT 1; COPY calls TO 'x'") == ("SELECT", "COPY")
    assert store.warnings == ()


def test_a_wrong_statement_says_what_would_be_right(store: RemoteStore) -> None:
    with pytest.raises(QueryError, match=r'(?s)"keyy" not found.*"key"'):
        store.arrow("SELECT keyy FROM calls")
    with pytest.raises(QueryError, match="syntax error"):
        store.kinds("SELEKT")
    with pytest.raises(TypeError, match="parameter b'x' is a bytes; give a number"):
        store.arrow("SELECT $x", {"x": b"x"})


def test_threads_ask_at_the_same_time(store: RemoteStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: store.rows("SELECT $i", {"i": i}), range(100)))

    assert answers == [[(i,)] for i in range(100)]


def test_a_running_question_is_stopped(store: RemoteStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(store.arrow, SLOW)
        started(store)
        store.interrupt()
        with pytest.raises(Superseded):
            answer.result(10)
    store.interrupt()
    assert store.rows("SELECT 1") == [(1,)]


def test_a_newer_question_of_a_lane_stops_the_older(store: RemoteStore) -> None:
    ticket = store.supersede("panel")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(store.arrow, SLOW, lane="panel", ticket=ticket)
        started(store)
        newer = store.supersede("panel")
        with pytest.raises(Superseded):
            answer.result(10)

    with pytest.raises(Superseded):
        store.arrow("SELECT 1", lane="panel", ticket=ticket)
    assert store.arrow("SELECT 1 AS n", lane="panel", ticket=newer).to_pylist() == [{"n": 1}]


def test_there_is_no_connection_to_another_process(store: RemoteStore) -> None:
    with pytest.raises(QueryError, match=r"use open_archive\(path, trusted=True\)"):
        _ = store.con


def test_a_bomb_meets_the_limit_of_memory(store: RemoteStore) -> None:
    with pytest.raises(QueryError, match=r"(?i)memory"):
        store.arrow("SELECT list(repeat('x', 10000000)) FROM range(1000)")
    assert store.rows("SELECT 1") == [(1,)]


@pytest.mark.slow
def test_a_question_has_a_limit_of_time(lasting: Path) -> None:
    with RemoteStore(lasting, limits=Limits(memory_bytes=1 << 30, query_s=0.1)) as store:
        with pytest.raises(Superseded):
            store.arrow(SLOW)
        assert store.rows("SELECT 1") == [(1,)]


@pytest.mark.parametrize("name", ["memory_bytes", "query_s", "patience_s"])
def test_a_limit_of_nothing_is_none(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} 0 is no limit; give a number above 0"):
        Limits(**{name: 0})


# ------------------------------------------------------------ opening


def test_an_archive_is_foreign_unless_it_is_said_to_be_ours(lasting: Path) -> None:
    with open_archive(lasting) as archive:
        assert isinstance(archive.store, RemoteStore)
    with open_archive(lasting, trusted=True) as archive:
        assert isinstance(archive.store, LocalStore)


def test_what_is_wrong_with_an_archive_is_said_by_the_same_errors(archive: Path) -> None:
    with pytest.raises(ArchiveMissingError, match="does not exist; give a directory"):
        open_archive(archive / "nowhere")
    (archive / "_recourse.json").write_text('{"format": "recourse.archive", "major": 2}')
    with pytest.raises(ArchiveVersionError, match="was written by schema 2"):
        open_archive(archive)


@pytest.mark.slow
def test_a_look_again_sees_what_has_come(archive: Path) -> None:
    with open_archive(archive) as opened:
        assert opened.coverage().calls == 4
        assert not opened.refresh()
        write_archive(archive, {"calls": rows(4, 2)})
        assert opened.refresh()
        assert opened.coverage().calls == 6


# ------------------------------------------------------------ files that are bad


def test_a_flipped_bit_is_named_when_the_archive_is_opened(archive: Path) -> None:
    bad = min((archive / "calls").rglob("*.parquet"))
    flip(bad)

    with open_archive(archive) as opened:
        (warning,) = opened.warnings
        found = opened.sql("SELECT call_id FROM calls ORDER BY ALL")["call_id"].to_pylist()

    assert "has damaged data (" in warning
    assert bad.name in warning
    assert found == ["002", "003"]


def test_a_flipped_bit_of_a_large_table_is_named_when_it_is_read(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.duck.tables._FEW_ROWS", 1)
    flip(min((archive / "calls").rglob("*.parquet")))
    store = LocalStore(archive, sandboxed=True)
    assert store.warnings == ()

    found = store.arrow("SELECT call_id FROM calls ORDER BY ALL")["call_id"].to_pylist()

    assert found == ["002", "003"]
    assert len(store.warnings) == 1
    assert store.rows("SELECT count(*) FROM attempts") == [(4,)]


def test_an_archive_of_damaged_files_alone_is_damaged(archive: Path) -> None:
    for file in archive.rglob("*.parquet"):
        flip(file)

    with pytest.raises(ArchiveDamagedError, match="has no readable file among 4"):
        open_archive(archive)


CRASHING = """
import os, sys
from recourse_observe.archive import findings, worker

really = findings.validate

def validate(path, table):
    if {mark!r} in path.name:
        os.kill(os.getpid(), 11)
    return really(path, table)

findings.validate = validate
sys.exit(worker.main(sys.argv[1:]))
"""


def crashing(mark: str) -> tuple[str, ...]:
    return (sys.executable, "-c", CRASHING.format(mark=mark))


@pytest.mark.slow
def test_a_file_that_ends_its_reader_is_found_and_left_out(archive: Path) -> None:
    bad = max((archive / "calls").rglob("*.parquet"))

    with RemoteStore(archive, limits=SMALL, command=crashing(bad.name)) as store:
        store.wait()

        assert (
            store.warnings
            == (
                f"calls/{bad.relative_to(archive / 'calls')} ended the process that read it; it was skipped",
            )
            or len(store.warnings) == 2
        )
        assert store.rows("SELECT count(*) FROM calls") == [(2,)]


@pytest.mark.slow
def test_files_that_all_end_their_reader_are_an_archive_that_is_damaged(archive: Path) -> None:
    store = RemoteStore(archive / "calls", limits=SMALL, command=crashing(".parquet"))

    with pytest.raises(ArchiveDamagedError, match="ended the process that read it"):
        store.wait()
    store.close()


def test_a_worker_that_cannot_start_is_an_error_of_the_archive(lasting: Path) -> None:
    store = RemoteStore(lasting, limits=SMALL, command=(sys.executable, "-c", "pass"))

    with pytest.raises(ArchiveDamagedError, match="ends every process that reads it"):
        store.wait()
    store.close()


# ------------------------------------------------------------ a worker's end


@pytest.mark.slow
def test_a_worker_that_dies_takes_its_question_with_it_and_no_other(archive: Path) -> None:
    with RemoteStore(archive, limits=SMALL) as store:
        store.wait()
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(store.arrow, SLOW)
            started(store)
            assert store._worker.child is not None
            store._worker.child.kill()
            with pytest.raises(WorkerLostError, match=r"ended \(signal 9\).*run `recourse check`"):
                answer.result(10)

        assert store.rows("SELECT count(*) FROM calls") == [(4,)]
        assert store._worker.has_crashed


DEAF = """
import sys
from recourse_observe.archive import worker

really = worker.Worker._do
worker.Worker._do = lambda self, said: said.get("do") == "stop" or really(self, said)
sys.exit(worker.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_question_whose_worker_had_to_be_ended_to_stop_it_was_stopped(archive: Path) -> None:
    command = (sys.executable, "-c", DEAF)
    with RemoteStore(archive, limits=SMALL, command=command) as store:
        store.wait()
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(store.arrow, SLOW)
            started(store)
            store.interrupt()
            with pytest.raises(Superseded):
                answer.result(10)


@pytest.mark.slow
def test_a_closed_store_opens_again(archive: Path) -> None:
    store = RemoteStore(archive, limits=SMALL)
    store.wait()
    store.close()
    store.close()

    assert store.rows("SELECT count(*) FROM calls") == [(4,)]
    store.close()


DEAF = """
import sys, threading
from recourse_observe.archive import worker
from recourse_observe.duck import Store
Store.supersede = lambda *_: 0
sys.exit(worker.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_worker_that_does_not_stop_is_ended(archive: Path) -> None:
    with (
        RemoteStore(archive, limits=SMALL, command=(sys.executable, "-c", DEAF)) as store,
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(store.arrow, SLOW)
        started(store)
        store.interrupt()
        with pytest.raises(Superseded):
            answer.result(20)


@pytest.mark.slow
def test_a_worker_ends_with_its_owner(lasting: Path) -> None:
    store = RemoteStore(lasting, limits=SMALL)
    store.wait()
    process = store._worker.child
    assert process is not None

    store.close()

    assert process._process.code(0) == 0


# ------------------------------------------------------------ what they say


def test_messages_arrive_as_they_were_sent() -> None:
    stream = io.BytesIO()
    send(stream, {"do": "x", "text": "é"}, b"data")
    send(stream, {"do": "y"})
    stream.seek(0)

    assert receive(stream) == ({"do": "x", "text": "é"}, b"data")
    assert receive(stream) == ({"do": "y"}, b"")
    with pytest.raises(ClosedError):
        receive(stream)


@pytest.mark.parametrize(
    "data", [b"\xff" * 12, b"\x01\0\0\0" + b"\0" * 8 + b"{", b"\x02\0\0\0" + b"\xff" * 7 + b"\0{}"]
)
def test_what_is_no_message_closes_the_conversation(data: bytes) -> None:
    with pytest.raises(ClosedError):
        receive(io.BytesIO(data))


def test_nobody_hears_what_is_said_to_a_closed_pipe() -> None:
    source, sink = os.pipe()
    os.close(source)
    with pytest.raises(ClosedError), os.fdopen(sink, "wb", buffering=0) as stream:
        send(stream, {"do": "x"})


def test_parameters_keep_what_they_are() -> None:
    given = [1, 1.5, "x", None, True, AT, date(2026, 11, 21), ["a", AT]]

    assert decode(encode(given)) == given


class Owner:
    """Says what it was given, then leaves; keeps what it hears."""

    def __init__(self, *said: dict[str, Any]) -> None:
        self.said = list(said)
        self.heard: list[dict[str, Any]] = []
        self.settled = threading.Event()

    def hear(self) -> tuple[dict[str, Any], bytes]:
        if not self.said:
            self.settled.wait(5)
            raise ClosedError
        return self.said.pop(0), b""

    def say(self, said: dict[str, Any], data: bytes) -> None:
        self.heard.append(said)
        if "id" in said:
            self.settled.set()


def opening(path: Path, *, careful: bool = False, **avoid: str) -> dict[str, Any]:
    said = {"do": "open", "path": str(path), "careful": careful, "memory_bytes": 1 << 30}
    return {**said, "avoid": {str(path / name): why for name, why in avoid.items()}}


def test_a_worker_tells_what_it_looks_at_when_it_is_careful(archive: Path) -> None:
    owner = Owner(opening(archive, careful=True), {"do": "kinds", "id": 1, "sql": "SELECT 1"})

    assert Worker(owner.hear, owner.say).serve()

    at = {message["at"] for message in owner.heard if "at" in message}
    assert at == {str(path) for path in archive.rglob("*.parquet")}
    assert owner.heard[-2:] == [{"opened": []}, {"id": 1, "kinds": ["SELECT"]}]


def test_a_worker_tells_what_it_cannot_open(tmp_path: Path) -> None:
    owner = Owner(opening(tmp_path / "x"))
    owner.settled.set()

    assert Worker(owner.hear, owner.say).serve()
    assert owner.heard[0]["failed"]["kind"] == "ArchiveMissingError"


def test_a_worker_leaves_who_speaks_otherwise() -> None:
    owner = Owner({"do": "dance"})

    assert Worker(owner.hear, owner.say).serve()
    assert owner.heard == []


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError(), "Out of Memory Error: the answer does not fit; ask for less of it"),
        (ZeroDivisionError("x"), "this is a defect of recourse: ZeroDivisionError: x"),
        (OSError("disk"), "cannot be read (disk)"),
    ],
)
def test_a_worker_outlives_its_errors(
    archive: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    owner = Owner(opening(archive), {"do": "ask", "id": 1, "sql": "SELECT 1", "params": {}})
    if isinstance(error, OSError):
        owner.said.pop()
        owner.settled.set()
        monkeypatch.setattr(LocalStore, "open", fail)
    else:
        monkeypatch.setattr(Worker, "_reply", fail)

    Worker(owner.hear, owner.say).serve()

    last = owner.heard[-1]
    assert text in (last.get("text") or last["failed"]["problem"])


def test_a_worker_whose_owner_is_gone_says_nothing(archive: Path) -> None:
    def gone(*_: object) -> None:
        raise ClosedError

    owner = Owner(opening(archive))
    owner.settled.set()

    assert Worker(owner.hear, gone).serve()


def test_plain_values_are_those_of_arrow(store: RemoteStore, lasting: Path) -> None:
    own = LocalStore(lasting)
    for query in (
        "SELECT * FROM calls ORDER BY call_id",
        "SELECT {'at': max(started_at)} FROM calls",  # which JSON would not say
    ):
        assert store.answer(query) == own.answer(query)
        assert store.rows(query) == own.rows(query)
