"""Where events wait for the recorder: bounded, and with an account of every one of them."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recourse import events
from recourse.events import CallInfo
from recourse.outcome import OutcomeKind
from recourse_observe.archive.failure import Failure
from recourse_observe.archive.usual import Followed, Usual, weight

__all__ = ["Counts", "EventQueue"]

_MOST_CUT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The account of a recorder: ``emitted == written + queued + sum(dropped)``, exactly.

    Attributes:
        emitted: Events it was told.
        written: Events that were handed to the operating system.
        queued: Events that wait, or are on their way, and of calls in flight those that will be
            told with their ends.
        late: Of the written: those told after the interpreter began to exit.
        dropped: Events that are lost, by reason: ``queue_full``, ``io_error``, ``encode``,
            ``after_close``.
        high_water: The most that ever waited or were on their way.
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
        case Failure() | Usual() | events.CallEnd() | events.CircuitState() | events.HedgeCancel():
            return True
        case events.AttemptEnd():
            return item.outcome.kind is not OutcomeKind.SUCCESS
        case _:
            return False


class EventQueue:
    """Drops the newest when it is full; the last eighth is kept for what matters.

    To put something in takes no lock: a signal handler or a finalizer may do it anywhere. The limit
    can be passed by as many items as threads put at the same moment.

    Args:
        limit: The most that may wait.
        wake: Called when something waits and nothing did.

    Attributes:
        calls: Calls that are usual so far: their events wait there until they are told of.
        follows: Whether usual calls are to be followed: not where every event is written at once.
        rests: Whether the recorder is to be roused when something comes.
        taken: How many events have been taken.
    """

    def __init__(self, limit: int, wake: Callable[[], None]) -> None:
        self.calls = Followed()
        self.follows = True
        self.rests = True
        self._limit = limit
        self._soft = limit - limit // 8
        self._wake = wake
        self._lock = threading.RLock()
        self._items: deque[Any] = deque()
        self.taken = 0
        self._refused = 0
        self._in_hand = 0
        self._written = 0
        self._late = 0
        self._high_water = 0
        self._dropped: Counter[str] = Counter()
        self._cut: set[CallInfo] = set()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Any) -> bool:
        """Have an item wait; false when it was dropped."""
        items = self._items
        if len(items) >= self._soft and (len(items) >= self._limit or not is_important(item)):
            self._drop(item)
            return False
        items.append(item)
        if self.rests:
            self.rouse()
        return True

    def rouse(self) -> None:
        """Wake the recorder, which rests."""
        self.rests = False
        self._wake()

    def _drop(self, item: Any) -> None:
        event = item.event if isinstance(item, Failure) else item
        with self._lock:
            self._refused += weight(item)
            self._dropped["queue_full"] += weight(item)
            if len(self._cut) < _MOST_CUT:
                self._cut.add(event.call)

    def refuse(self, reason: str, item: object = None) -> None:
        """Account for an event, or the item of several, that was not let in."""
        with self._lock:
            self._refused += weight(item)
            self._dropped[reason] += weight(item)

    def rest(self) -> None:
        """Have the next item wake the recorder; said before it looks what there is."""
        self.rests = True

    def unfollow(self) -> None:
        """Have calls in flight wait as others do, event by event, so that they can be taken."""
        for info in list(self.calls.steps):
            self._items.extend(self.calls.release(info))

    @property
    def is_settled(self) -> bool:
        """Whether everything is written or given up, but what calls in flight have told."""
        return not self._items and not self._in_hand

    @property
    def has_room(self) -> bool:
        """Whether what is in hand leaves room for more: a disk that refuses must not fill memory."""
        return self._in_hand < self._limit

    def take(self) -> list[Any]:
        """Everything that waits, now in hand; calls that are followed stay where they are."""
        take = self._items.popleft
        with self._lock:
            items = [take() for _ in range(len(self._items))]
            told = weight(*items)
            self.taken += told
            self._in_hand += told
            self._high_water = max(self._high_water, self._in_hand)
        return items

    def take_cut(self) -> set[CallInfo]:
        """The calls that lost an event since the last time."""
        if not self._cut:
            return set()
        with self._lock:
            cut, self._cut = self._cut, set()
        return cut

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
            waiting = weight(*self._items.copy()) + self.calls.waiting()
            dropped = dict(self._dropped)
            return Counts(
                emitted=self.taken + waiting + self._refused,
                written=self._written,
                queued=waiting + self._in_hand,
                late=self._late,
                dropped=dropped,
                high_water=max(self._high_water, waiting + self._in_hand),
            )
