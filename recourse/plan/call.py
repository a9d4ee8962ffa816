"""The state of one call and of each of its runs."""

from collections.abc import Callable
from typing import Any, TypeVar

from recourse.attempt import AttemptInfo
from recourse.circuit.protocol import Admission
from recourse.clock import Clock
from recourse.context import Ambient, Capture, Overrides, surroundings
from recourse.events import AttemptStart, CallInfo, Event
from recourse.observer import Audience, ScopedObserver
from recourse.outcome import Outcome
from recourse.plan.bound import Bound, Runtime
from recourse.reasons import BudgetReason, CancelReason

__all__ = ["Call", "Past", "Run", "laid_out"]

T = TypeVar("T")


def laid_out(kind: type[T]) -> type[T]:
    """A class whose objects are as fast with all their defaults replaced as with none.

    CPython 3.11 lays objects out by what the first thirty of their class are given. What only later
    ones were given would make each of those slow, for as long as the process lives.
    """
    first: Any = object.__new__(kind)
    for base in kind.__mro__:
        for name in vars(base).get("__annotations__", ()):
            setattr(first, name, None)
    return kind


@laid_out
class Run:
    """One launch of the operation: a first attempt, a retry or a hedge. The driver fills it in.

    Attributes:
        info: What the operation sees as ``current_attempt()``.
        attempt: 0-based retry index.
        hedge_index: 0 for the primary.
        started_s: When it began, monotonic.
        ended_s: When it ended or was given up.
        limit_s: When it must end (monotonic); ``None``: never.
        limited_by_call: The limit is the call's, not the attempt's own.
        timeout_s: The time it has; ``None``: without limit.
        waited_before_s: What was really waited before it.
        admission: The breaker's lease, until it is settled.
        release: Gives a budget's reservation back, until that is done.
        budget_name: The budget that was asked.
        budget_reason: What it said.
        value: What the operation returned, when it raised nothing.
        error: What it raised.
        expired: It was cut off at its limit.
        outlasted: It was cancelled at its limit and gave a value all the same.
        came_s: When its value came, where that is not its end: a stream's first item.
        given: An outcome that only the driver can know, so that no classifier is asked.
        outcome: How it was judged.
        backoff_s: The delay chosen after it.
        backoff_source: Who chose that; ``None`` when no attempt follows.
        dropped: Nobody waits for it any more.
        cancel_reason: Why it was cut off, if it was.
        work: Runs in place of the operation (a policy look-up); ``None`` for attempts.
        is_async_work: ``work`` gives an awaitable.
        start: The event that told of its start.
    """

    # Defaults stand on the class, so that a run sets only what is its own.
    ended_s: float = 0.0
    limit_s: float | None = None
    limited_by_call = False
    timeout_s: float | None = None
    waited_before_s: float = 0.0
    admission: Admission | None = None
    release: Callable[[], None] | None = None
    budget_name = ""
    budget_reason: str = BudgetReason.FIRST_ATTEMPT
    value: Any = None
    expired = False
    outlasted = False
    came_s: float | None = None
    outcome: Outcome | None = None
    backoff_s: float = 0.0
    backoff_source: str | None = None
    dropped = False
    cancel_reason: CancelReason | None = None
    work: Callable[[], Any] | None = None
    is_async_work = False
    start: AttemptStart | None = None

    def __init__(
        self, info: AttemptInfo, attempt: int, hedge_index: int = 0, started_s: float = 0.0
    ) -> None:
        self.info = info
        self.attempt = attempt
        self.hedge_index = hedge_index
        self.started_s = started_s
        # What every run is asked for: a default of the class takes five times as long to find.
        self.error: BaseException | None = None
        self.given: Outcome | None = None

    @property
    def duration_s(self) -> float:
        """How long it ran."""
        return self.ended_s - self.started_s


class Past:
    """What a call did before its plan took it over.

    Attributes:
        run: Its last attempt.
        previous_s: The delay chosen last; before the first, the shortest that the policy names.
        waited_s: What was really waited after that attempt.
        woke: What ended that wait early, if anything did.
        is_over: Whether the attempt has been judged and told, and the next one is due.
        in_flight: Whether the attempt runs beside the caller and may still be running.
    """

    run: Run
    previous_s: float
    waited_s: float = 0.0
    woke: BaseException | None = None
    is_over: bool = False
    in_flight: bool = False


@laid_out
class Call:
    """One call on its way: who listens, what binds it, what it has done so far.

    Attributes:
        runtime: What all calls of the executor share.
        operation: What an attempt runs.
        ambient: What surrounded the call when it was made.
        audience: Who is told of what.
        scoped: Those of them who want to be around attempts.
        capture: The ``record_timeline`` block around the call.
        heard: Somebody will see its events.
        overrides: What a test has changed.
        bound: Its key under its policy, once resolved.
        limit_s: When it must end (monotonic); ``None``: never.
        limit_total_s: Seconds it had when that limit was set.
        max_attempts: Attempts it may make.
        told: Its events so far.
        errors: What its attempts have raised, or would raise for a value that was rejected.
        failed: The runs that have raised.
        attempts_run: How many attempts have run.
        hedges: How many of them were hedges.
        over: ``call_end`` has been told.
        result: The value that the caller gets.
    """

    scoped: tuple[ScopedObserver, ...] = ()
    capture: Capture | None = None
    overrides: Overrides | None = None
    bound: Bound | None = None
    limit_s: float | None = None
    limit_total_s: float = 0.0
    max_attempts: int = 1
    attempts_run: int = 0
    hedges: int = 0
    is_async = False
    is_stream = False
    over = False
    result: Any = None
    errors: tuple[Exception, ...] = ()
    failed: tuple[Run, ...] = ()

    def __init__(
        self,
        runtime: Runtime,
        info: CallInfo,
        operation: Callable[[], Any],
        ambient: Ambient | AttemptInfo | None,
    ) -> None:
        self.info = info
        self.runtime = runtime
        self.operation: Callable[[], Any] = operation
        self.ambient = ambient
        self.audience: Audience = runtime.listeners()
        if self.audience.scoped:
            self.scoped = self.audience.scoped
        self.told: list[Event] = []
        if ambient is not None:
            self._surround(ambient, runtime.clock)
        self.heard: bool = bool(self.audience.observers) or self.capture is not None

    def _surround(self, ambient: Ambient | AttemptInfo, clock: Clock) -> None:
        """Take over what holds where the call was made."""
        if ambient.running is not None:
            self.info.parent_call_id = ambient.running.call_id
        self.capture = ambient.capture
        self.overrides = ambient.overrides
        self.limit_s = ambient.limit_s(clock)
        if self.limit_s is not None:
            self.limit_total_s = max(0.0, self.limit_s - self.info.started_s)
        if self.overrides is not None and self.info.key in self.overrides.scripts:
            play = self.overrides.scripts[self.info.key]
            self.operation = lambda: _acted(play) if self.is_async else play()

    @classmethod
    def begun(cls, runtime: Runtime, key: str, operation: Callable[[], Any]) -> "Call":
        """A call that is made here and now."""
        info = runtime.new_call(key, runtime.clock.monotonic_s())
        return cls(runtime, info, operation, surroundings())

    @classmethod
    def by_hand(cls, runtime: Runtime, key: str) -> "Call":
        """What stands for the call when an operator changes a breaker: no id, nobody's capture."""
        info = runtime.new_call(key, runtime.clock.monotonic_s(), call_id="")
        return cls(runtime, info, lambda: None, None)

    def tell(self, event: Event) -> None:
        """Keep an event for the timeline, and tell it to who listens."""
        if not self.over:
            self.told.append(event)
        self.audience.tell((event,))

    def forget(self) -> None:
        """Let go of errors: their tracebacks hold frames that hold the call and its runs."""
        self.told.clear()
        self.errors = ()
        for run in self.failed:
            run.error = None
        self.failed = ()

    def now_s(self) -> float:
        """The clock."""
        return self.runtime.clock.monotonic_s()


async def _acted(play: Callable[[], Any]) -> Any:
    """A scripted outcome, for those who await it."""
    return play()
