"""Calls that nobody hears, retried without an event: what most calls of most processes are."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, Final, cast

from recourse.attempt import AttemptInfo, LaterAttempt
from recourse.backoff import backoff_s
from recourse.context import Ambient
from recourse.events import CallEnd, CallInfo
from recourse.identity import NS
from recourse.observer import ScopedObserver
from recourse.outcome import Health, Outcome, OutcomeKind
from recourse.plan import telling
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Call, Past, Run
from recourse.plan.ending import explain
from recourse.plan.history import History
from recourse.plan.judge import cancellation, classified
from recourse.plan.opening import new_call
from recourse.reasons import BudgetReason, Disposition
from recourse.timeline import attach, left_of

__all__ = ["Flying", "Unheard"]

# An enumeration's member costs more to look up than a call of this module's costs otherwise.
_RETRYABLE: Final = OutcomeKind.RETRYABLE
_NON_RETRYABLE: Final = OutcomeKind.NON_RETRYABLE
_HEALTHY: Final = Health.HEALTHY
_UNHEALTHY: Final = Health.UNHEALTHY
_NO_BUDGET: Final = BudgetReason.NO_BUDGET
_EXHAUSTED: Final = Disposition.EXHAUSTED
_TERMINAL: Final = Disposition.TERMINAL

_tuple: Final[type[tuple[Any, ...]]] = tuple
_event: Final = _tuple.__new__


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
        disposition: How the call has ended, once it has with an error.
    """

    # Defaults stand on the class, so that a call sets only what is its own.
    is_async: bool = False
    disposition: Disposition | None = None
    # As in Past; type checkers would guess from what the methods set.
    waited_s: float = 0.0
    is_over: bool = False
    _call: Call | None = None
    _paused_s: float = 0.0

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
        self.previous_s: float | None = None
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
        kind = outcome.kind
        if kind is _RETRYABLE:
            if run.attempt + 1 < bound.max_attempts:
                return None if outcome.retry_after_s is not None else self._delay_s(run, outcome)
            self._end(run, outcome, _EXHAUSTED)
        elif kind is _NON_RETRYABLE:
            self._end(run, outcome, _TERMINAL)
        return None

    def _delay_s(self, run: Run, outcome: Outcome) -> float | None:
        """The wait for an attempt that the breaker would let pass."""
        bound, runtime = self.bound, self.runtime
        self._settle(run, outcome.health or _UNHEALTHY)
        if bound.breaker is not None and bound.breaker.free_pass is None:
            return None
        self.is_over = True
        self._paused_s = runtime.clock.monotonic_s()
        retry, previous_s = bound.retry, self.previous_s
        if previous_s is None:
            previous_s = retry.initial_backoff_s
        delay_s = backoff_s(retry, run.attempt, runtime.rng, previous_s)
        self.previous_s = run.backoff_s = delay_s
        run.backoff_source = "policy"
        return delay_s

    def _end(self, run: Run, outcome: Outcome, disposition: Disposition) -> None:
        """The caller gets the attempt's error, unless it is to be wrapped."""
        if not self.runtime.wrap_errors:
            unwell = disposition is _EXHAUSTED
            self._settle(run, outcome.health or (_UNHEALTHY if unwell else _HEALTHY))
            # Of a call that somebody has heard of meanwhile, the plan tells the end.
            self.disposition = disposition if self._call is None else None

    def _settle(self, run: Run, health: Health) -> None:
        breaker, admission = self.bound.breaker, run.admission
        if breaker is not None and admission is not None:
            run.admission = None
            breaker.settle(admission, health, run.ended_s - run.started_s, run.ended_s, self)

    def next_run(self, woke: BaseException | None) -> Run | None:
        """The next attempt after the wait; ``None`` when the plan must say whether it may start."""
        runtime, breaker, last = self.runtime, self.bound.breaker, self.run
        now_s = runtime.clock.monotonic_s()
        self.woke = woke
        self.waited_s = now_s - self._paused_s if last.backoff_s > 0 else 0.0
        admission = None if breaker is None else breaker.free_pass
        if woke is not None or runtime.closed or (breaker is not None and admission is None):
            return None
        self.before.append(last)
        run = self.run = Run(self._later(last), last.attempt + 1, 0, now_s)
        run.waited_before_s = self.waited_s
        run.admission = admission
        run.budget_reason = _NO_BUDGET
        self.is_over = False
        return run

    def _later(self, last: Run) -> AttemptInfo:
        """What the operation sees of the attempt after ``last``."""
        later = LaterAttempt()
        later.before, later.bearings, later.attempt = last.info, self.bound, last.attempt + 1
        return later

    def succeeded(self) -> Any:
        """Settle the last attempt, which has given a value; gives the value."""
        self._settle(self.run, _HEALTHY)
        for earlier in self.before:
            earlier.error = None  # its traceback holds frames that hold this call
        return self.run.value

    def failed(self) -> Exception:
        """End the call with the last attempt's error, which knows how that came; gives the error."""
        run, runs, info = self.run, self.judged(), self.identity()
        # As pause_s() has left it; a cast would be a call.
        kept: Any = run.error
        error: Exception = kept
        disposition: Any = self.disposition
        now_s = self.runtime.clock.monotonic_s()
        explain(error, info.key, disposition, len(runs), now_s - info.started_s)
        errors: list[Any] = [each.error for each in runs]
        left = [left_of(each, info.message_of) for each in errors]
        facts = (disposition, run.outcome, left[-1], len(runs), 0, None)
        attach(error, History(runs, left, _event(CallEnd, (info, len(runs), now_s, *facts))))
        for each in runs:
            each.error = None  # its traceback holds frames that hold this call
        return error

    def judged(self) -> tuple[Run, ...]:
        """The attempts that are over, and need no judging by the plan."""
        is_over = self.is_over or self.disposition is not None
        return (*self.before, self.run) if is_over else tuple(self.before)

    def identity(self) -> CallInfo:
        """What those share who will hear of the call."""
        first = self.before[0] if self.before else self.run
        bound, ambient = self.bound, self._ambient
        info = new_call(self.runtime, bound, first.started_s, first.info.asked_call_id)
        # It began a while ago, when nobody was to hear of it.
        info.started_unix_ns -= round((self.runtime.clock.monotonic_s() - info.started_s) * NS)
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
