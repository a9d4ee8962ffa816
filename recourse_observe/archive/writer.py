"""The archive's observer: records every event without ever delaying or failing a call."""

import atexit
import contextlib
import logging
import os
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from recourse.clock import Clock, SystemClock
from recourse.duration import seconds
from recourse.events import Event
from recourse.locks import renew_in_child
from recourse_observe.archive.arguments import not_negative, positive
from recourse_observe.archive.disk import Disk
from recourse_observe.archive.errors import NotAnArchiveError
from recourse_observe.archive.failure import without_error
from recourse_observe.archive.journal import JournalOptions
from recourse_observe.archive.queue import Counts, EventQueue
from recourse_observe.archive.recording import Recording
from recourse_observe.archive.sampling import Sampling
from recourse_observe.archive.usual import Usual

__all__ = ["ArchiveObserver", "Durability"]

_LOG: Final = logging.getLogger("recourse.archive")
_EXIT_S: Final = 5.0
_PAUSE_S: Final = 0.002
# The rest of the interval is for getting a turn among busy threads, and for writing.
_GATHERING: Final = 0.2
# Fewer than one call in a hundred has to work through so many, a quarter of a millisecond long, and
# they are fewer objects than make the garbage collector look.
_TOGETHER: Final = 128
_WAKE: Final = "wake"
_STOP: Final = "stop"
_FORKERS: Final = ("multiprocessing.util", "billiard.util")  # billiard is Celery's


class Durability(StrEnum):
    """What a crash may cost."""

    BATCH = "batch"  # the flush interval, when the process dies; more, when the machine does
    FSYNC = "fsync"  # the flush interval, whatever dies
    JOURNAL = "journal"  # nothing, when the process dies: the caller's thread writes each event


class ArchiveObserver:
    """Writes what an executor tells into an archive.

    A call's own thread follows it, a third of a microsecond for each event; one background thread
    makes rows and writes them. Nothing is touched before the first event. A full queue drops the
    newest events, a disk that refuses is tried again with patience, and both are counted. A forked child
    records into an instance of its own.

    Args:
        path: The archive's directory; it is made when needed.
        service: Name of the service.
        instance: Name of this incarnation of the process; made up when it is left out or was used.
        region: Where it runs.
        flush_interval_s: The longest that an event waits for the operating system to have it.
        rotate_s: Seconds after which a segment is published into the tables.
        rotate_rows: Rows after which it is.
        sample: Of the calls that succeed at their first attempt, and are not slow, one in so many
            is kept in detail (its ``sample_weight`` says so); counts stay exact in ``rollups``.
        queue_size: The most events, or whole calls, that may wait; each holds some hundred bytes.
        durability: ``batch``, ``fsync`` or ``journal``; see :class:`Durability`.
        sync_interval_s: The longest that what was written waits to be put on the disk, if at all.
        max_unpublished_bytes: What segments that cannot be published may hold; then all waits.
        keep_s: Hours that ended so long ago are removed, whoever wrote them; ``None`` keeps all.
        clock: For tests.
        disk: For tests.

    Raises:
        NotAnArchiveError: The path is a file.
        ValueError: ``durability`` is another word, ``sample`` is no number of at least 1, or
            ``keep_s`` is no duration.
    """

    def __init__(  # noqa: PLR0913  # all of them optional, by name
        self,
        path: str | os.PathLike[str],
        *,
        service: str = "",
        instance: str | None = None,
        region: str | None = None,
        flush_interval_s: float = 0.05,
        rotate_s: float = 60.0,
        rotate_rows: int = 100_000,
        sample: int = 1,
        queue_size: int = 32_768,
        durability: str = Durability.BATCH,
        sync_interval_s: float | None = None,
        max_unpublished_bytes: int = 1 << 30,
        keep_s: float | timedelta | None = None,
        clock: Clock | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._root = Path(path).absolute()
        if os.path.exists(self._root) and not self._root.is_dir():  # noqa: PTH110  # it never raises
            raise NotAnArchiveError(os.fspath(path), "is a file; give a directory to write into")
        positive(rotate_s=rotate_s, rotate_rows=rotate_rows, queue_size=queue_size)
        positive(keep_s=keep_s, max_unpublished_bytes=max_unpublished_bytes)
        not_negative(flush_interval_s=flush_interval_s, sync_interval_s=sync_interval_s)
        self._durability = Durability(durability)
        self._options = JournalOptions(
            service=service,
            instance=instance,
            region=region,
            rotate_s=rotate_s,
            rotate_rows=rotate_rows,
            sample=Sampling(sample).every,
            flush_s=0.0 if self._durability is Durability.JOURNAL else flush_interval_s,
            sync_s=0.0 if self._durability is Durability.FSYNC else sync_interval_s,
            unpublished_bytes=max_unpublished_bytes,
            keep_s=None if keep_s is None else seconds("keep_s", keep_s),
        )
        self._flush_interval_s = flush_interval_s
        self._queue_size = queue_size
        self._clock = clock or SystemClock()
        self._disk = disk or Disk()
        self._hooked = False
        self._fresh()
        renew_in_child(self)

    def _fresh(self) -> None:
        """The state of a process that has recorded nothing yet."""
        self._mailbox = self._clock.mailbox()
        self._queue = EventQueue(self._queue_size, self._wake)
        quiet = self._clock.mailbox()
        self._recording = Recording(
            self._root,
            self._options,
            self._queue,
            self._clock,
            self._disk,
            pause=lambda: quiet.take(_PAUSE_S),
        )
        self._thread: threading.Thread | None = None
        self._publisher: threading.Thread | None = None
        self._starting = threading.Lock()
        self._working = threading.RLock()  # who folds and writes
        self._busy = False
        self._closed = False
        self._exiting = False
        self._writes_at_once = self._durability is Durability.JOURNAL
        self._queue.follows = not self._writes_at_once

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ArchiveObserver({str(self._root)!r}, service={self._options.service!r})"

    @property
    def counts(self) -> Counts:
        """The account of every event that this process has told."""
        return self._queue.counts()

    def on_event(self, event: Event) -> None:
        """Take one event; never waits, never raises."""
        queue = self._queue
        item = queue.calls.follow(event) if queue.follows else event
        if item is not None:
            self._put(item)
        elif queue.rests:
            queue.rouse()

    def _put(self, item: Any) -> None:
        """Have something wait, and see to it that not too much does."""
        queue = self._queue
        if self._closed and not self._exiting:
            queue.refuse("after_close", item)
            return
        if type(item) is not Usual:
            for earlier in queue.calls.release(item[0]):
                queue.put(earlier)
            item = without_error(item)
        if not queue.put(item):
            return
        if self._writes_at_once:
            self._work(late=self._exiting)
        elif len(queue) >= _TOGETHER:
            self._recording.absorb()

    def flush(self) -> bool:
        """Have everything told so far written, in this thread; false when the disk refuses."""
        self._work()
        return self._queue.is_settled

    def close(self, timeout_s: float = _EXIT_S) -> None:
        """Write and publish everything; calls in flight become ``unfinished``. Later events are dropped.

        Args:
            timeout_s: How long to wait for the background thread; what it has not done by then is
                left to readers and to the next start.
        """
        with self._starting:
            closed, self._closed = self._closed, True
        if closed:
            return
        self._queue.follows = False
        atexit.unregister(self._at_exit)
        if self._stopped(timeout_s):
            self._finish(leave=True)

    def _stopped(self, timeout_s: float) -> bool:
        """Whether both threads have ended within the time."""
        until_s = self._clock.monotonic_s() + timeout_s
        self._mailbox.post(_STOP)
        self._recording.hurry()
        for name in ("_thread", "_publisher"):  # the first may have started the second
            thread = getattr(self, name)
            if thread is not None:
                thread.join(max(0.0, until_s - self._clock.monotonic_s()))
                if thread.is_alive():
                    _LOG.warning("archive %s was not finished within %g s", self._root, timeout_s)
                    return False
        return True

    def _finish(self, *, leave: bool) -> None:
        with self._working:
            if self.counts.emitted:
                self._recording.finish(leave=leave)

    def _at_exit(self) -> None:
        """Write everything; whatever is told from now on is written at once, by who tells it."""
        if self._closed:
            return
        self._closed = True
        self._queue.follows = False
        if self._stopped(_EXIT_S):
            self._finish(leave=False)
            self._exiting = self._writes_at_once = True

    def renew(self) -> None:
        """Be the recorder of a forked child: an instance of its own that has recorded nothing."""
        recording = self._recording
        self._options = replace(self._options, instance=None)
        self._fresh()
        recording.forget()

    def _wake(self) -> None:
        if self._thread is None and not self._closed:
            self._start()
        if not self._writes_at_once:
            self._mailbox.post(_WAKE)

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None or self._closed:
                return
            if not self._hooked:
                atexit.register(self._at_exit)
                self._hooked = True  # not before: another thread may fork at any moment
            with contextlib.suppress(RuntimeError):  # no thread to be had: a fuller queue asks
                self._thread = self._clock.spawn(self._run, "recourse-archive")  # again, or the end
        for name in _FORKERS:  # their children run these at their end, and no exit handlers
            util = sys.modules.get(name)
            if util is not None:
                util.Finalize(None, self._at_exit, exitpriority=0)

    def _run(self) -> None:
        message: object = _WAKE
        while message is not _STOP:
            if message is _WAKE:  # gather, unless the end cuts it short
                message = self._mailbox.take(self._flush_interval_s * _GATHERING)
            try:
                self._work()
            except Exception:
                _LOG.exception("archive %s: the recorder failed; it goes on", self._root)
            if message is not _STOP:
                message = self._mailbox.take(self._recording.wait_s())

    def _work(self, *, late: bool = False) -> None:
        with self._working:
            if self._busy:  # a signal handler or a finalizer made a call in the middle of this
                return
            self._busy = True
            try:
                recording = self._recording
                recording.step(late=late)
                recording.rotate_if_due()
                if recording.has_work_aside and not late:
                    self._publish(recording)
            finally:
                self._busy = False

    def _publish(self, recording: Recording) -> None:
        if self._publisher is not None and self._publisher.is_alive():
            return
        with contextlib.suppress(RuntimeError):  # no thread to be had: later
            self._publisher = self._clock.spawn(recording.work_aside, "recourse-archive-publish")
