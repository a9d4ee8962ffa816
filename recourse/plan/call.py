"""The state of one call and of each of its runs."""

from collections.abc import Callable
from typing import Any

from recourse.circuit.protocol import Admission
from recourse.context import TAPS, Ambient, AttemptInfo, Capture
from recourse.events import AttemptStart, CallInfo, Event
from recourse.outcome import Outcome
from recourse.plan.bound import Bound, Runtime
from recourse.reasons import BudgetReason, CancelReason

__all__ = ["Call", "Run"]


class Run:
    """One launch of the operation: a first attempt, a retry or a hedge. The driver fills it in.

    Attributes:
        info: What the operation sees as ``current_attempt()``.
        limit_s: When it must end (monotonic); ``None``: never.
        limited_by_call: The limit is the call's, not the attempt's own.
        error: What it raised.
        value: What it returned, when it raised nothing.
        expired: It was cut off at its limit.
        given: An outcome that only the driver can know, so that no classifier is asked.
        dropped: Nobody waits for it any more.
        work: Runs in place of the operation (a policy look-up); ``None`` for attempts.
        is_async_work: ``work`` gives an awaitable.
        start: The event that told of its start.
    """

    __slots__ = (
        "admission",
        "attempt",
        "budget_name",
        "budget_reason",
        "cancel_reason",
        "dropped",
        "ended_s",
        "error",
        "expired",
        "given",
        "hedge_index",
        "info",
        "is_async_work",
        "limit_s",
        "limited_by_call",
        "outcome",
        "release",
        "start",
        "started_s",
        "timeout_s",
        "value",
        "waited_before_s",
        "work",
    )

    def __init__(self, info: AttemptInfo, attempt: int, hedge_index: int = 0) -> None:
        self.info = info
        self.attempt = attempt
        self.hedge_index = hedge_index
        self.started_s = 0.0
        self.ended_s = 0.0
        self.limit_s: float | None = None
        self.limited_by_call = False
        self.timeout_s: float | None = None
        self.waited_before_s = 0.0
        self.admission: Admission | None = None
        self.release: Callable[[], None] | None = None
        self.budget_name = ""
        self.budget_reason: str = BudgetReason.FIRST_ATTEMPT
        self.value: Any = None
        self.error: BaseException | None = None
        self.expired = False
        self.given: Outcome | None = None
        self.outcome: Outcome | None = None
        self.dropped = False
        self.cancel_reason: CancelReason | None = None
        self.work: Callable[[], Any] | None = None
        self.is_async_work = False
        self.start: AttemptStart | None = None

    @property
    def duration_s(self) -> float:
        """How long it ran."""
        return self.ended_s - self.started_s


class Call:
    """One call on its way: who listens, what binds it, what it has done so far."""

    __slots__ = (
        "ambient",
        "attempts_run",
        "bound",
        "capture",
        "errors",
        "heard",
        "hedges",
        "info",
        "is_async",
        "is_stream",
        "limit_s",
        "limit_total_s",
        "listeners",
        "max_attempts",
        "operation",
        "over",
        "overrides",
        "result",
        "runtime",
        "scoped",
        "told",
    )

    def __init__(  # noqa: PLR0913  # what a call is made of
        self,
        runtime: Runtime,
        key: str,
        operation: Callable[[], Any],
        ambient: Ambient | AttemptInfo | None,
        *,
        started_s: float,
        call_id: str | None = None,
        is_async: bool = False,
        is_stream: bool = False,
    ) -> None:
        clock = runtime.clock
        parent = None if ambient is None or ambient.running is None else ambient.running.call_id
        now_s = clock.monotonic_s()
        started_unix_ns = clock.time_unix_ns() - round((now_s - started_s) * 1e9)
        self.info = CallInfo(
            call_id or runtime.ids.next(), key, started_s, started_unix_ns, parent_call_id=parent
        )
        self.info.message_of = runtime.message_of
        self.runtime = runtime
        self.operation = operation
        self.ambient = ambient
        self.is_async = is_async
        self.is_stream = is_stream
        self.listeners = (*runtime.observers, *TAPS.observers)
        self.scoped = runtime.scoped
        self.capture: Capture | None = None if ambient is None else ambient.capture
        self.heard = bool(self.listeners) or self.capture is not None
        self.overrides = None if ambient is None else ambient.overrides
        if self.overrides is not None and key in self.overrides.scripts:
            self.operation = scripted(self.overrides.scripts[key], is_async=is_async)
        self.limit_s = None if ambient is None else ambient.limit_s(clock)
        self.limit_total_s = 0.0 if self.limit_s is None else max(0.0, self.limit_s - started_s)
        self.max_attempts = 1
        self.bound: Bound | None = None
        self.told: list[Event] = []
        self.errors: list[Exception] = []
        self.attempts_run = 0
        self.hedges = 0
        self.over = False
        self.result: Any = None

    @classmethod
    def by_hand(cls, runtime: Runtime, key: str) -> "Call":
        """What stands for the call when an operator changes a breaker: no id, nobody's capture."""
        call = cls(runtime, key, _nothing, None, started_s=runtime.clock.monotonic_s(), call_id="")
        call.info.call_id = ""
        return call

    def tell(self, event: Event) -> None:
        """Keep an event for the timeline, and tell it to who listens."""
        self.told.append(event)
        for observer in self.listeners:
            try:
                observer.on_event(event)
            except Exception as error:  # an observer must not change a call
                self.runtime.observer_failed(observer, error)

    def now_s(self) -> float:
        """The clock."""
        return self.runtime.clock.monotonic_s()


def scripted(play: Callable[[], Any], *, is_async: bool) -> Callable[[], Any]:
    """The operation that a test has put in place of the real one."""

    async def aplay() -> Any:
        return play()

    return aplay if is_async else play


def _nothing() -> None:
    return None
