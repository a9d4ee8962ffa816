"""The running attempt, as its operation may ask for it: what ``current_attempt()`` gives."""

from typing import TYPE_CHECKING, Any, Protocol

from recourse.clock import Clock
from recourse.identity import CallInfo

if TYPE_CHECKING:
    from recourse.context import Ambient, Capture, Deadline, Overrides

__all__ = [
    "AttemptInfo",
    "Bearings",
    "FirstAttempt",
    "HeardAttempt",
    "LaterAttempt",
    "PlannedAttempt",
]


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

    It has no constructor, because making an object with one takes twice as long; what makes such
    an attempt gives it its bearings.

    Attributes:
        bearings: What the attempt needs to know of its key.
        call: What those share who hear of its call; ``None`` while nobody does.
        attempt: 0-based retry index; hedges share it.
        hedge_index: 0 for the primary.
        deadline: When this attempt must end, in the clock's monotonic seconds; ``None``: never.
        annotations: What the operation noted; see :meth:`annotate`.
        is_bare: Nothing around it matters to the calls in it, but that it is their parent.
    """

    # Defaults stand on the class, so that an attempt sets only what is its own.
    bearings: Bearings
    only_captures: bool = False
    is_bare: bool = False
    attempt: int = 0
    hedge_index: int = 0
    deadline: float | None = None
    call: CallInfo | None = None
    _outer: "Ambient | AttemptInfo | None" = None
    annotations: dict[str, Any] | None = None
    _call_id: str | None = None

    @property
    def call_id(self) -> str:
        """The call's id."""
        if self.call is not None:
            return self.call.call_id
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
        return PlannedAttempt(self.bearings, self.call, self.attempt + 1, outer=self._outer)

    def join(self, call: CallInfo) -> None:
        """Belong to a call that has been given its identity only now."""
        self.call = call

    @property
    def asked_call_id(self) -> str | None:
        """The id that the operation has asked for, if it has."""
        return self._call_id

    @property
    def key(self) -> str:
        """The policy key as called."""
        return self.bearings.key if self.call is None else self.call.key

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
    def capture(self) -> "Capture | None":
        """The capture around the call, if it wants nested calls too."""
        capture = None if self._outer is None else self._outer.capture
        return capture if capture is not None and capture.nested else None

    @property
    def overrides(self) -> "Overrides | None":
        """The overrides around the call."""
        return None if self._outer is None else self._outer.overrides

    @property
    def deadline_block(self) -> "Deadline | None":
        """None: a surrounding block's deadline is in this attempt's own already."""
        return None

    def __repr__(self) -> str:
        return (
            f"AttemptInfo(key={self.key!r}, attempt={self.attempt}, hedge_index={self.hedge_index})"
        )


class PlannedAttempt(AttemptInfo):
    """An attempt of a call that may have limits, hedges and what a test has changed around it."""

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
        self.call = call
        self._outer = outer
        self.attempt = attempt
        self.hedge_index = hedge_index
        self.deadline = deadline


class FirstAttempt(AttemptInfo):
    """The first attempt of a call that nobody hears: it has its bearings, and nothing else."""

    is_bare: bool = True

    def after(self) -> AttemptInfo:
        """What the operation sees of the attempt after this one, of the same call."""
        later = LaterAttempt()
        later.before, later.bearings, later.attempt = self, self.bearings, self.attempt + 1
        return later


class LaterAttempt(FirstAttempt):
    """A further attempt of a call that nobody hears.

    Attributes:
        before: The attempt before it: what that knows, it shares.
    """

    before: AttemptInfo

    @property
    def call_id(self) -> str:
        """The call's id."""
        return self.before.call_id


class HeardAttempt(AttemptInfo):
    """The first attempt of a call that somebody hears: it has no limit."""

    def within(self, outer: "Ambient | AttemptInfo") -> None:
        """Be inside what is around the call."""
        self._outer = outer
