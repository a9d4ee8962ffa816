"""A slow observer, told from a thread of its own, so that calls never wait for it."""

import atexit
import logging
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

from recourse.clock import Clock, SystemClock
from recourse.duration import seconds
from recourse.events import AttemptStart, Event
from recourse.locks import renew_in_child
from recourse.observer import Observer, ScopedObserver, heard_by

__all__ = ["BackgroundObserver", "Counts", "Drop"]

_LOG: Final = logging.getLogger("recourse.background")
_EXIT_S: Final = 5.0
_FORKERS: Final = ("multiprocessing.util", "billiard.util")  # billiard is Celery's
_LOG_EVERY_S: Final = 10.0


class Drop(StrEnum):
    """What a full queue loses."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The account of a queue: ``told == delivered + failed + queued + sum(dropped)``, exactly.

    Attributes:
        told: Events that came in.
        delivered: Events that the observer took.
        failed: Events at which it raised.
        queued: Events that wait, the one in its hands included.
        dropped: Events that are lost, by reason: ``queue_full``, ``close_timeout``,
            ``after_close``.
    """

    told: int
    delivered: int
    failed: int
    queued: int
    dropped: Mapping[str, int]


class BackgroundObserver:
    """Passes events on from a bounded queue, in order, in one background thread.

    An event costs its caller an append. What does not fit is dropped and counted, what the observer
    raises is counted and logged now and then; a forked child begins with an empty queue. What the
    observer wants around operations (bound log context) stays where it is, in the caller's thread.

    Args:
        observer: Who is told. It hears the events later and in another thread, so one that opens
            spans cannot be.
        queue_size: The most events that may wait.
        drop: What a full queue loses: the ``newest`` or the ``oldest`` event.
        clock: For tests.

    Raises:
        ValueError: The observer must hear events in the caller's context, the size is not positive,
            or ``drop`` is another word.
    """

    # Only there when the wrapped observer has one: a scope costs every attempt something.
    attempt_scope: Callable[[AttemptStart], AbstractContextManager[object]]

    def __init__(
        self,
        observer: Observer,
        *,
        queue_size: int = 8192,
        drop: str = Drop.NEWEST,
        clock: Clock | None = None,
    ) -> None:
        if getattr(observer, "in_caller_only", False):
            message = (
                f"observer {type(observer).__name__} must hear events in the caller's context; "
                "give it to the executor itself"
            )
            raise ValueError(message)
        if not _is_count(queue_size):
            message = f"queue_size {queue_size!r} lets no event wait; use 1 or more"
            raise ValueError(message)
        if drop not in tuple(Drop):
            message = f"drop {drop!r} is not known; use one of {', '.join(Drop)}"
            raise ValueError(message)
        self._observer = observer
        self.hears: Final = heard_by(observer)
        self._size = queue_size
        self._drop = Drop(drop)
        self._clock = clock or SystemClock()
        self._hooked = False
        if isinstance(observer, ScopedObserver):
            self.attempt_scope = observer.attempt_scope
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Begin anew, as a forked child does: with a queue of its own, told nothing yet."""
        # Re-entrant: a signal handler or a finalizer may make a call while its thread is in here.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiting = 0
        self._queue: deque[Event] = deque()
        self._in_hand = 0
        self._told = 0
        self._delivered = 0
        self._failed = 0
        self._dropped: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._logged_s = -_LOG_EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"BackgroundObserver({self._observer!r}, queue_size={self._size})"

    @property
    def counts(self) -> Counts:
        """The account, at one moment."""
        with self._changed:
            return Counts(
                told=self._told,
                delivered=self._delivered,
                failed=self._failed,
                queued=len(self._queue) + self._in_hand,
                dropped=dict(self._dropped),
            )

    def dropped(self) -> Mapping[str, int]:
        """Events lost so far, by reason; for ``OTelObserver.watch_dropped``."""
        return self.counts.dropped

    def on_event(self, event: Event) -> None:
        """Take one event; never waits for the observer, never raises."""
        with self._lock:  # not through the condition, whose own way in costs as much as all of this
            self._told += 1
            if self._closed:
                self._dropped["after_close"] += 1
                return
            if len(self._queue) >= self._size:
                self._dropped["queue_full"] += 1
                if self._drop is Drop.NEWEST:
                    return
                self._queue.popleft()
            self._queue.append(event)
            if self._thread is None:
                self._start()
            if self._waiting:
                self._changed.notify_all()

    def flush(self, timeout_s: float | timedelta = _EXIT_S) -> bool:
        """Wait until everything told so far is passed on; false when the time is over first."""
        patience_s = self._patience_s(timeout_s)
        with self._changed:
            target = self._told
            return self._wait_for(lambda: self._accounted() >= target, patience_s)

    def close(self, timeout_s: float | timedelta = _EXIT_S) -> bool:
        """Pass on what waits, and stop; later events are dropped.

        Args:
            timeout_s: How long to wait for the observer. What still waits then is dropped; the
                thread is left behind and ends when the observer lets it.

        Returns:
            Whether everything was passed on in time.
        """
        patience_s = self._patience_s(timeout_s)
        with self._changed:
            closed, self._closed = self._closed, True
            self._changed.notify_all()
            if not closed:
                self._wait_for(lambda: not self._queue and not self._in_hand, patience_s)
                self._dropped["close_timeout"] += len(self._queue)
                self._queue.clear()
            return not self._in_hand and not self._dropped["close_timeout"]

    def _wait_for(self, enough: Callable[[], bool], patience_s: float | None = None) -> bool:
        """Wait, with the lock, until it is enough; whoever waits is counted, to be notified."""
        self._waiting += 1
        try:
            return self._changed.wait_for(enough, patience_s)
        finally:
            self._waiting -= 1

    def _patience_s(self, timeout_s: float | timedelta) -> float:
        """How long to wait: not at all where the observer asks, who has an event in its hands."""
        own = threading.current_thread() is self._thread
        return 0.0 if own else seconds("timeout_s", timeout_s)

    def _accounted(self) -> int:
        return self._delivered + self._failed + self._dropped.total()

    def _start(self) -> None:
        try:
            self._thread = self._clock.spawn(self._run, "recourse-background")
        except RuntimeError:  # no thread to be had: the next event asks again
            return
        if not self._hooked:
            atexit.register(self.close)
            self._hooked = True  # not before: another thread may fork at any moment
        for name in _FORKERS:  # their children run these at their end, and no exit handlers
            util = sys.modules.get(name)
            if util is not None:
                util.Finalize(None, self.close, exitpriority=0)

    def _run(self) -> None:
        changed = self._changed
        while True:
            with changed:
                self._wait_for(lambda: bool(self._queue) or self._closed)
                if not self._queue:
                    return
                event = self._queue.popleft()
                self._in_hand = 1
            problem = self._deliver(event)
            del event
            with changed:
                self._in_hand = 0
                if problem is None:
                    self._delivered += 1
                else:
                    self._failed += 1
                changed.notify_all()
            if problem is not None:
                self._log(problem)

    def _deliver(self, event: Event) -> BaseException | None:
        try:
            self._observer.on_event(event)
        except BaseException as problem:  # whatever it is, the next event has a right to be told
            return problem
        return None

    def _log(self, problem: BaseException) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = now_s
            _LOG.warning(
                "observer %s raised %s; %d so far",
                type(self._observer).__qualname__,
                type(problem).__name__,
                self._failed,
                exc_info=problem,
            )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
