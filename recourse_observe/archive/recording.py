"""What the recorder's thread does, one step at a time, without the thread."""

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from recourse.clock import Clock
from recourse_observe.archive.columns import Rows, row
from recourse_observe.archive.disk import Disk
from recourse_observe.archive.files import Source
from recourse_observe.archive.fold import Fold
from recourse_observe.archive.journal import Journal, JournalOptions
from recourse_observe.archive.publisher import Publisher
from recourse_observe.archive.queue import Counts, EventQueue
from recourse_observe.archive.trouble import Trouble

__all__ = ["Recording"]

_LOG: Final = logging.getLogger("recourse.archive")
_HEARTBEAT_S: Final = 10.0
_MOST_WORDS: Final = 50_000


class Recording:
    """Events from a queue to segments, segments to tables; asks the disk, and waits when it refuses.

    Only :meth:`absorb` may be called from several threads at once.

    Args:
        root: The archive.
        options: How it is written.
        queue: Where events wait.
        clock: Time.
        disk: The file operations.
        pause: Called between steps of publishing, so that other threads get a turn.
    """

    def __init__(
        self,
        root: Path,
        options: JournalOptions,
        queue: EventQueue,
        clock: Clock,
        disk: Disk,
        pause: Callable[[], object],
    ) -> None:
        self._root = root
        self._queue = queue
        self._clock = clock
        self._pause = pause
        self._options = options
        self._fold = Fold(options.sample)
        self._folding = threading.Lock()
        self._journal = Journal(root, options, clock, disk, self._fold.words)
        self._publisher = Publisher(
            root, self._journal.ended, options.keep_s, clock, disk, self._rest
        )
        self._trouble = Trouble(f"archive {root} cannot be written")
        self._rows: dict[str, Rows] = {}  # taken from the fold and not written yet
        self._events = 0  # folded, in rows that are with the fold
        self._ready = 0  # folded, in rows that are with us
        self._reports: list[tuple[str, str | None]] = []
        self._told_dropped = 0
        self._next_heartbeat_s = 0.0
        self._begun = False
        self._hurries = False

    @property
    def source(self) -> Source:
        """Who writes."""
        return self._journal.source

    def wait_s(self) -> float:
        """Seconds until there is something to do even if nothing happens."""
        now_s = self._clock.monotonic_s()
        next_s = min(self._next_heartbeat_s - now_s, self._journal.sync_waits_s())
        return max(self._trouble.waits_s(now_s), next_s, 0.0)

    def absorb(self) -> None:
        """Turn what waits into rows, unless somebody does: then it is theirs, or the next step's.

        Called by a thread that finds many waiting: what waits long enough is carried along by the
        garbage collector, and a thread that works through more of it holds up all callers at once.
        """
        if self._queue.has_room and self._folding.acquire(blocking=False):
            try:
                self._take_waiting()
            finally:
                self._folding.release()

    def step(self, *, late: bool = False) -> None:
        """Take what waits and write it, unless the disk refused a moment ago."""
        if self._trouble.waits_s(self._clock.monotonic_s()) > 0:
            return
        self._queue.rest()
        if not self._begun:
            self._begin()
        with self._folding:
            self._take_waiting()
            if self._journal.is_fresh:
                self._fold.tell_again()
            self._collect(self._clock.time_unix_ns() // 1000)
        self._write(late=late)

    def rotate_if_due(self) -> None:
        """End the segment when it is time, and begin the next one with the calls in flight."""
        too_wordy = len(self._fold.words) >= _MOST_WORDS
        if self._journal.is_fresh or not (too_wordy or self._journal.is_due()):
            return
        self._reports.append(("segment", None))
        with (
            self._folding
        ):  # no row may come between the last of a segment and forgetting its words
            self._collect(self._clock.time_unix_ns() // 1000)
            if not self._write(late=False):
                return
            self._journal.end_segment()
            if too_wordy:
                self._fold.forget_words()
        self.step()

    @property
    def publishable(self) -> int:
        """How many segments may be published.

        Not the newest before the next one has begun: until then, calls in flight stand only there.
        """
        in_flight = self._fold.in_flight or self._queue.calls.steps
        held_back = self._journal.is_fresh and in_flight
        return max(0, len(self._journal.ended) - bool(held_back))

    @property
    def has_work_aside(self) -> bool:
        """Whether there is something for :meth:`work_aside`."""
        return self._publisher.has_work(self.publishable)

    def work_aside(self) -> None:
        """What may take long, beside the writing: dead writers' segments first, then our own."""
        self._recover()
        self._publisher.publish(self.publishable)
        self._publisher.expire()

    def _recover(self) -> None:
        if rows := self._publisher.recover():
            with self._folding:
                self._reports.append(("recovered", json.dumps(rows, sort_keys=True)))

    def finish(self, *, leave: bool) -> None:
        """Write everything, and count what cannot be written.

        Args:
            leave: Whether nothing will follow: calls in flight become ``unfinished`` and all is
                published. Otherwise the segment is published only if nothing is in flight.
        """
        self.hurry()
        self._recover()
        self._reports.append(("closed", None))
        with self._folding:
            self._queue.unfollow()
            self._take_waiting()
            self._collect(None)
        if not self._write(late=False):
            self._lose("io_error")
        if leave or not self._fold.in_flight:
            try:
                self._journal.end_segment()
                self._publisher.publish(len(self._journal.ended), is_last=True)
                self._journal.leave()
            except OSError as error:
                self._trouble.failed(error, self._clock.monotonic_s())

    def hurry(self) -> None:
        """Pause no more while publishing: the process wants to end."""
        self._hurries = True

    def _rest(self) -> None:
        if not self._hurries:
            self._pause()

    def forget(self) -> None:
        """In a forked child: let go of what is the parent's."""
        self._journal.forget()

    def _begin(self) -> None:
        self._begun = True
        detail: dict[str, float] = {"flush_ms": self._options.flush_s * 1000}
        if self._options.sample > 1:
            detail["sample"] = self._options.sample
        self._reports.append(("started", json.dumps(detail)))

    def _take_waiting(self) -> None:
        told, unreadable = self._queue.taken, self._fold.unreadable
        self._fold.feed(self._queue.take())
        for call in self._queue.take_cut():
            self._fold.cut(call)
        told, unreadable = self._queue.taken - told, self._fold.unreadable - unreadable
        self._events += told - unreadable
        if unreadable:
            self._queue.settle(dropped=unreadable, reason="encode")

    def _collect(self, now_us: int | None) -> None:
        counts = self._queue.counts()
        dropped = sum(counts.dropped.values())
        if dropped != self._told_dropped:
            self._told_dropped = dropped
            self._reports.append(("dropped", json.dumps(counts.dropped, sort_keys=True)))
        if not self._reports and self._clock.monotonic_s() >= self._next_heartbeat_s:
            self._reports.append(("heartbeat", None))
        for event, detail in self._reports:
            self._report(event, detail, counts)
        self._reports.clear()
        in_flight = self._queue.calls.steps.copy()
        for table, rows in self._fold.take(now_us, in_flight).items():
            self._rows.setdefault(table, Rows()).extend(rows)
        self._ready, self._events = self._ready + self._events, 0

    def _write(self, *, late: bool) -> bool:
        """Whether there is nothing left to write."""
        try:
            if self._rows:
                self._journal.append(self._rows)
            self._journal.sync_if_due()
        except OSError as error:
            self._trouble.failed(error, self._clock.monotonic_s())
            return False
        except Exception:  # rows that cannot be encoded now never will be
            _LOG.exception("archive %s: %d events cannot be recorded", self._root, self._ready)
            self._journal.end_segment()
            self._lose("encode")
            return True
        self._rows = {}
        self._queue.settle(written=self._ready, late=late)
        self._ready = 0
        if self._trouble.now:
            dropped = sum(self._queue.counts().dropped.values())
            self._trouble.over(f"; {dropped} events were dropped")
        return True

    def _lose(self, reason: str) -> None:
        self._queue.settle(dropped=self._ready, reason=reason)
        self._ready = 0
        self._rows = {}

    def _report(self, event: str, detail: str | None, counts: Counts) -> None:
        """A row about the recorder itself; each of them is a sign of life."""
        now_s = self._clock.monotonic_s()
        self._next_heartbeat_s = now_s + _HEARTBEAT_S
        wall_ns = self._clock.time_unix_ns()
        told = row(
            "recorder",
            recorded_at=wall_ns // 1000,
            event=event,
            rows=self._journal.rows,
            dropped_events=sum(counts.dropped.values()),
            queue_high_water=counts.high_water,
            monotonic_ns=round(now_s * 1e9),
            wall_ns=wall_ns,
            detail=detail,
        )
        self._fold.add("recorder", told)
