"""Where events wait for the recorder: bounded, and with an account of every one of them."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recourse import events
from recourse.events import CallInfo
from recourse.outcome import OutcomeKind
from recourse_observe.archive.fold import Failure

__all__ = ["Counts", "EventQueue"]

_MOST_CUT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The account of a recorder: ``emitted == written + queued + sum(dropped)``, exactly.

    Attributes:
        emitted: Events it was told.
        written: Events that were handed to the operating system.
        queued: Events that wait, or are on their way.
        late: Of the written: those told after the interpreter began to exit.
        dropped: Events that are lost, by reason: ``queue_full``, ``io_error``, ``encode``,
            ``after_close``.
        high_water: The most that ever waited.
    """

    emitted: int
    written: int
    queued: int
    late: int
    dropped: Mapping[str, int]
    high_water: int


def is_important(item: Any) -> bool:
    """Whether it may use the reserve: failures, breaker transitions and the ends of calls."""
    match item:
        case Failure() | events.CallEnd() | events.CircuitState() | events.HedgeCancel():
            return True
        case events.AttemptEnd():
            return item.outcome.kind is not OutcomeKind.SUCCESS
        case _:
            return False


class EventQueue:
    """Drops the newest when it is full; the last eighth is kept for what matters.

    Args:
        limit: The most that may wait.
        wake: Called when something waits that did not before, and when it is half full.
    """

    def __init__(self, limit: int, wake: Callable[[], None]) -> None:
        self._limit = limit
        self._soft = limit - limit // 8
        self._half = max(1, limit // 2)
        self._wake = wake
        # Re-entrant: a signal handler or a finalizer may make a call while its thread is in here.
        self._lock = threading.RLock()
        self._items: list[Any] = []
        self._taken = 0
        self._refused = 0
        self._in_hand = 0
        self._written = 0
        self._late = 0
        self._high_water = 0
        self._dropped: Counter[str] = Counter()
        self._cut: set[CallInfo] = set()

    def put(self, item: Any) -> bool:
        """Have an item wait; false when it was dropped."""
        with self._lock:
            waiting = len(self._items)
            if waiting >= self._soft and not (waiting < self._limit and is_important(item)):
                self._drop(item)
                return False
            self._items.append(item)
        if waiting in (0, self._half):
            self._wake()
        return True

    def _drop(self, item: Any) -> None:
        self._refused += 1
        self._dropped["queue_full"] += 1
        self._high_water = self._limit
        event = item.event if isinstance(item, Failure) else item
        if len(self._cut) < _MOST_CUT:
            self._cut.add(event.call)

    def refuse(self, reason: str) -> None:
        """Account for an event that was not let in."""
        with self._lock:
            self._refused += 1
            self._dropped[reason] += 1

    def take(self) -> tuple[list[Any], set[CallInfo]]:
        """Everything that waits, now in hand, and the calls that lost an event meanwhile."""
        with self._lock:
            items, self._items = self._items, []
            cut, self._cut = self._cut, set()
            self._taken += len(items)
            self._in_hand += len(items)
            self._high_water = max(self._high_water, len(items))
        return items, cut

    def settle(
        self, *, written: int = 0, dropped: int = 0, reason: str = "", late: bool = False
    ) -> None:
        """Account for events in hand."""
        with self._lock:
            self._in_hand -= written + dropped
            self._written += written
            if late:
                self._late += written
            if dropped:
                self._dropped[reason] += dropped

    def counts(self) -> Counts:
        """The account, at one moment."""
        with self._lock:
            queued = len(self._items) + self._in_hand
            dropped = dict(self._dropped)
            return Counts(
                emitted=self._taken + len(self._items) + self._refused,
                written=self._written,
                queued=queued,
                late=self._late,
                dropped=dropped,
                high_water=max(self._high_water, len(self._items)),
            )
