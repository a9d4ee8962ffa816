"""For tests: a clock under control, and blocks that change how calls behave inside them.

The blocks are scoped by context: they never reach another test, task or thread.
"""

import asyncio
import heapq
import itertools
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from recourse.clock import Alarm, Mailbox, wake_up
from recourse.context import AMBIENT, Ambient, Overrides
from recourse.errors import RecourseError

__all__ = [
    "HTTPFailure",
    "VirtualClock",
    "disable",
    "http",
    "instant",
    "limit_attempts",
    "script",
]

T = TypeVar("T")
NS: Final = 1_000_000_000
# Real seconds that other threads have to finish or to wait on the clock before time moves on
# without them: they may be blocked on something that this clock knows nothing of.
_PATIENCE_S: Final = 0.25
# Real seconds in which a thread whose virtual wait is over gets the processor.
_HANDOVER_S: Final = 0.001


class VirtualClock:
    """Time that moves only when somebody waits, so that an hour takes no time.

    A wait in a thread advances it at once, unless threads that it has spawned still run: then it
    waits for them first, and the earliest wait of all is served first. On an event loop, see
    :meth:`run`.

    >>> clock = VirtualClock()
    >>> clock.advance(1.5)
    >>> clock.monotonic_s(), clock.time_unix_ns()
    (1.5, 1500000000)

    Args:
        start_unix_ns: Wall time at second 0.

    Attributes:
        sleeps: The waits that calls have taken between attempts, in seconds.
    """

    def __init__(self, start_unix_ns: int = 0) -> None:
        self._start_unix_ns = start_unix_ns
        self._now_s = 0.0
        self._turn = threading.Condition()
        self._waits: list[tuple[float, int, object]] = []
        self._order = itertools.count()
        self._busy = 0
        self._alarms: list[tuple[float, int, _Alarm]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own = threading.local()
        self.sleeps: list[float] = []

    def monotonic_s(self) -> float:
        """Seconds since the clock was made."""
        return self._now_s

    def time_unix_ns(self) -> int:
        """The start plus the seconds that have passed."""
        return self._start_unix_ns + round(self._now_s * NS)

    def advance(self, seconds: float) -> None:
        """Let time pass. In a spawned thread it is a wait like any other."""
        if seconds < 0:
            message = f"advance {seconds!r} would turn the clock back; use 0 or more"
            raise ValueError(message)
        if getattr(self._own, "spawned", False):
            self.mailbox().take(seconds)
            return
        with self._turn:
            self._to(self._now_s + seconds)

    def mailbox(self) -> Mailbox:
        """A mailbox whose waits follow this clock."""
        return _VirtualMailbox(self)

    def spawn(self, target: Callable[[], None], name: str) -> threading.Thread:
        """Start a daemon thread whose waits follow this clock."""

        def body() -> None:
            self._own.spawned = self._own.taking_part = True
            try:
                target()
            finally:
                with self._turn:
                    self._busy -= 1
                    self._turn.notify_all()

        with self._turn:
            self._busy += 1
            self._join()
        thread = threading.Thread(target=body, name=name, daemon=True)
        thread.start()
        return thread

    def sleep(self, seconds: float, mailbox: Mailbox) -> Any:
        """Wait in a thread, unless something is posted before: then that."""
        self.sleeps.append(seconds)
        return mailbox.take(seconds)

    async def asleep(self, seconds: float, wake: "asyncio.Future[None]") -> None:
        """Wait in a coroutine: on this clock's loop for the timer, elsewhere by moving on at once."""
        self.sleeps.append(seconds)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self.advance(seconds)
            loop.call_soon(wake_up, wake)
            await wake
            return
        alarm = loop.call_later(seconds, wake_up, wake)
        try:
            await wake
        finally:
            alarm.cancel()

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> Alarm:
        """On this clock's loop a timer; on another one, called when :meth:`advance` has come by."""
        if loop is self._loop:
            return loop.call_later(seconds, callback)
        alarm = _Alarm(loop, callback)
        with self._turn:
            heapq.heappush(self._alarms, (self._now_s + seconds, next(self._order), alarm))
        return alarm

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on an event loop whose time is this clock: every timer jumps.

        Raises:
            RecourseError: The clock runs a loop already.
        """
        if self._loop is not None:
            message = "this clock runs a loop already; await inside it instead"
            raise RecourseError(message)
        loop = _VirtualLoop(self)
        self._loop = loop
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                return runner.run(coroutine)
        finally:
            self._loop = None

    def _join(self) -> None:
        """Count the thread that spawns others: time must not move on before it waits too."""
        if not getattr(self._own, "taking_part", False):
            self._own.taking_part = True
            self._busy += 1

    def _to(self, at_s: float) -> None:
        """Move on to a moment. Called under the turn."""
        self._now_s = max(self._now_s, at_s)
        while self._alarms and self._alarms[0][0] <= self._now_s:
            heapq.heappop(self._alarms)[2].ring()
        self._turn.notify_all()

    def _await(self, box: "_VirtualMailbox", timeout_s: float | None) -> Any:
        """Wait for an item in ``box`` or for a moment, letting time pass when everybody waits."""
        taking_part = getattr(self._own, "taking_part", False)
        with self._turn:
            until_s = float("inf") if timeout_s is None else self._now_s + timeout_s
            entry = (until_s, next(self._order), box)
            heapq.heappush(self._waits, entry)
            self._busy -= taking_part
            self._turn.notify_all()
            try:
                while not box.items and self._now_s < until_s:
                    self._let_time_pass(entry)
            finally:
                self._busy += taking_part
                self._waits.remove(entry)
                heapq.heapify(self._waits)
                self._turn.notify_all()
            return box.items.pop(0) if box.items else None

    def _let_time_pass(self, entry: tuple[float, int, object]) -> None:
        alone = self._busy <= 0 or not self._turn.wait_for(
            lambda: self._busy <= 0 or bool(entry[2].items) or self._now_s >= entry[0],  # type: ignore[attr-defined]  # a mailbox
            timeout=_PATIENCE_S,
        )
        if not alone and self._busy > 0:
            return
        if entry[2].items or self._now_s >= entry[0]:  # type: ignore[attr-defined]  # likewise
            return
        first = self._waits[0]
        if first[0] == float("inf"):
            self._turn.wait(_PATIENCE_S)
        elif first is entry:
            self._to(entry[0])
        else:
            # The one that is due first moves the clock; it has to get the processor for that.
            self._turn.wait(_PATIENCE_S)

    def idle(self, timeout_s: float | None) -> float | None:
        """For the loop: real seconds to wait for threads, or ``None`` after time has moved on."""
        taking_part = getattr(self._own, "taking_part", False)
        with self._turn:
            first_s = self._waits[0][0] if self._waits else float("inf")
            due_s = float("inf") if timeout_s is None else self._now_s + timeout_s
            if self._busy > taking_part or due_s == float("inf"):
                return _PATIENCE_S
            self._to(min(first_s, due_s))
            return None if due_s <= first_s else _HANDOVER_S

    def __repr__(self) -> str:
        return f"VirtualClock(now_s={self._now_s:g})"


class _Alarm:
    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback: Callable[[], None] | None = callback

    def ring(self) -> None:
        if self._callback is not None:
            self._loop.call_soon_threadsafe(self._callback)

    def cancel(self) -> None:
        self._callback = None


class _VirtualMailbox:
    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.items: list[Any] = []

    def post(self, item: Any) -> None:
        turn = self._clock._turn  # noqa: SLF001  # the clock and its mailboxes are one thing
        with turn:
            self.items.append(item)
            turn.notify_all()

    def take(self, timeout_s: float | None) -> Any:
        limit_s = None if timeout_s is None else max(0.0, timeout_s)
        return self._clock._await(self, limit_s)  # noqa: SLF001  # as above


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a virtual clock: where it would wait, time moves on instead."""

    def __init__(self, clock: VirtualClock) -> None:
        self._virtual = clock
        super().__init__(_VirtualSelector(clock))

    def time(self) -> float:
        return self._virtual.monotonic_s()


class _VirtualSelector(selectors.DefaultSelector):
    """Looks for real input without waiting; waits in virtual time only."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        real_s = self._clock.idle(timeout)
        return super().select(0 if real_s is None else real_s)


class HTTPFailure(RecourseError):
    """A scripted HTTP failure, as the HTTP classifier reads one.

    Attributes:
        status: The HTTP status.
        method: The request's method.
        retry_after_s: What the server asked to wait, if it did.
    """

    def __init__(
        self, status: int, method: str = "GET", retry_after_s: float | None = None
    ) -> None:
        super().__init__(status, method, retry_after_s)
        self.status = status
        self.method = method
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.method} answered {self.status}"


def http(status: int, method: str = "GET", retry_after_s: float | None = None) -> HTTPFailure:
    """A scripted failure of an HTTP request, for :func:`script`."""
    return HTTPFailure(status, method, retry_after_s)


@contextmanager
def _overridden(**facts: Any) -> Iterator[None]:
    outer = AMBIENT.get()
    known = None if outer is None else outer.overrides
    token = AMBIENT.set(Ambient.inside(outer, overrides=Overrides.over(known, **facts)))
    try:
        yield
    finally:
        AMBIENT.reset(token)


@contextmanager
def instant() -> Iterator[None]:
    """Take no wait between attempts; records keep what was planned."""
    with _overridden(instant=True):
        yield


@contextmanager
def limit_attempts(count: int) -> Iterator[None]:
    """Let calls make at most ``count`` attempts."""
    if count < 1:
        message = f"limit_attempts {count!r} would let no call run; use 1 or more"
        raise ValueError(message)
    with _overridden(max_attempts=count):
        yield


@contextmanager
def disable() -> Iterator[None]:
    """Let calls make one attempt, without hedges; they are told and recorded all the same."""
    with _overridden(disabled=True):
        yield


@contextmanager
def script(key: str, outcomes: Iterable[Any]) -> Iterator[None]:
    """Give the calls of ``key`` these outcomes, one per attempt, instead of running operations.

    Args:
        key: The policy key.
        outcomes: Values to return; exceptions (instances or classes) are raised.

    Raises:
        RecourseError: More attempts were made than there are outcomes.
    """
    steps = iter(list(outcomes))

    def play() -> Any:
        step = next(steps, _END)
        if step is _END:
            message = f"script for {key!r} has no outcome left; give one per attempt"
            raise RecourseError(message)
        if isinstance(step, BaseException) or (
            isinstance(step, type) and issubclass(step, BaseException)
        ):
            raise step
        return step

    with _overridden(scripts={key: play}):
        yield


_END: Final = object()
