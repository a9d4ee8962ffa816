"""Who waits and who is at work: virtual time moves on when nobody is at work any more."""

import heapq
import itertools
import threading
from collections.abc import Callable
from typing import Any, Final

__all__ = ["Turns", "VirtualMailbox"]

NEVER: Final = float("inf")
# Real seconds that a thread gets to finish or to wait on the clock before time moves on without it:
# it may be blocked on something that the clock knows nothing of. Spawned threads are more patient,
# so that what a caller has abandoned does not push time on while the caller is at work.
_PATIENCE_S: Final = 0.25
_LONG_PATIENCE_S: Final = 1.0
# Of what is due in the same moment, operations end first, then timers ring, then mail is delivered:
# whoever waits for mail finds everything that came in this moment.
_SPAWNED: Final = 0
_CALLER: Final = 1
_MAIL: Final = 2


class Wait:
    """One thread that waits; the earliest is less than all others."""

    __slots__ = ("counted", "due", "over", "wake")

    def __init__(
        self, due: tuple[float, int, int], wake: Callable[[], None], *, counted: bool
    ) -> None:
        self.due: tuple[float, int, int] = due
        self.wake: Callable[[], None] = wake
        self.counted: bool = counted
        self.over: bool = False

    def __lt__(self, other: "Wait") -> bool:
        return self.due < other.due


class VirtualMailbox:
    """A mailbox whose waits take virtual time."""

    __slots__ = ("_turns", "items", "waiting")

    def __init__(self, turns: "Turns") -> None:
        self._turns = turns
        self.items: list[Any] = []
        self.waiting: list[Wait] = []

    def post(self, item: Any) -> None:
        """Put one item in."""
        self._turns.post(self, item)

    def take(self, timeout_s: float | None) -> Any:
        """The oldest item, or ``None`` after ``timeout_s`` virtual seconds."""
        return self._turns.take(self, timeout_s)


class Turns:
    """The waits of all threads, and the moment that it is.

    A spawned thread and the one that has spawned it are counted: time stands still while one of
    them is at work. Other threads come and go as they like.

    Attributes:
        now_s: The moment.
    """

    def __init__(self) -> None:
        self.now_s: float = 0.0
        self._lock = threading.Condition()
        self._order = itertools.count()
        self._waits: list[Wait] = []
        self._alarms: list[tuple[float, int, Callable[[], None]]] = []
        self._busy = 0
        self._own = threading.local()
        self._loop_wait: Wait | None = None

    def count(self) -> None:
        """Count a thread that is about to be spawned, and the one that spawns it."""
        with self._lock:
            self._busy += 1 if self._counted else 2
            self._own.counted = True

    def work(self, target: Callable[[], None], ended: VirtualMailbox) -> None:
        """Do a spawned thread's work, and tell that it has ended."""
        self._own.rank, self._own.counted = _SPAWNED, True
        try:
            target()
        finally:
            with self._lock:
                ended.post(target)
                self._busy -= 1
                self._move_on()

    def ring(self, after_s: float, callback: Callable[[], None]) -> None:
        """Have ``callback`` called when the moment comes, in whichever thread moves time there."""
        with self._lock:
            alarm = (self.now_s + after_s, next(self._order), callback)
            heapq.heappush(self._alarms, alarm)

    def post(self, box: VirtualMailbox, item: Any) -> None:
        """Put an item into a mailbox. Who waits for it goes on behind all that is due now."""
        with self._lock:
            box.items.append(item)
            waiting = (each for each in box.waiting if not each.over and each.due[1] != _MAIL)
            wait = next(waiting, None)
            if wait is not None:
                wait.due = (self.now_s, _MAIL, next(self._order))
                heapq.heapify(self._waits)
                self._move_on()

    def take(self, box: VirtualMailbox, timeout_s: float | None) -> Any:
        """The oldest item in a mailbox, waited for no longer than ``timeout_s``."""
        spawned = getattr(self._own, "rank", _CALLER) == _SPAWNED
        patience_s = _LONG_PATIENCE_S if spawned else _PATIENCE_S
        with self._lock:
            if not box.items and (timeout_s is None or timeout_s > 0):
                wait = self._begin(timeout_s)
                box.waiting.append(wait)
                try:
                    while not wait.over:
                        if not self._lock.wait(patience_s):
                            self._move_on(patient=False)
                finally:
                    self._end(wait)
                    box.waiting.remove(wait)
            return box.items.pop(0) if box.items else None

    def idle(
        self, timeout_s: float | None, look: Callable[[float], Any], rouse: Callable[[], None]
    ) -> Any:
        """Wait in an event loop's thread, for ``timeout_s`` or until ``look`` finds something.

        Args:
            timeout_s: Until the loop's next timer; ``None``: it has none.
            look: Looks for input, for so many real seconds.
            rouse: Lets ``look`` find something.
        """
        with self._lock:
            self._loop_wait = wait = self._begin(timeout_s)
            wait.wake = rouse
        try:
            found = look(0 if wait.over else _PATIENCE_S)
            if not found:
                with self._lock:
                    self._move_on(patient=wait.over)
            return found
        finally:
            self.interrupt_idling()

    def interrupt_idling(self) -> None:
        """Let the loop's thread be at work, because there is something to do for it."""
        with self._lock:
            wait, self._loop_wait = self._loop_wait, None
            if wait is not None:
                self._end(wait)

    @property
    def _counted(self) -> bool:
        return getattr(self._own, "counted", False)

    def _begin(self, timeout_s: float | None) -> Wait:
        """Enter a wait of this thread. Called under the lock."""
        until_s = NEVER if timeout_s is None else self.now_s + timeout_s
        due = (until_s, getattr(self._own, "rank", _CALLER), next(self._order))
        wait = Wait(due, self._lock.notify_all, counted=self._counted)
        heapq.heappush(self._waits, wait)
        self._busy -= wait.counted
        self._move_on()
        return wait

    def _end(self, wait: Wait) -> None:
        """From now on the thread of this wait is at work. Called under the lock."""
        if not wait.over:
            wait.over = True
            self._waits.remove(wait)
            heapq.heapify(self._waits)
            self._busy += wait.counted

    def _move_on(self, *, patient: bool = True) -> None:
        """Let the earliest wait end, if nobody is at work. Called under the lock."""
        while self._waits and self._waits[0].due[0] < NEVER and not (patient and self._busy > 0):
            patient = True
            first = self._waits[0]
            self.now_s = max(self.now_s, first.due[0])
            while self._alarms and self._alarms[0][0] <= self.now_s:
                heapq.heappop(self._alarms)[2]()
            self._end(first)
            first.wake()
