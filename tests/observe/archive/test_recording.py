import contextlib
import errno
import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import open_store, survey
from recourse_observe.archive.columns import Rows, Words, row
from recourse_observe.archive.disk import Disk
from recourse_observe.archive.files import Source
from recourse_observe.archive.instance import Lock
from recourse_observe.archive.journal import JournalOptions
from recourse_observe.archive.leftovers import recover
from recourse_observe.archive.queue import EventQueue
from recourse_observe.archive.recording import Recording
from recourse_observe.archive.segment import SegmentHead, SegmentWriter

Ask = Callable[..., list[tuple[Any, ...]]]
Taken = Callable[[list[Any]], list[Any]]
OPTIONS = JournalOptions(service="checkout", instance="web-1", region="eu")


class Recorder:
    """A recording with its queue, driven by hand on a virtual clock."""

    def __init__(self, root: Path, teller: Any, disk: Disk, options: JournalOptions) -> None:
        self.clock = teller.clock
        self.queue: EventQueue = EventQueue(1000, lambda: None)
        self.pauses = 0
        self.recording = Recording(
            root, options, self.queue, teller.clock, disk, pause=self._paused
        )

    def _paused(self) -> None:
        self.pauses += 1

    def tell(self, told: list[Any]) -> None:
        for event in told:
            self.queue.put(event)
        self.recording.step()

    @property
    def dropped(self) -> dict[str, int]:
        return dict(self.queue.counts().dropped)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def recorder(root: Path, teller: Any) -> Callable[..., Recorder]:
    def made(disk: Disk | None = None, **options: Any) -> Recorder:
        chosen = JournalOptions(service="checkout", instance="web-1", region="eu", **options)
        return Recorder(root, teller, disk or Disk(), chosen)

    return made


class Flaky(Disk):
    """A disk whose n-th operation fails, and every one after it while ``broken``."""

    def __init__(self, fails_at: int, *, lasting: bool = False, code: int = errno.ENOSPC) -> None:
        self.left = fails_at
        self.lasting = lasting
        self.code = code
        self.failed = 0

    def _step(self) -> None:
        self.left -= 1
        if self.left == 0 or (self.left < 0 and self.lasting):
            self.failed += 1
            raise OSError(self.code, os.strerror(self.code))

    def make_folder(self, path: Path) -> None:
        self._step()
        super().make_folder(path)

    def write(self, path: Path, write: Callable[[Path], object]) -> None:
        super().write(path, write)
        try:
            self._step()
        except OSError:
            os.truncate(path, path.stat().st_size // 2)
            raise

    def sync_path(self, path: Path) -> None:
        self._step()
        super().sync_path(path)

    def rename(self, path: Path, to: Path) -> None:
        self._step()
        super().rename(path, to)

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def append(self, descriptor: int, data: bytes) -> None:
        try:
            self._step()
        except OSError:
            super().append(descriptor, data[: len(data) // 2])
            raise
        super().append(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._step()
        super().sync(descriptor)

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        self._step()

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)

    def remove_folder(self, path: Path) -> None:
        self._step()
        super().remove_folder(path)


CALLS = "SELECT call_id, disposition FROM calls ORDER BY call_id"


def test_a_living_writer_s_rows_are_read_before_they_are_published(
    recorder: Callable[..., Recorder], teller: Any, taken: Taken, ask: Ask
) -> None:
    writer = recorder()

    writer.tell(taken([*teller.one_of_each(), *teller.in_flight()]))

    assert [row[0] for row in ask(CALLS)] == [f"call-{i:06}" for i in range(7)]
    assert ask("SELECT DISTINCT service, instance, region FROM attempts") == [
        ("checkout", "web-1", "eu")
    ]
    assert ask("SELECT event, rows FROM recorder") == [("started", 0)]
    assert writer.queue.counts().queued == 0


@pytest.mark.slow
def test_closing_publishes_everything_and_calls_in_flight_are_unfinished(
    recorder: Callable[..., Recorder], root: Path, teller: Any, taken: Taken, ask: Ask
) -> None:
    writer = recorder()
    writer.tell(taken([*teller.success(), *teller.in_flight()]))
    before = ask("SELECT * FROM attempts ORDER BY ALL")

    writer.recording.finish(leave=True)

    assert survey(root).segments == ()
    assert list((root / "_live").iterdir()) == []
    assert ask(CALLS) == [("call-000000", "success"), ("call-000001", "unfinished")]
    assert ask(
        "SELECT final_outcome, final_reason, attempts_run, retries, success FROM calls"
        " WHERE disposition = 'unfinished'"
    ) == [("abandoned", "unfinished", 2, 1, False)]
    assert ask(
        "SELECT attempt, outcome, reason FROM attempts WHERE call_id = 'call-000001' ORDER BY 1"
    ) == [(0, "retryable", "http_503"), (1, "abandoned", "unfinished")]
    assert set(before) < set(ask("SELECT * FROM attempts"))
    assert ask("SELECT event FROM recorder ORDER BY recorded_at, event") == [
        ("started",),
        ("closed",),
    ] or ask("SELECT count(*) FROM recorder") == [(2,)]
    assert ask("SELECT sum(calls), sum(attempts) FROM rollups") == [(1, 1)]


def test_a_call_may_span_segments_and_is_told_once(
    recorder: Callable[..., Recorder], teller: Any, taken: Taken, ask: Ask
) -> None:
    writer = recorder(rotate_s=60.0)
    call, begun = teller.start()
    first = teller.launch(call)
    writer.tell([*begun, first])
    writer.clock.advance(61)
    writer.recording.rotate_if_due()
    assert writer.recording.publishable
    writer.recording.work_aside()

    writer.tell([])
    assert ask(CALLS) == []
    writer.tell([teller.land(first), teller.end(call, 1)])

    assert ask(CALLS) == [("call-000000", "success")]
    assert ask("SELECT count(*) FROM attempts") == [(1,)]


@pytest.mark.slow
def test_a_dead_writer_s_calls_in_flight_are_unfinished_and_it_is_recovered_by_the_next_start(
    recorder: Callable[..., Recorder], root: Path, teller: Any, taken: Taken, ask: Ask
) -> None:
    dead = recorder()
    dead.tell(taken([*teller.success(), *teller.in_flight()]))
    alive = ask(CALLS)
    dead.recording.forget()  # as when the process dies: the lock is gone, the files stay
    expected = [("call-000000", "success"), ("call-000001", "unfinished")]

    assert alive == expected[:1]
    assert ask(CALLS) == expected

    heir = recorder()
    heir.tell(teller.success())
    heir.recording.work_aside()
    heir.tell([])
    assert ask(CALLS) == [*expected, ("call-000002", "success")]
    assert [segment.is_alive for segment in survey(root).segments] == [True]
    assert heir.recording.source.instance.startswith("web-1-20261121T14")
    assert ask("SELECT detail FROM recorder WHERE event = 'recovered'") == [('{"web-1": 7}',)]


def test_an_instance_that_was_used_gets_another_name(
    recorder: Callable[..., Recorder], teller: Any, ask: Ask
) -> None:
    for _ in range(2):
        writer = recorder()
        writer.tell(teller.success())
        writer.recording.finish(leave=True)

    assert ask("SELECT count(DISTINCT instance), count(*) FROM calls") == [(2, 2)]


@pytest.mark.parametrize(
    ("options", "seconds", "due"),
    [
        ({"rotate_s": 60.0}, 59.0, False),
        ({"rotate_s": 60.0}, 60.0, True),
        ({"rotate_s": 9e9}, 3599.0, False),
        ({"rotate_s": 9e9}, 3600.0, True),
        ({"rotate_rows": 4}, 0.0, True),
    ],
)
def test_a_segment_ends_by_age_by_rows_and_with_the_hour(
    recorder: Callable[..., Recorder],
    teller: Any,
    options: dict[str, Any],
    seconds: float,
    *,
    due: bool,
) -> None:
    writer = recorder(**options)
    writer.recording.rotate_if_due()
    assert not writer.recording.publishable
    writer.tell(teller.success())

    writer.clock.advance(seconds - (writer.clock.monotonic_s() if seconds >= 3599 else 0))
    writer.recording.rotate_if_due()

    assert bool(writer.recording.publishable) is due


def test_a_segment_without_calls_is_not_published_every_minute(
    recorder: Callable[..., Recorder], teller: Any
) -> None:
    writer = recorder(rotate_s=60.0)
    writer.tell([])

    writer.clock.advance(600)
    writer.recording.rotate_if_due()

    assert not writer.recording.publishable


def test_a_segment_with_too_many_words_ends(
    recorder: Callable[..., Recorder], teller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.archive.recording._MOST_WORDS", 3)
    writer = recorder()

    writer.tell(teller.success())
    writer.recording.rotate_if_due()

    assert writer.recording.publishable


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({}, '{"flush_ms": 50.0}'),
        ({"flush_s": 0.2, "sample": 10}, '{"flush_ms": 200.0, "sample": 10}'),
    ],
)
def test_a_writer_says_how_much_of_it_a_crash_may_cost(
    recorder: Callable[..., Recorder], ask: Ask, options: dict[str, Any], detail: str
) -> None:
    recorder(**options).tell([])

    assert ask("SELECT detail FROM recorder WHERE event = 'started'") == [(detail,)]


class Tidied(Disk):
    """A disk on which somebody who recovers takes a new writer's folders for a dead one's."""

    def __init__(self, tidy: Callable[[Path], object], times: int) -> None:
        self.tidy = tidy
        self.left = times

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        if path.parent.name == "_live" and self.left:
            self.left -= 1
            self.tidy(path)


@pytest.mark.parametrize("tidy", [Path.rmdir, Lock], ids=["has removed it", "holds its lock"])
def test_a_writer_whose_folder_is_tidied_away_takes_another(
    tidy: Callable[[Path], object], recorder: Callable[..., Recorder], teller: Any, ask: Ask,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    disk = Tidied(tidy, times=4)

    recorder(disk).tell(teller.success())

    assert disk.left == 0
    assert ask("SELECT count(*) FROM calls") == [(1,)]
    assert caplog.records == []


def test_a_writer_that_finds_no_folder_tries_again_later(
    recorder: Callable[..., Recorder], teller: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    writer = recorder(Tidied(Path.rmdir, times=5))

    writer.tell(teller.success())
    writer.clock.advance(40)
    writer.recording.step()

    assert "it is tried again" in caplog.text
    assert ask("SELECT count(*) FROM calls") == [(1,)]


class Syncs(Disk):
    """A disk that counts how often it was asked to be sure."""

    def __init__(self) -> None:
        self.synced = 0
        self.refuses = False

    def sync(self, descriptor: int) -> None:
        if self.refuses:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(descriptor)
        self.synced += 1


@pytest.mark.parametrize(("sync_s", "expected"), [(None, 0), (0.0, 2), (5.0, 0)])
def test_batches_are_put_on_the_disk_when_it_is_asked_for(
    recorder: Callable[..., Recorder], teller: Any, sync_s: float | None, expected: int
) -> None:
    disk = Syncs()
    writer = recorder(disk, sync_s=sync_s)

    writer.tell(teller.success())
    writer.tell(teller.success())

    assert disk.synced == expected


def test_what_was_written_is_on_the_disk_after_the_interval_even_if_nothing_follows(
    recorder: Callable[..., Recorder], teller: Any
) -> None:
    disk = Syncs()
    writer = recorder(disk, sync_s=5.0)
    writer.tell(teller.success())
    assert 0 < writer.recording.wait_s() <= 5

    writer.clock.advance(5)
    assert writer.recording.wait_s() == 0
    writer.recording.step()

    assert disk.synced == 1
    assert writer.recording.wait_s() > 4  # the next heartbeat
    writer.tell(teller.success())
    writer.recording.finish(leave=True)
    assert disk.synced == 2  # before the segment is closed


def test_a_disk_that_cannot_be_sure_is_asked_with_another_segment(
    recorder: Callable[..., Recorder], teller: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Syncs()
    writer = recorder(disk, sync_s=5.0)
    writer.tell(teller.success())
    disk.refuses = True
    writer.clock.advance(5)
    writer.recording.step()

    disk.refuses = False
    writer.clock.advance(2)
    writer.tell(teller.success())

    assert len(ask(CALLS)) == 2
    assert "cannot be written" in caplog.messages[0]
    assert writer.recording.publishable == 1


def test_nothing_is_written_while_too_much_waits_to_be_published(
    recorder: Callable[..., Recorder],
    root: Path,
    teller: Any,
    ask: Ask,
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer = recorder(rotate_rows=1, unpublished_bytes=1)
    (root / "calls").mkdir(parents=True)
    in_the_way = root / "calls" / "date=2026-11-21"
    in_the_way.write_text("")
    writer.tell(teller.in_flight())
    for _ in range(4):
        writer.tell(teller.success())
        writer.recording.rotate_if_due()
        writer.recording.work_aside()
    counts = writer.queue.counts()
    assert counts.queued > 0
    assert counts.emitted == counts.written + counts.queued
    segments = list((root / "_live" / "web-1").glob("*.segment"))
    assert len(segments) == 2
    assert any("wait to be published" in line for line in caplog.messages)

    in_the_way.unlink()
    writer.clock.advance(30)
    writer.recording.work_aside()
    writer.recording.step()

    assert len(ask(CALLS)) == 4
    assert writer.queue.counts().queued == 0


def test_a_segment_that_is_large_ends(
    recorder: Callable[..., Recorder], teller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.archive.journal._LARGEST_BYTES", 100)
    writer = recorder()
    writer.tell(teller.success())

    writer.recording.rotate_if_due()

    assert writer.recording.publishable == 1


def test_a_writer_removes_what_is_older_than_it_keeps(
    recorder: Callable[..., Recorder], teller: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    writer = recorder(rotate_rows=1, keep_s=7200.0)
    writer.tell(teller.success())
    writer.recording.rotate_if_due()
    writer.recording.work_aside()
    assert not writer.recording.has_work_aside

    writer.clock.advance(3 * 3600)
    assert writer.recording.has_work_aside
    writer.tell(teller.success())
    writer.recording.work_aside()

    assert ask(CALLS) == [("call-000001", "success")]
    assert caplog.messages[-1].endswith("old files were removed")
    assert not writer.recording.has_work_aside


def test_old_files_that_cannot_be_removed_are_one_line_and_tried_again(
    recorder: Callable[..., Recorder], root: Path, teller: Any, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Flaky(0)
    writer = recorder(disk, rotate_rows=1, keep_s=60.0)
    writer.tell(teller.success())
    writer.recording.rotate_if_due()
    writer.recording.work_aside()
    writer.clock.advance(3600)
    disk.left, disk.lasting = 1, True

    writer.recording.work_aside()

    assert "old files cannot be removed" in caplog.messages[-1]
    assert not writer.recording.has_work_aside
    disk.left, disk.lasting = 0, False
    writer.clock.advance(600)
    writer.recording.work_aside()
    assert not list((root / "calls").rglob("*.parquet"))


def test_heartbeats_and_drops_are_told(
    recorder: Callable[..., Recorder], teller: Any, ask: Ask
) -> None:
    writer = recorder()
    writer.tell([])
    assert 9.9 < writer.recording.wait_s() <= 10.0
    writer.clock.advance(10)
    assert writer.recording.wait_s() == 0
    writer.tell([])
    writer.queue.refuse("after_close")
    writer.tell([])

    assert ask("SELECT event, dropped_events, detail FROM recorder ORDER BY recorded_at") == [
        ("started", 0, '{"flush_ms": 50.0}'),
        ("heartbeat", 0, None),
        ("dropped", 1, '{"after_close": 1}'),
    ]


def test_an_event_that_cannot_be_understood_is_counted(
    recorder: Callable[..., Recorder], teller: Any
) -> None:
    writer = recorder()
    broken = teller.success()
    broken[3] = broken[3]._replace(started_s=float("nan"))

    writer.tell(broken)

    counts = writer.queue.counts()
    assert (counts.emitted, counts.written, counts.dropped) == (5, 4, {"encode": 1})


def test_publishing_pauses_so_that_others_get_a_turn(
    recorder: Callable[..., Recorder], teller: Any
) -> None:
    writer = recorder(rotate_rows=1)
    writer.tell(teller.success())
    writer.recording.rotate_if_due()

    writer.recording.work_aside()

    assert writer.pauses > 4


def test_what_a_thread_absorbs_waits_for_the_next_step(
    recorder: Callable[..., Recorder], teller: Any, ask: Ask
) -> None:
    writer = recorder()
    for event in teller.success():
        writer.queue.put(event)

    writer.recording.absorb()

    counts = writer.queue.counts()
    assert (counts.queued, counts.written) == (5, 0)
    assert writer.queue.take() == []
    writer.tell([])
    assert ask(CALLS) == [("call-000000", "success")]
    assert writer.queue.counts().written == 5


def test_nothing_is_absorbed_while_somebody_else_does(
    recorder: Callable[..., Recorder], teller: Any
) -> None:
    writer = recorder()
    with writer.recording._folding:
        for event in teller.success():
            writer.queue.put(event)
        writer.recording.absorb()

        assert len(writer.queue.take()) == 5


def test_memory_is_bounded_while_nothing_can_be_written(
    recorder: Callable[..., Recorder], teller: Any
) -> None:
    writer = recorder()

    for _ in range(600):
        for event in teller.success():
            writer.queue.put(event)
        writer.recording.absorb()

    counts = writer.queue.counts()
    assert counts.emitted == 3000
    assert counts.queued == 2000
    assert counts.high_water == 2000
    assert counts.dropped == {"queue_full": 1000}


def test_a_dropped_event_leaves_a_mark_on_its_call(
    recorder: Callable[..., Recorder], teller: Any, ask: Ask
) -> None:
    writer = recorder()
    call, begun = teller.start()
    writer.tell(begun)
    lost = teller.launch(call)
    for _ in range(1000):
        writer.queue.put(lost)
    writer.recording.step()

    writer.tell([teller.end(call, 1)])

    assert ask("SELECT attributes FROM calls") == [('{"truncated": "true"}',)]


CODES = (errno.ENOSPC, errno.EIO, errno.EINTR, errno.EACCES)


@pytest.mark.slow
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_whichever_operation_fails_once_nothing_is_lost_or_told_twice(
    tmp_path: Path, taken: Taken, teller: Any, code: int
) -> None:
    teller_class = type(teller)
    number = 0
    while True:
        number += 1
        teller = teller_class()
        root = tmp_path / str(number)
        disk = Flaky(number, code=code)
        options = JournalOptions(service="s", instance="i", rotate_rows=4, sync_s=0.0)
        writer = Recorder(root, teller, disk, options)
        for _ in range(2):
            writer.tell(taken(teller.retried()))
            writer.clock.advance(40)
            writer.recording.rotate_if_due()
        writer.tell([])
        counts = writer.queue.counts()
        failed, disk.left = disk.failed, 0
        writer.recording.forget()

        if not failed:
            break
        assert (counts.written, counts.queued, counts.dropped) == (18, 0, {}), number
        tables = [segment.tables for segment in survey(root).segments]
        calls = [i for t in tables if "calls" in t for i in t["calls"]["call_id"].to_pylist()]
        assert sorted(calls) == ["call-000000", "call-000001"], number
        assert sum(t["attempts"].num_rows for t in tables if "attempts" in t) == 4, number
    assert number > 12


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_whichever_operation_of_publishing_fails_nothing_is_lost_or_told_twice(
    tmp_path: Path, taken: Taken, teller: Any
) -> None:
    number, failed = 0, 1
    while failed:
        number += 1
        teller, root = type(teller)(), tmp_path / str(number)
        disk = Flaky(0)
        writer = Recorder(root, teller, disk, replace(OPTIONS, rotate_rows=4))
        writer.tell(taken(teller.retried()))
        writer.recording.rotate_if_due()
        disk.left, disk.code = number, CODES[number % len(CODES)]

        writer.recording.work_aside()
        failed = disk.failed
        assert _calls_and_attempts(root) == (["call-000000"], 2), number

        writer.clock.advance(40)
        writer.recording.work_aside()
        assert survey(root).segments == (), number
        assert _calls_and_attempts(root) == (["call-000000"], 2), number
        writer.recording.forget()
    assert number > 20


def _calls_and_attempts(root: Path) -> tuple[list[str], int]:
    """Ids of the calls, and the number of attempts, however they are stored."""
    found = survey(root)
    told = [segment.tables for segment in found.segments]
    calls = [i for t in told if "calls" in t for i in t["calls"]["call_id"].to_pylist()]
    for file in found.files.get("calls", ()):
        calls += pq.ParquetFile(str(file.path)).read(["call_id"])["call_id"].to_pylist()
    attempts = sum(t["attempts"].num_rows for t in told if "attempts" in t)
    return calls, attempts + sum(file.rows for file in found.files.get("attempts", ()))


@pytest.mark.parametrize("refused", ["remove", "remove_folder"])
def test_a_folder_that_cannot_be_removed_is_left_behind(
    recorder: Callable[..., Recorder],
    teller: Any,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
) -> None:
    def refuse(disk: Disk, path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Disk, refused, refuse)
    writer = recorder()
    writer.tell(teller.success())

    writer.recording.finish(leave=True)

    assert ask(CALLS) == [("call-000000", "success")]


def test_a_full_disk_is_one_line_and_is_tried_again_with_patience(
    recorder: Callable[..., Recorder],
    teller: Any,
    ask: Ask,
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = Flaky(10, lasting=True)
    writer = recorder(disk)
    writer.tell(teller.success())
    tries = [disk.failed]

    for _ in range(5):
        writer.tell(teller.success())
        assert writer.recording.wait_s() > 0
        writer.clock.advance(writer.recording.wait_s())
        writer.tell([])
        tries.append(disk.failed)
    disk.lasting = False
    writer.clock.advance(30)
    writer.tell([])

    assert [after - before for before, after in pairwise(tries)] == [1] * 5
    assert [r.levelno for r in caplog.records] == [logging.WARNING] * 2
    assert "cannot be written ([Errno 28] No space left on device)" in caplog.messages[0]
    assert "that is over; 0 events were dropped" in caplog.messages[1]
    assert len(ask(CALLS)) == 6


def test_what_is_still_refused_at_the_end_is_counted(
    recorder: Callable[..., Recorder], teller: Any
) -> None:
    writer = recorder(Flaky(1, lasting=True))
    writer.tell(teller.success())

    writer.recording.finish(leave=True)

    counts = writer.queue.counts()
    assert (counts.emitted, counts.written, counts.queued) == (5, 0, 0)
    assert counts.dropped == {"io_error": 5}


def test_a_directory_that_is_removed_is_made_again(
    recorder: Callable[..., Recorder], root: Path, teller: Any, ask: Ask
) -> None:
    writer = recorder()
    writer.tell(teller.success())
    root.rename(root.with_name("elsewhere"))
    (root.with_name("elsewhere") / "_live" / "web-1" / "000000.segment").unlink()

    writer.tell(teller.success())
    writer.clock.advance(1)
    writer.tell([])

    assert ask(CALLS) == [("call-000001", "success")]


@pytest.mark.slow
def test_a_publication_that_fails_is_tried_again_and_readers_read_the_segment_meanwhile(
    recorder: Callable[..., Recorder],
    root: Path,
    teller: Any,
    ask: Ask,
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer = recorder(rotate_rows=1)
    (root / "calls").mkdir(parents=True)
    (root / "calls" / "date=2026-11-21").write_text("in the way")
    writer.tell(teller.success())
    writer.recording.rotate_if_due()
    writer.recording.work_aside()

    odd = ("calls: 1 links or odd names were not followed, for example date=2026-11-21",)
    assert ask(CALLS, warnings=odd) == [("call-000000", "success")]
    assert ask("SELECT count(*) FROM attempts", warnings=odd) == [(1,)]
    assert not writer.recording.has_work_aside

    (root / "calls" / "date=2026-11-21").unlink()
    writer.clock.advance(1)
    assert writer.recording.has_work_aside
    writer.recording.work_aside()

    assert not any(segment.rows for segment in survey(root).segments)
    assert ask(CALLS) == [("call-000000", "success")]
    assert ask("SELECT count(*) FROM attempts") == [(1,)]
    assert "segments cannot be published" in caplog.messages[0]
    assert "that is over" in caplog.messages[1]


def test_a_segment_that_somebody_removed_or_ruined_is_left(
    recorder: Callable[..., Recorder],
    root: Path,
    teller: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer = recorder(rotate_rows=1)
    for ruin in (Path.unlink, lambda path: path.write_bytes(b"x")):
        writer.tell(teller.success())
        writer.recording.rotate_if_due()
        ruin(max((root / "_live" / "web-1").glob("*.segment")))
        writer.recording.work_aside()

    writer.recording.finish(leave=True)

    assert [r.levelno for r in caplog.records] == [logging.ERROR]
    assert survey(root).warnings == (
        "_live/web-1/000001.segment has no whole batch; it was skipped",
    )


def test_at_exit_a_call_in_flight_keeps_its_segment_open(
    recorder: Callable[..., Recorder], root: Path, teller: Any, ask: Ask
) -> None:
    writer = recorder()
    call, begun = teller.start()
    writer.tell(begun)

    writer.recording.finish(leave=False)
    writer.queue.put(teller.end(call, 0))
    writer.recording.step(late=True)

    assert ask(CALLS) == [("call-000000", "success")]
    assert writer.queue.counts().late == 1
    assert [segment.is_alive for segment in survey(root).segments] == [True]


@pytest.fixture
def dead(recorder: Callable[..., Recorder], root: Path, teller: Any) -> Path:
    """The folder of a writer that died with one segment of one success and one call in flight."""
    writer = recorder()
    writer.tell([*teller.success(), *teller.in_flight()])
    writer.recording.forget()
    return root / "_live" / "web-1"


def test_recovery_publishes_and_removes(dead: Path, root: Path, ask: Ask) -> None:
    assert recover(root) == {"web-1": 7}
    assert recover(root) == {}
    assert not dead.exists()
    assert ask(CALLS) == [("call-000000", "success"), ("call-000001", "unfinished")]


def counted(root: Path) -> dict[str, int]:
    """Rows by table, as a reader sees them."""
    found = survey(root)
    assert found.warnings == ()
    return {
        table: sum(file.rows for file in files)
        + sum(s.tables[table].num_rows for s in found.segments if table in s.tables)
        for table, files in found.files.items()
    }


@pytest.mark.slow
def test_recovery_after_a_publication_that_was_cut_off_at_any_file_reads_each_row_once(
    dead: Path, root: Path
) -> None:
    segment = (dead / "000000.segment").read_bytes()
    recover(root)
    files = sorted(root.rglob("*.parquet"), key=lambda path: (path.parts[-4] == "calls", path))
    whole = {path: path.read_bytes() for path in files}
    expected = counted(root)
    assert expected["calls"] == 2

    for done in range(len(files) + 1):
        for path in files:
            path.unlink(missing_ok=True)
        for path in files[:done]:
            path.write_bytes(whole[path])
        dead.mkdir(exist_ok=True)
        (dead / "000000.segment").write_bytes(segment)
        assert counted(root) == expected, done
        recover(root)
        assert counted(root) == expected, done
        assert not dead.exists()


@pytest.mark.slow
def test_calls_in_flight_survive_a_crash_between_two_segments(
    recorder: Callable[..., Recorder], root: Path, teller: Any, ask: Ask
) -> None:
    writer = recorder(rotate_rows=1)
    call, begun = teller.start()
    writer.tell([*begun, teller.launch(call), *teller.success()])
    writer.recording.rotate_if_due()  # which tells the call in flight again, in the next segment
    writer.recording.forget()
    older, newer = sorted((root / "_live" / "web-1").glob("*.segment"))
    expected = [("call-000000", "unfinished"), ("call-000001", "success")]
    assert ask(CALLS) == expected

    for rest in (newer.read_bytes()[:200], b""):
        newer.write_bytes(rest)
        with contextlib.suppress(AssertionError):
            ask(CALLS)
        with open_store(survey(root)) as store:
            assert store.rows(CALLS) == expected

    older.unlink()
    newer.unlink()


@pytest.mark.slow
def test_a_call_in_flight_in_a_segment_older_than_a_published_one_is_not_unfinished(
    recorder: Callable[..., Recorder], root: Path, teller: Any, ask: Ask
) -> None:
    writer = recorder(rotate_rows=1)
    call, begun = teller.start()
    writer.tell([*begun, *teller.success()])
    writer.recording.rotate_if_due()
    older = (root / "_live" / "web-1" / "000000.segment").read_bytes()
    writer.recording.work_aside()
    writer.tell([teller.end(call, 0)])
    writer.recording.finish(leave=True)
    whole = ask(CALLS)
    (root / "_live" / "web-1").mkdir()
    (root / "_live" / "web-1" / "000000.segment").write_bytes(older)
    for path in (root / "calls").rglob("*-000000.parquet"):
        path.unlink()

    assert ask(CALLS) == whole
    recover(root)
    assert ask(CALLS) == whole


def test_recovery_leaves_what_it_cannot_read_and_removes_what_is_empty(
    dead: Path, root: Path
) -> None:
    (dead / "000001.segment").write_bytes(b"")
    (dead / "000002.segment").write_bytes(b"ruined")
    (dead / "notes.txt").write_text("not ours")

    assert recover(root) == {"web-1": 7}
    assert sorted(path.name for path in dead.iterdir()) == ["000002.segment", "lock", "notes.txt"]


def test_recovery_leaves_the_living_and_what_somebody_else_recovers(
    dead: Path, root: Path, monkeypatch: pytest.MonkeyPatch, recorder: Callable[..., Recorder]
) -> None:
    writer = recorder()
    writer.tell([])
    writer.recording.work_aside()
    assert recover(root) == {}

    writer.recording.forget()
    monkeypatch.setattr("recourse_observe.archive.leftovers.is_alive", lambda folder: False)
    holder = recorder()
    holder.tell([])
    holder.recording.work_aside()
    assert recover(root) == {}


def test_recovery_goes_on_behind_a_crafted_segment(
    dead: Path, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words, rows = Words(), Rows()
    word, longs, others = row("calls", attempts_run=2**40, call_id="c")
    rows.add(words.code("calls", word), longs, others)
    crafted = root / "_live" / "a-first"
    crafted.mkdir()
    head = SegmentHead(
        source=Source(service="s", instance="a-first"), sequence=0, wall_ns=0, monotonic_ns=0
    )
    SegmentWriter(Disk(), crafted / "000000.segment", head, words).append({"calls": rows}, 0, 0)

    assert list(recover(root)) == ["web-1"]

    assert not dead.exists()
    assert "segments of a-first cannot be recovered" in caplog.messages[0]


def test_recovery_goes_on_when_one_folder_refuses(
    dead: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("recourse_observe.archive.leftovers.publish_segment", refuse)

    assert recover(root) == {}
    assert (dead / "000000.segment").exists()


def test_a_torn_segment_of_a_dead_writer_is_named(dead: Path, root: Path, ask: Ask) -> None:
    with (dead / "000000.segment").open("ab") as file:
        file.write(b"RCS1torn")

    named = "_live/web-1/000000.segment ends in a torn batch of 8 bytes, which was left out"
    assert len(ask(CALLS, warnings=(named,))) == 2


def test_segments_that_cannot_be_opened_or_are_too_large_are_named(
    dead: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = root / "_live" / "web-2"
    other.mkdir()
    with (other / "000000.segment").open("wb") as file:
        file.truncate(2 << 30)

    assert survey(root).warnings == (
        "_live/web-2/000000.segment has 2048 MiB, more than a segment ever has; it was skipped",
    )

    def refuse(path: Path) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("recourse_observe.archive.leftovers.read_segment", refuse)
    from recourse_observe.archive.errors import ArchiveError

    with pytest.raises(ArchiveError):
        survey(root)


def test_names_in_live_that_are_none_are_not_followed(dead: Path, root: Path, ask: Ask) -> None:
    (root / "_live" / "link").symlink_to(dead)
    (root / "_live" / ".hidden").mkdir()
    (dead / "000009.segment").symlink_to(dead / "000000.segment")

    assert len(ask(CALLS)) == 2


def test_the_recovered_are_told(dead: Path, recorder: Callable[..., Recorder], ask: Ask) -> None:
    writer = recorder()
    writer.tell([])
    writer.recording.work_aside()
    writer.tell([])

    details = ask("SELECT detail FROM recorder WHERE event = 'recovered'")
    assert json.loads(details[0][0]) == {"web-1": 7}


def test_what_is_told_is_written_before_the_dead_are_looked_for(
    dead: Path, recorder: Callable[..., Recorder], teller: Any, ask: Ask
) -> None:
    writer = recorder()
    writer.tell(teller.success())

    assert (dead / "000000.segment").exists()
    assert writer.queue.counts().written == writer.queue.counts().emitted
    assert writer.recording.has_work_aside


def test_a_disk_that_cannot_be_searched_for_the_dead_is_no_trouble(
    dead: Path, recorder: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(root: Path, *_: object) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", str(root))

    monkeypatch.setattr("recourse_observe.archive.publisher.recover", refuse)
    writer = recorder()
    writer.tell([])
    writer.recording.work_aside()

    assert not writer.recording.has_work_aside
