"""Calls that nobody hears, retried without an event: what most calls of most processes are."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, Final, cast

from recourse.attempt import AttemptInfo
from recourse.backoff import backoff_s
from recourse.context import Ambient, Capture
from recourse.events import CallInfo
from recourse.identity import NS
from recourse.observer import ScopedObserver
from recourse.outcome import SUCCESS, Health, Outcome, OutcomeKind
from recourse.plan import telling
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Call, Past, Run, laid_out
from recourse.plan.ending import explain
from recourse.plan.history import History
from recourse.plan.judge import cancellation, classified
from recourse.plan.opening import new_call
from recourse.reasons import BudgetReason, Disposition
from recourse.timeline import attach, left_of

__all__ = ["Flying", "Unheard", "over"]

# An enumeration's member costs more to look up than a call of this module's costs otherwise.
_RETRYABLE: Final = OutcomeKind.RETRYABLE
_NON_RETRYABLE: Final = OutcomeKind.NON_RETRYABLE
_HEALTHY: Final = Health.HEALTHY
_UNHEALTHY: Final = Health.UNHEALTHY
_NO_BUDGET: Final = BudgetReason.NO_BUDGET
_EXHAUSTED: Final = Disposition.EXHAUSTED
_TERMINAL: Final = Disposition.TERMINAL
_SUCCESS: Final = Disposition.SUCCESS


@laid_out
class Unheard(Past):
    """A call from its first failed attempt on, as long as it goes on in the ordinary way.

    Ordinary is an error that is worth a retry and asks for no wait, with attempts left and the
    breaker closed; or one after which the caller gets just that error. Then only a :class:`Run` is
    kept of each attempt. Whatever else happens is the plan's to decide: it takes the call over
    where it stands, and judges the last run by the outcome that it has already, if it has one.

    Attributes:
        bound: The key under its policy.
        runtime: What all calls of the executor share.
        operation: What an attempt runs.
        is_async: Whether it is awaited.
        scoped: Who is around its attempts: nobody.
        before: The attempts before the last one.
        disposition: How the call has ended, once it has and somebody may ask.
        ended: When that was, monotonic and on the wall clock.
    """

    # Defaults stand on the class, so that a call sets only what is its own.
    is_async: bool = False
    disposition: Disposition | None = None
    ended: tuple[float, int] | None = None
    # As in Past; type checkers would guess from what the methods set.
    waited_s: float = 0.0
    is_over: bool = False
    _call: Call | None = None

    def __init__(
        self,
        runtime: Runtime,
        bound: Bound,
        operation: Callable[[], Any],
        ambient: Ambient | AttemptInfo | None,
        run: Run,
    ) -> None:
        self.run: Run = run
        self.runtime: Runtime = runtime
        self.bound: Bound = bound
        self.operation: Callable[[], Any] = operation
        self.before: list[Run] = []
        self.scoped: tuple[ScopedObserver, ...] = ()
        self.previous_s: float = bound.retry.initial_backoff_s
        self._ambient = ambient

    def pause_s(self) -> float | None:
        """The wait after the attempt that has ended; ``None`` when there is none to be taken here.

        Then the call has either ended, and has a disposition, or the plan must say what comes.
        """
        run, bound, error = self.run, self.bound, self.run.error
        if (
            run.given is not None
            or not bound.free
            or not isinstance(error, Exception)
            or isinstance(error, CancelledError)
            or (error.__context__ is not None and cancellation(error) is not None)
        ):
            return None
        outcome = run.given = run.outcome = classified(bound, run)
        if outcome.kind is not _RETRYABLE or run.attempt + 1 >= bound.max_attempts:
            self._end(run, outcome)
            return None
        if outcome.retry_after_s is not None:
            return None
        if bound.breaker is not None:
            self._settle(run, outcome.health or _UNHEALTHY)
            if bound.breaker.free_pass is None:
                return None
        self.is_over = True
        delay_s = backoff_s(bound.retry, run.attempt, self.runtime.rng, self.previous_s)
        self.previous_s = run.backoff_s = delay_s
        run.backoff_source = "policy"
        return delay_s

    def _end(self, run: Run, outcome: Outcome) -> None:
        """The caller gets the attempt's error, unless it is to be wrapped or the plan must decide."""
        if outcome.kind is _RETRYABLE:
            disposition, health = _EXHAUSTED, _UNHEALTHY
        elif outcome.kind is _NON_RETRYABLE:
            disposition, health = _TERMINAL, _HEALTHY
        else:
            return
        if not self.runtime.wrap_errors:
            self._settle(run, outcome.health or health)
            # Of a call that somebody has heard of meanwhile, the plan tells the end.
            self.disposition = disposition if self._call is None else None

    def _settle(self, run: Run, health: Health) -> None:
        breaker, admission = self.bound.breaker, run.admission
        if breaker is not None and admission is not None:
            run.admission = None
            breaker.settle(admission, health, run.ended_s - run.started_s, run.ended_s, self)

    def next_run(self, woke: BaseException | None) -> Run | None:
        """The next attempt after the wait; ``None`` when the plan must say whether it may start."""
        breaker, last = self.bound.breaker, self.run
        now_s = self.bound.clock.monotonic_s()
        waited_s = self.waited_s = now_s - last.ended_s if last.backoff_s > 0 else 0.0
        admission = None if breaker is None else breaker.free_pass
        if woke is not None or self.runtime.closed or (breaker is not None and admission is None):
            self.woke = woke
            return None
        self.before.append(last)
        run = self.run = Run(last.info.after(), last.attempt + 1, 0, now_s)
        run.waited_before_s = waited_s
        run.admission = admission
        run.budget_reason = _NO_BUDGET
        self.is_over = False
        return run

    def succeeded(self) -> Any:
        """Settle the last attempt, which has given a value; gives the value."""
        run, ambient = self.run, self._ambient
        capture = None if ambient is None else ambient.capture
        if self.bound.breaker is not None:
            self._settle(run, _HEALTHY)
        value, run.value = run.value, None
        if capture is not None:
            run.outcome, self.disposition = SUCCESS, _SUCCESS
            self._over()
            self._record(capture)
        for earlier in self.before:
            earlier.error = None  # its traceback holds frames that hold this call
        return value

    def failed(self) -> Exception:
        """End the call with the last attempt's error, which knows how that came; gives the error."""
        runs, ambient, message_of = [*self.before, self.run], self._ambient, self.runtime.message_of
        capture = None if ambient is None else ambient.capture
        # As pause_s() has left it; a cast would be a call.
        kept: Any = self.run.error
        error: Exception = kept
        disposition: Any = self.disposition
        took_s = self._over() - runs[0].started_s
        explain(error, self.bound.key, disposition, len(runs), took_s)
        if capture is not None:
            self._record(capture)
        left: list[Any] = []
        noted: list[Any] = []
        for run in runs:
            held: Any = run.error
            left.append(type(held) if message_of is None else left_of(held, message_of))
            noted.append(run.info.annotations)
            run.error = None  # its traceback holds frames that hold this call
        attach(error, History(self, runs, left, noted))
        return error

    def _over(self) -> float:
        """Nothing of the call matters any more but what its timeline tells; gives its end."""
        clock = self.bound.clock
        ended_s = clock.monotonic_s()
        self.ended = ended_s, clock.time_unix_ns()
        self.operation = over  # its arguments are not to live as long as an error
        return ended_s

    def _record(self, capture: Capture) -> None:
        """Let the capture around the call have its timeline, which nobody makes unasked."""
        self._ambient = None  # an error's traceback leads here, and the capture to the error
        runs = self.judged()
        errors = [run.error for run in runs]
        # An operation may note more when its call is over.
        noted = [run.info.annotations for run in runs]
        capture.record(History(self, runs, errors, noted))

    def judged(self) -> tuple[Run, ...]:
        """The attempts that are over, and need no judging by the plan."""
        is_over = self.is_over or self.disposition is not None
        return (*self.before, self.run) if is_over else tuple(self.before)

    def identity(self) -> CallInfo:
        """What those share who will hear of the call."""
        first = self.before[0] if self.before else self.run
        known = first.info.call
        return self._joined(first) if known is None else known

    def _joined(self, first: Run) -> CallInfo:
        bound, ambient, clock = self.bound, self._ambient, self.bound.clock
        info = new_call(self.runtime, bound, first.started_s, first.info.asked_call_id)
        # It began a while ago, when nobody was to hear of it.
        at_s, at_unix_ns = self.ended or (clock.monotonic_s(), clock.time_unix_ns())
        info.started_unix_ns = at_unix_ns - round((at_s - info.started_s) * NS)
        first.info.join(info)
        if ambient is not None and ambient.running is not None:
            info.parent_call_id = ambient.running.call_id
        return info

    def call(self) -> Call:
        """The same call, for those who tell of it; nothing is told twice."""
        call = self._call
        if call is None:
            call = self._call = self._new_call()
            if call.heard:
                telling.opened(call, self.bound)
        return call

    def _new_call(self) -> Call:
        call = Call(self.runtime, self.identity(), self.operation, self._ambient)
        call.is_async, call.bound = self.is_async, self.bound
        return call

    def taken_over(self) -> Call:
        """The call with all that was before its last attempt, for the plan to go on with."""
        call = self.call()
        for run in self.judged():
            call.attempts_run += 1
            call.failed = (*call.failed, run)
            # What was gone on from was an Exception, or the plan had been asked before.
            call.errors = (*call.errors, cast("Exception", run.error))
            self._hand_over(call, run)
        return call

    def _hand_over(self, call: Call, run: Run) -> None:
        """Let the call tell the end of an attempt that nobody has heard of."""
        telling.attempt_end(call, run)


class Flying(Unheard):
    """Such a call while its first attempt runs beside the caller: the plan may hedge it."""

    in_flight: bool = True


def over() -> None:
    """What a call runs that is over."""
