"""What surrounds a call: the running attempt, deadlines, captures and test overrides.

One context variable holds all of it, so that a call reads and sets a single variable.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from recourse.clock import Clock, SystemClock
from recourse.duration import seconds as duration_s
from recourse.events import CallInfo, Event
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
    "record_timeline",
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


class Bearings(Protocol):
    """What an attempt needs to know of its key.

    Attributes:
        key: The policy key.
        policy_id: Name of the policy.
        max_attempts: Attempts that the policy allows.
        clock: What its deadline is read on.
    """

    key: str
    policy_id: str
    max_attempts: int
    clock: Clock

    def new_call_id(self) -> str:
        """An id for a call that nobody has asked the id of so far."""
        ...


class AttemptInfo:
    """The running attempt, as its operation may ask for it.

    Attributes:
        bearings: What the attempt needs to know of its key.
        attempt: 0-based retry index; hedges share it.
        hedge_index: 0 for the primary.
        deadline: When this attempt must end, in the clock's monotonic seconds; ``None``: never.
        annotations: What the operation noted; see :meth:`annotate`.
        is_bare: Nothing around it matters to the calls in it, but that it is their parent.
    """

    # Defaults stand on the class, so that a first attempt sets only what is its own.
    only_captures: bool = False
    is_bare: bool = False
    attempt: int = 0
    hedge_index: int = 0
    deadline: float | None = None
    _call: CallInfo | None = None
    _outer: "Ambient | AttemptInfo | None" = None
    annotations: dict[str, Any] | None = None
    _call_id: str | None = None

    def __init__(
        self,
        bearings: Bearings,
        call: CallInfo | None,
        attempt: int = 0,
        hedge_index: int = 0,
        deadline: float | None = None,
        outer: "Ambient | AttemptInfo | None" = None,
    ) -> None:
        self.bearings: Bearings = bearings
        self._call = call
        self._outer = outer
        self.attempt = attempt
        self.hedge_index = hedge_index
        self.deadline = deadline

    @property
    def call_id(self) -> str:
        """The call's id."""
        if self._call is not None:
            return self._call.call_id
        if self._call_id is None:
            # The short path gives a call its id only when somebody asks for it.
            self._call_id = self.bearings.new_call_id()
        return self._call_id

    def limit(self, deadline_s: float) -> None:
        """Have this attempt, and the calls in it, end by a moment."""
        self.deadline = deadline_s
        self.is_bare = False

    def after(self) -> "AttemptInfo":
        """What the operation sees of the attempt after this one, of the same call."""
        return AttemptInfo(self.bearings, self._call, self.attempt + 1, outer=self._outer)

    def join(self, call: CallInfo) -> None:
        """Belong to a call that has been given its identity only now."""
        self._call = call

    @property
    def asked_call_id(self) -> str | None:
        """The id that the operation has asked for, if it has."""
        return self._call_id

    @property
    def key(self) -> str:
        """The policy key as called."""
        return self.bearings.key if self._call is None else self._call.key

    @property
    def policy_id(self) -> str:
        """Name of the policy that the call follows."""
        return self.bearings.policy_id

    @property
    def is_hedge(self) -> bool:
        """Whether this run goes beside a primary."""
        return self.hedge_index > 0

    @property
    def is_last(self) -> bool:
        """Whether no further attempt can follow, however this one ends; hedges may go beside it."""
        allowed, overrides = self.bearings.max_attempts, self.overrides
        if overrides is not None:
            cap = 1 if overrides.disabled else overrides.max_attempts
            allowed = min(allowed, cap or allowed)
        return self.attempt + 1 >= allowed

    def remaining_s(self) -> float | None:
        """Seconds left for this attempt, never negative; ``None`` when it has no limit."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - self.bearings.clock.monotonic_s())

    def annotate(self, **facts: Any) -> None:
        """Put low-cardinality facts on the attempt's record (``peer``, ``method``, ``status``, …)."""
        self.annotations = {**(self.annotations or {}), **facts}

    def limit_s(self, clock: Clock) -> float | None:
        """When a call made inside this attempt must end, on the clock of that call."""
        if self.deadline is None or clock is self.bearings.clock:
            return self.deadline
        return clock.monotonic_s() + self.deadline - self.bearings.clock.monotonic_s()

    @property
    def running(self) -> "AttemptInfo":
        """Itself."""
        return self

    @property
    def capture(self) -> Capture | None:
        """The capture around the call, if it wants nested calls too."""
        capture = None if self._outer is None else self._outer.capture
        return capture if capture is not None and capture.nested else None

    @property
    def overrides(self) -> Overrides | None:
        """The overrides around the call."""
        return None if self._outer is None else self._outer.overrides

    @property
    def deadline_block(self) -> Deadline | None:
        """None: a surrounding block's deadline is in this attempt's own already."""
        return None

    def __repr__(self) -> str:
        return (
            f"AttemptInfo(key={self.key!r}, attempt={self.attempt}, hedge_index={self.hedge_index})"
        )


class FirstAttempt(AttemptInfo):
    """The first attempt of a call that nobody hears.

    The executor makes it by ``object.__new__`` and gives it its bearings: it has nothing else.
    """

    is_bare: bool = True


class HeardAttempt(AttemptInfo):
    """The first attempt of a call that somebody hears: it has no limit."""

    def __init__(self, bearings: Bearings, call: CallInfo) -> None:
        self.bearings: Bearings = bearings
        self._call = call

    def within(self, outer: "Ambient | AttemptInfo") -> None:
        """Be inside what is around the call."""
        self._outer = outer


class LaterAttempt(AttemptInfo):
    """A further attempt of a call that nobody hears: it shares what the one before it knows."""

    is_bare: bool = True

    def __init__(self, before: AttemptInfo) -> None:
        self.bearings: Bearings = before.bearings
        self.attempt: int = before.attempt + 1
        self._before = before

    @property
    def call_id(self) -> str:
        """The call's id."""
        return self._before.call_id


AMBIENT: Final[ContextVar[Ambient | AttemptInfo | None]] = ContextVar("recourse", default=None)


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
