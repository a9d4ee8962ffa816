"""What surrounds a call: the running attempt, deadlines, captures and test overrides.

One context variable holds all of it, so that a call reads and sets a single variable.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from recourse.attempt import AttemptInfo
from recourse.clock import Clock, SystemClock
from recourse.duration import seconds as duration_s
from recourse.events import Event
from recourse.timeline import Timeline

if TYPE_CHECKING:
    from recourse.observer import Observer

__all__ = [
    "AMBIENT",
    "TAPS",
    "Ambient",
    "AttemptInfo",
    "Capture",
    "Deadline",
    "Overrides",
    "Taps",
    "current_attempt",
    "deadline",
    "enter",
    "leave",
    "record_timeline",
    "surroundings",
]

_SYSTEM: Final = SystemClock()


class Deadline:
    """A moment by which everything inside must be done, on whichever clock asks.

    The time left is taken over to another clock (a virtual one) the first time that clock asks.
    """

    __slots__ = ("_at_s",)

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._at_s: dict[Clock, float] = {clock: clock.monotonic_s() + seconds}

    def at_s(self, clock: Clock) -> float:
        """The moment in the clock's monotonic seconds."""
        known = self._at_s.get(clock)
        if known is None:
            origin, at_s = next(iter(self._at_s.items()))
            known = clock.monotonic_s() + at_s - origin.monotonic_s()
            self._at_s[clock] = known
        return known


class Overrides:
    """What a test changed for the calls inside its block; ``recourse.testing`` makes them."""

    __slots__ = ("disabled", "instant", "max_attempts", "scripts")

    def __init__(
        self,
        *,
        instant: bool = False,
        max_attempts: int | None = None,
        disabled: bool = False,
        scripts: dict[str, Callable[[], Any]] | None = None,
    ) -> None:
        self.instant: bool = instant
        self.max_attempts: int | None = max_attempts
        self.disabled: bool = disabled
        self.scripts: dict[str, Callable[[], Any]] = scripts or {}

    @classmethod
    def over(
        cls,
        outer: "Overrides | None",
        *,
        instant: bool = False,
        max_attempts: int | None = None,
        disabled: bool = False,
        scripts: dict[str, Callable[[], Any]] | None = None,
    ) -> Self:
        """What holds in a block inside one that has changed things already."""
        if outer is None:
            return cls(
                instant=instant, max_attempts=max_attempts, disabled=disabled, scripts=scripts
            )
        return cls(
            instant=instant or outer.instant,
            max_attempts=max_attempts or outer.max_attempts,
            disabled=disabled or outer.disabled,
            scripts={**outer.scripts, **(scripts or {})},
        )


class Capture:
    """Timelines of the calls made inside a :func:`record_timeline` block."""

    __slots__ = ("_recorded", "_token", "nested")

    def __init__(self, *, nested: bool = False) -> None:
        self.nested: bool = nested
        self._recorded: list[Iterable[Event]] = []

    def record(self, events: Iterable[Event]) -> None:
        """Take the events of a call that has ended."""
        self._recorded.append(events)

    @property
    def timelines(self) -> tuple[Timeline, ...]:
        """One timeline per call that has ended, oldest first."""
        return tuple(Timeline.of(events) for events in list(self._recorded))

    @property
    def timeline(self) -> Timeline | None:
        """The timeline of the call that ended last; ``None`` before any has."""
        return Timeline.of(self._recorded[-1]) if self._recorded else None

    def __enter__(self) -> Self:
        outer = AMBIENT.get()
        inside = Ambient() if outer is None else Ambient.inside(outer)
        inside.capture = self
        self._token = AMBIENT.set(inside)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        AMBIENT.reset(self._token)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


class Ambient:
    """What a block outside or inside an attempt has set for the calls in it."""

    # Defaults stand on the class, so that a block sets only what is its own.
    is_bare: Final = False
    only_captures: bool = True
    running: "AttemptInfo | None" = None
    capture: Capture | None = None
    deadline: Deadline | None = None
    overrides: Overrides | None = None

    @classmethod
    def inside(
        cls,
        outer: "Ambient | AttemptInfo | None",
        *,
        deadline: Deadline | None = None,
        overrides: Overrides | None = None,
    ) -> Self:
        """What holds in a block inside ``outer`` that sets what is given."""
        inner = cls()
        if outer is not None:
            inner.running, inner.capture = outer.running, outer.capture
            deadline = deadline or outer.deadline_block
            overrides = overrides or outer.overrides
        inner.deadline, inner.overrides = deadline, overrides
        inner.only_captures = inner.running is None and deadline is None and overrides is None
        return inner

    @property
    def deadline_block(self) -> Deadline | None:
        """The deadline that a block has set."""
        return self.deadline

    def limit_s(self, clock: Clock) -> float | None:
        """The earliest moment by which a call made here must end, on this clock."""
        inherited = None if self.running is None else self.running.limit_s(clock)
        if self.deadline is None:
            return inherited
        own = self.deadline.at_s(clock)
        return own if inherited is None else min(own, inherited)


AMBIENT: Final[ContextVar[Ambient | AttemptInfo | None]] = ContextVar("recourse", default=None)

# A method of an imported name is looked up and bound at every use: three times in each call.
surroundings: Final = AMBIENT.get
enter: Final = AMBIENT.set
leave: Final = AMBIENT.reset


class Taps:
    """Observers that hear every executor of the process; the test recorder is one."""

    __slots__ = ("observers",)

    def __init__(self) -> None:
        self.observers: tuple[Observer, ...] = ()

    @contextmanager
    def added(self, observer: "Observer") -> Generator[None]:
        """Let ``observer`` hear everything inside the block."""
        self.observers = (*self.observers, observer)
        try:
            yield
        finally:
            self.observers = tuple(each for each in self.observers if each is not observer)


TAPS: Final = Taps()


def current_attempt() -> AttemptInfo | None:
    """The attempt in whose operation this is asked; ``None`` outside of any."""
    ambient = AMBIENT.get()
    return None if ambient is None else ambient.running


@contextmanager
def deadline(seconds: Any, *, clock: Clock | None = None) -> Generator[None]:
    """Bound everything inside: every call ends within ``seconds`` (or a ``timedelta``) from now.

    Args:
        seconds: Time from now; zero or less means that calls inside are refused.
        clock: The clock it is read on; the system's by default.
    """
    limit = Deadline(duration_s("deadline", seconds), clock or _SYSTEM)
    outer = AMBIENT.get()
    token = AMBIENT.set(Ambient.inside(outer, deadline=_earlier(outer, limit, clock or _SYSTEM)))
    try:
        yield
    finally:
        AMBIENT.reset(token)


def _earlier(outer: Ambient | AttemptInfo | None, limit: Deadline, clock: Clock) -> Deadline:
    """An inner block never extends what an outer block allows."""
    around = None if outer is None else outer.deadline_block
    return limit if around is None or limit.at_s(clock) <= around.at_s(clock) else around


def record_timeline(*, nested: bool = False) -> Capture:
    """Record the calls made inside a ``with`` (or ``async with``) block.

    Args:
        nested: Whether calls made by the operations of recorded calls are recorded too.
    """
    return Capture(nested=nested)
