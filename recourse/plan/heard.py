"""Calls that somebody hears, as long as they go on in the ordinary way."""

from collections.abc import Callable
from typing import Any, Final

from recourse.context import Capture, surroundings
from recourse.events import AttemptEnd, AttemptStart, CallEnd, CallInfo, Event, RetryScheduled
from recourse.observer import Audience, ScopedObserver
from recourse.outcome import SUCCESS
from recourse.plan import telling
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Call, Run, laid_out
from recourse.plan.unheard import Unheard
from recourse.reasons import Disposition

__all__ = ["Heard"]

_SUCCESS: Final = Disposition.SUCCESS

_tuple: Final[type[tuple[Any, ...]]] = tuple
_event: Final = _tuple.__new__


@laid_out
class Heard(Unheard):
    """A call that tells what happens to it, and otherwise does what it would do unheard.

    Its beginning has been told already.

    Attributes:
        audience: Who is told of what.
        info: What all its events share.
        over: Its end has been told.
    """

    over: bool = False

    def __init__(  # noqa: PLR0913, PLR0917  # what a call is made of, without the price of keywords
        self,
        runtime: Runtime,
        bound: Bound,
        operation: Callable[[], Any],
        run: Run,
        info: CallInfo,
        audience: Audience,
        capture: Capture | None,
    ) -> None:
        super().__init__(runtime, bound, operation, None, run)
        self.scoped: tuple[ScopedObserver, ...] = audience.scoped
        self.audience: Audience = audience
        self.info: CallInfo = info
        self._capture = capture
        self._ends: list[Event] = []

    def tell(self, event: Event) -> None:
        """Tell an event to those who hear such."""
        self.audience.tell((event,))

    def pause_s(self) -> float | None:
        """As for a call that nobody hears; tells what it comes to."""
        delay_s = super().pause_s()
        if delay_s is not None:
            run, info = self.run, self.info
            self._tell_end(run)
            if self.audience.of[RetryScheduled]:
                at = (info, info.seq(), run.ended_s, run.attempt)
                why = (delay_s, run.backoff_source, delay_s, self.bound.retry.jitter, None)
                self.tell(_event(RetryScheduled, at + why))
        return delay_s

    def next_run(self, woke: BaseException | None) -> Run | None:
        """As for a call that nobody hears; tells that the attempt begins."""
        run = super().next_run(woke)
        if run is not None and (self.scoped or self.audience.of[AttemptStart]):
            info, waited_s = self.info, self.waited_s
            at = (info, info.seq(), run.started_s, run.attempt)
            run.start = _event(AttemptStart, (*at, 0, waited_s, None, None))
            self.tell(run.start)
        return run

    def succeeded(self) -> Any:
        """Settle the last attempt, which has given a value, and tell it; gives the value."""
        value: Any = super().succeeded()
        self.run.outcome = SUCCESS
        self._tell_end(self.run)
        self._tell_call_end(_SUCCESS, None)
        return value

    def failed(self) -> Exception:
        """End the call with the last attempt's error, and tell it; gives the error."""
        self._tell_end(self.run)
        error = super().failed()
        self._tell_call_end(self.disposition, error)
        return error

    def identity(self) -> CallInfo:
        """What all its events share."""
        return self.info

    def call(self) -> Call:
        """The same call for the plan, which tells the rest of it."""
        self._ambient = surroundings()
        call = self._new_call()
        call.told = self._ends
        return call

    def _hand_over(self, call: Call, run: Run) -> None:
        """Nothing: the end of the attempt has been told."""

    def _tell_end(self, run: Run) -> None:
        """Tell the end of an attempt, and keep it for the call's timeline."""
        info = self.info
        end = telling.attempt_ended(info, info.seq(), run, run.error, run.info.annotations)
        self._ends.append(end)
        if self.audience.of[AttemptEnd]:
            self.tell(end)

    def _tell_call_end(self, disposition: Disposition | None, error: Exception | None) -> None:
        info, run, ends = self.info, self.run, self._ends
        now_s = self.runtime.clock.monotonic_s()
        end = (info, info.seq(), now_s, disposition, run.outcome, error, len(ends), 0, None)
        told: Event = _event(CallEnd, end)
        if self.audience.of[CallEnd]:
            self.tell(told)
        self.over = True
        if self._capture is not None:
            self._capture.record((*ends, told))
        # Told errors have tracebacks that hold frames that hold this call.
        self._ends, self._capture = [], None
