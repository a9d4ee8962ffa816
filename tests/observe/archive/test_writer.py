import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recourse.clock import SystemClock
from recourse_observe.archive import ArchiveObserver, open_store, survey
from recourse_observe.archive.disk import Disk
from recourse_observe.archive.errors import NotAnArchiveError

Ask = Callable[..., list[tuple[Any, ...]]]
CALLS = "SELECT call_id, disposition FROM calls ORDER BY call_id"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def observer(root: Path) -> Iterator[ArchiveObserver]:
    with ArchiveObserver(root, service="checkout", flush_interval_s=0.001) as made:
        yield made


def tell(observer: ArchiveObserver, told: list[Any]) -> None:
    for event in told:
        observer.on_event(event)


def balanced(observer: ArchiveObserver) -> bool:
    counts = observer.counts
    return counts.emitted == counts.written + counts.queued + sum(counts.dropped.values())


def test_what_is_told_is_in_the_archive_after_closing(
    observer: ArchiveObserver, teller: Any, ask: Ask
) -> None:
    tell(observer, teller.one_of_each())

    observer.close()
    observer.close()

    assert [row[0] for row in ask(CALLS)] == [f"call-{i:06}" for i in range(7)]
    assert ask("SELECT DISTINCT service, region FROM calls") == [("checkout", None)]
    assert observer.counts.written == observer.counts.emitted
    assert (
        ask("SELECT error_type, error_message FROM calls WHERE error_type IS NOT NULL")
        == [("ConnectionError", None)] * 2
    )


def test_what_is_told_is_there_after_a_flush(
    observer: ArchiveObserver, teller: Any, ask: Ask
) -> None:
    tell(observer, teller.success())

    assert observer.flush()

    assert ask(CALLS) == [("call-000000", "success")]


def test_nothing_is_touched_before_the_first_event(root: Path) -> None:
    with ArchiveObserver(root, service="s") as observer:
        assert repr(observer) == f"ArchiveObserver('{root}', service='s')"

    assert not root.exists()


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("")

    with pytest.raises(NotAnArchiveError, match="is a file; give a directory to write into"):
        ArchiveObserver(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep_s": -1},
        {"keep_s": timedelta(0)},
        {"max_unpublished_bytes": 0},
        {"queue_size": 0},
        {"rotate_rows": 0},
        {"rotate_s": float("nan")},
    ],
)
def test_a_limit_that_would_lose_everything_is_refused(root: Path, wrong: dict[str, Any]) -> None:
    ((name, value),) = wrong.items()

    with pytest.raises(ValueError, match="is not allowed; give a number above 0") as refused:
        ArchiveObserver(root, **wrong)

    assert str(refused.value).startswith(f"{name} {value!r}")


def test_a_pause_below_zero_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="flush_interval_s -1 is not allowed"):
        ArchiveObserver(root, flush_interval_s=-1)


def test_another_durability_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="'certain' is not a valid Durability"):
        ArchiveObserver(root, durability="certain")


@pytest.mark.parametrize("durability", ["batch", "fsync", "journal"])
def test_every_durability_writes_the_same(
    root: Path, teller: Any, ask: Ask, durability: str
) -> None:
    with ArchiveObserver(root, durability=durability, rotate_rows=10) as observer:
        tell(observer, teller.one_of_each())

    assert len(ask(CALLS)) == 7


def test_the_journal_has_each_event_when_the_call_goes_on(
    root: Path, teller: Any, ask: Ask
) -> None:
    with ArchiveObserver(root, durability="journal", flush_interval_s=60) as observer:
        tell(observer, teller.success())

        assert observer.counts.queued == 0
        assert ask(CALLS) == [("call-000000", "success")]


def test_an_event_that_comes_in_the_middle_of_writing_waits_for_the_next_time(
    root: Path, teller: Any
) -> None:
    class Curious(Disk):
        def append(self, descriptor: int, data: bytes) -> None:
            if later:
                observer.on_event(later.pop())
            super().append(descriptor, data)

    later: list[Any] = teller.success()[-1:]
    observer = ArchiveObserver(root, durability="journal", flush_interval_s=60, disk=Curious())
    tell(observer, teller.success())
    observer.close()

    assert observer.counts.written == 6
    assert balanced(observer)


def test_events_after_closing_are_counted(observer: ArchiveObserver, teller: Any) -> None:
    observer.close()

    tell(observer, teller.success())

    assert observer.counts.dropped == {"after_close": 5}
    assert balanced(observer)


def test_errors_are_not_kept_alive_and_messages_come_redacted(
    root: Path, teller: Any, ask: Ask
) -> None:
    class Odd(ConnectionError):
        pass

    def message_of(error: BaseException) -> str:
        return "redacted " + "x" * 5000

    told = teller.denied_retry()
    told[0].call.message_of = message_of
    error = Odd("secret")
    told = [e._replace(error=error) if getattr(e, "error", None) else e for e in told]
    gone = weakref.ref(error)
    with ArchiveObserver(root, flush_interval_s=60) as observer:
        tell(observer, told)
        del error, told
        gc.collect()
        assert gone() is None
        observer.flush()

    ((kind, message),) = ask("SELECT error_type, error_message FROM calls")
    assert kind.endswith("Odd")
    assert message == ("redacted " + "x" * 5000)[:4096]


def test_segments_are_published_while_the_calls_go_on(root: Path, teller: Any, ask: Ask) -> None:
    with ArchiveObserver(root, rotate_rows=5, flush_interval_s=0.001) as observer:
        for _ in range(5):
            tell(observer, teller.success())
            observer.flush()
        published = threading.Event()
        for _ in range(2000):
            if any((root / "calls").rglob("*.parquet")):
                break
            published.wait(0.001)

        assert any((root / "calls").rglob("*.parquet"))
        assert len(ask(CALLS)) == 5


def test_a_queue_that_is_full_drops_and_never_waits(root: Path, teller: Any) -> None:
    observer = ArchiveObserver(root, queue_size=8, flush_interval_s=60)
    for _ in range(10):
        tell(observer, teller.success())

    assert observer.counts.dropped["queue_full"] > 0
    assert balanced(observer)
    observer.close()
    assert balanced(observer)
    assert observer.counts.queued == 0


def test_the_account_is_exact_with_many_threads(root: Path, teller: Any, ask: Ask) -> None:
    told = [teller.success() for _ in range(400)]
    with ArchiveObserver(root, queue_size=512, flush_interval_s=0.001) as observer:

        def produce(first: int) -> None:
            for calls in told[first::4]:
                tell(observer, calls)

        threads = [threading.Thread(target=produce, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert balanced(observer)

    counts = observer.counts
    assert balanced(observer)
    assert counts.emitted == 2000
    assert counts.queued == 0
    ends = 400 - len(ask(CALLS))
    assert ends <= counts.dropped.get("queue_full", 0)


class Bare(SystemClock):
    """A machine without another thread to give."""

    def spawn(self, target: Callable[[], None], name: str) -> threading.Thread:
        message = "can't start new thread"
        raise RuntimeError(message)


def test_without_a_thread_the_end_writes_everything(root: Path, teller: Any, ask: Ask) -> None:
    observer = ArchiveObserver(root, clock=Bare(), rotate_rows=1)
    tell(observer, teller.success())
    observer.flush()
    tell(observer, teller.success())

    observer.close()

    assert len(ask(CALLS)) == 2


class Stuck(Disk):
    """A disk that does not answer until it is released."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.released = threading.Event()

    def make_folder(self, path: Path) -> None:
        self.asked.set()
        self.released.wait(20)
        super().make_folder(path)


def test_a_disk_that_hangs_delays_neither_calls_nor_the_end(
    root: Path, teller: Any, caplog: pytest.LogCaptureFixture, ask: Ask
) -> None:
    disk = Stuck()
    observer = ArchiveObserver(root, disk=disk, flush_interval_s=0.0)
    tell(observer, teller.success())
    assert disk.asked.wait(10)
    tell(observer, teller.success())

    observer.close(timeout_s=0.01)

    assert "was not finished within 0.01 s" in caplog.messages[0]
    disk.released.set()
    thread = observer._thread
    assert thread is not None
    thread.join(10)
    assert balanced(observer)
    assert len(ask(CALLS)) >= 1


class Mistake(Disk):
    """A disk whose first folder is a mistake of ours, not of the disk."""

    def __init__(self) -> None:
        self.seen = threading.Event()

    def make_folder(self, path: Path) -> None:
        if not self.seen.is_set():
            self.seen.set()
            message = "a mistake of ours"
            raise ZeroDivisionError(message)
        super().make_folder(path)


def test_events_that_cannot_be_recorded_are_counted_and_the_rest_goes_on(
    root: Path, teller: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    observer = ArchiveObserver(root, disk=Mistake(), durability="journal", flush_interval_s=60)
    tell(observer, teller.success())
    observer.close()

    assert "1 events cannot be recorded" in caplog.text
    assert observer.counts.dropped == {"encode": 1}
    assert observer.counts.written == 4
    assert balanced(observer)
    assert ask(CALLS) == [("call-000000", "success")]


def test_a_recorder_that_fails_goes_on(
    root: Path, teller: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(SystemClock):
        def __init__(self) -> None:
            self.asked = threading.Event()

        def time_unix_ns(self) -> int:
            if not self.asked.is_set():
                self.asked.set()
                message = "a mistake of ours"
                raise ZeroDivisionError(message)
            return super().time_unix_ns()

    clock = Wrong()
    observer = ArchiveObserver(root, clock=clock, flush_interval_s=0.0)
    tell(observer, teller.success())
    assert clock.asked.wait(10)
    observer.close()

    assert "the recorder failed; it goes on" in caplog.text
    assert ask(CALLS) == [("call-000000", "success")]


# ------------------------------------------------------------------ processes that end

PROGRAM = """
import os, sys, signal, atexit, threading
import recourse
from recourse_observe.archive import ArchiveObserver

root = sys.argv[1]
observer = ArchiveObserver(root, service="child", flush_interval_s={interval})
executor = recourse.Executor(
    policies=[recourse.Policy("a.B", retry=recourse.RetryPolicy(max_attempts=1))],
    observers=[observer],
)
"""


def run(
    root: Path, body: str, *, interval: float = 0.05, code: int = 0
) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(interval=interval) + textwrap.dedent(body)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(root)],
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def answers(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_store(survey(root)) as store:
        return store.rows(sql)


DISPOSITIONS = "SELECT disposition, count(*) FROM calls GROUP BY ALL ORDER BY ALL"


@pytest.mark.slow
def test_after_kill_9_finished_calls_are_there_and_those_in_flight_are_unfinished(
    root: Path,
) -> None:
    run(
        root,
        """
        for _ in range(100):
            executor.call("a.B", lambda: 1)

        def hang():
            threading.Event().wait(0.3)
            os.kill(os.getpid(), signal.SIGKILL)

        executor.call("a.B", hang)
        """,
        code=-signal.SIGKILL,
    )

    found = survey(root)
    assert found.warnings == ()
    assert [segment.is_alive for segment in found.segments] == [False]
    assert answers(root, DISPOSITIONS) == [("success", 100), ("unfinished", 1)]
    assert answers(root, "SELECT attempts_run FROM calls WHERE disposition = 'unfinished'") == [
        (1,)
    ]
    assert answers(root, "SELECT outcome, reason FROM attempts WHERE reason <> 'success'") == [
        ("abandoned", "unfinished")
    ]


@pytest.mark.slow
def test_the_interpreter_s_exit_writes_everything_and_what_is_told_even_later(
    root: Path,
) -> None:
    done = run(
        root,
        """
        atexit.register(lambda: executor.call("a.B", lambda: 1))  # runs after ours, which is newer
        for _ in range(50):
            executor.call("a.B", lambda: 1)
        """,
        interval=30,
    )

    assert done.stderr == ""
    assert answers(root, DISPOSITIONS) == [("success", 51)]


@pytest.mark.slow
def test_a_call_that_ends_after_the_exit_began_is_not_unfinished(root: Path) -> None:
    run(
        root,
        """
        going, go = threading.Event(), threading.Event()

        def slow():
            going.set()
            go.wait()

        thread = threading.Thread(target=executor.call, args=("a.B", slow), daemon=True)
        atexit.register(lambda: (go.set(), thread.join()))
        thread.start()
        going.wait()
        """,
        interval=30,
    )

    assert answers(root, DISPOSITIONS) == [("success", 1)]


@pytest.mark.slow
def test_a_forked_child_is_an_instance_of_its_own_and_does_not_keep_its_parent_alive(
    root: Path,
) -> None:
    run(
        root,
        """
        executor.call("a.B", lambda: 1)
        observer.flush()
        executor.call("a.B", lambda: 2)
        child = os.fork()
        if child == 0:
            for _ in range(10):
                executor.call("a.B", lambda: 3)
            observer.close()
            os._exit(0)
        os.waitpid(child, 0)
        executor.call("a.B", lambda: 4)
        """,
        interval=30,
    )

    counts = "SELECT count(*) FROM calls GROUP BY instance ORDER BY 1"
    assert answers(root, counts) == [(3,), (10,)]
    assert survey(root).segments == ()


@pytest.mark.slow
def test_a_child_forked_while_its_parent_begins_to_record_writes_at_its_end(root: Path) -> None:
    run(
        root,
        """
        register = atexit.register

        def fork_first(function):
            atexit.register = register
            child = os.fork()  # another thread could, at this very moment
            if child == 0:
                executor.call("a.B", lambda: 1)
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
            return register(function)

        atexit.register = fork_first
        executor.call("a.B", lambda: 2)
        """,
        interval=30,
    )

    assert answers(root, DISPOSITIONS) == [("success", 2)]


@pytest.mark.slow
def test_recording_imports_nothing_that_a_forked_child_could_wait_for(root: Path) -> None:
    run(
        root,
        """
        before = set(sys.modules)
        executor.call("a.B", lambda: 1)
        observer.close()
        assert not set(sys.modules) - before, set(sys.modules) - before
        """,
    )

    assert survey(root).segments == ()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_children_of_multiprocessing_write_at_their_end(root: Path, method: str) -> None:
    body = f"""
    import multiprocessing

    def work():
        for _ in range(20):
            executor.call("a.B", lambda: 1)

    context = multiprocessing.get_context({method!r})
    children = [context.Process(target=work) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    """
    script = root.with_name("main.py")
    program = PROGRAM.format(interval=30)
    guarded = textwrap.dedent(body).replace(
        "context =", "if __name__ != '__main__':\n    raise SystemExit\ncontext ="
    )
    if method == "forkserver":
        guarded = guarded.replace("    raise SystemExit\n", "    pass\nelse:\n    ", 1)
        head, _, tail = guarded.partition("else:\n    context")
        guarded = head + "else:\n" + textwrap.indent("context" + tail, "    ")
    script.write_text(program + guarded)

    done = subprocess.run(
        [sys.executable, str(script), str(root)],
        capture_output=True, text=True, timeout=25, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    counts = "SELECT count(*) FROM calls GROUP BY instance"
    assert answers(root, counts) == [(20,), (20,)]


@pytest.mark.slow
def test_the_writer_never_imports_pandas(root: Path, tmp_path: Path) -> None:
    (tmp_path / "pandas.py").write_text("raise SystemExit('pandas was imported')")

    run(
        root,
        f"""
        sys.path.insert(0, {str(tmp_path)!r})
        executor.call("a.B", lambda: 1)
        observer.close()
        assert "pandas" not in sys.modules
        """,
    )

    assert answers(root, DISPOSITIONS) == [("success", 1)]


def test_an_observer_that_nobody_keeps_is_forgotten(root: Path) -> None:
    observer = ArchiveObserver(root)
    gone = weakref.ref(observer)
    del observer
    gc.collect()

    assert gone() is None
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
