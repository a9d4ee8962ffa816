"""Calls that nobody hears, retried without an event: what most calls of most processes are."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, Final, cast

from recourse.backoff import backoff_s
from recourse.context import Ambient, AttemptInfo, LaterAttempt
from recourse.observer import ScopedObserver
from recourse.outcome import Health, OutcomeKind
from recourse.plan import telling
from recourse.plan.bound import Bound, Runtime
from recourse.plan.call import Call, Past, Run
from recourse.plan.judge import cancellation, classified
from recourse.plan.opening import follow
from recourse.reasons import BudgetReason

__all__ = ["Unheard"]

# An enumeration's member costs more to look up than a call of this module's costs otherwise.
_RETRYABLE: Final = OutcomeKind.RETRYABLE
_UNHEALTHY: Final = Health.UNHEALTHY
_HEALTHY: Final = Health.HEALTHY
_NO_BUDGET: Final = BudgetReason.NO_BUDGET


class Unheard(Past):
    """A call from its first failed attempt on, as long as it fails in the ordinary way.

    Ordinary is an error that is worth a retry and asks for no wait, with attempts left and the
    breaker closed. Then only a :class:`Run` is kept of each attempt. Whatever else happens is the
    plan's to decide: it takes the call over where it stands, and judges the last run by the
    outcome that it has already, if it has one.

    Attributes:
        bound: The key under its policy; without hedges.
        runtime: What all calls of the executor share.
        operation: What an attempt runs.
        is_async: Whether it is awaited.
        scoped: Nobody is around its attempts.
        before: The attempts before the last one.
    """

    __slots__ = (
        "_ambient",
        "_call",
        "_paused_s",
        "before",
        "bound",
        "is_async",
        "operation",
        "runtime",
    )

    scoped: tuple[ScopedObserver, ...] = ()

    def __init__(
        self,
        runtime: Runtime,
        bound: Bound,
        operation: Callable[[], Any],
        ambient: Ambient | AttemptInfo | None,
        run: Run,
    ) -> None:
        self.run: Run = run
        self.previous_s: float | None = None
        self.waited_s: float = 0.0
        self.woke: BaseException | None = None
        self.is_over: bool = False
        self.runtime: Runtime = runtime
        self.bound: Bound = bound
        self.operation: Callable[[], Any] = operation
        self.is_async: bool = False
        self.before: list[Run] = []
        self._ambient = ambient
        self._call: Call | None = None

    def pause_s(self) -> float | None:
        """The wait after the attempt that has ended; ``None`` when the plan must say what comes."""
        run, bound, error = self.run, self.bound, self.run.error
        if (
            run.given is not None
            or run.attempt + 1 >= bound.retry.max_attempts
            or not bound.free
            or not isinstance(error, Exception)
            or isinstance(error, CancelledError)
            or cancellation(error) is not None
        ):
            return None
        outcome = run.given = classified(bound, run)
        if outcome.kind is not _RETRYABLE or outcome.retry_after_s is not None:
            return None
        breaker, admission = bound.breaker, run.admission
        if breaker is not None and admission is not None:
            run.admission = None
            health = outcome.health or _UNHEALTHY
            breaker.settle(admission, health, run.ended_s - run.started_s, run.ended_s, self)
            if breaker.free_pass is None:
                return None
        self.is_over = True
        self._paused_s = self.runtime.clock.monotonic_s()
        retry, previous_s = bound.retry, self.previous_s
        if previous_s is None:
            previous_s = retry.initial_backoff_s
        delay_s = backoff_s(retry, run.attempt, self.runtime.rng, previous_s)
        self.previous_s = run.backoff_s = delay_s
        return delay_s

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
        run = self.run = Run(LaterAttempt(last.info), last.attempt + 1, 0, now_s)
        run.waited_before_s = self.waited_s
        run.admission = admission
        run.budget_reason = _NO_BUDGET
        self.is_over = False
        return run

    def succeeded(self) -> Any:
        """Settle the last attempt, which has given a value; gives the value."""
        run, breaker = self.run, self.bound.breaker
        if breaker is not None and run.admission is not None:
            took_s = run.ended_s - run.started_s
            breaker.settle(run.admission, _HEALTHY, took_s, run.ended_s, self)
        for earlier in self.before:
            earlier.error = None  # its traceback holds frames that hold this call
        return run.value

    def call(self) -> Call:
        """The same call, for those who tell of it; nothing is told twice."""
        if self._call is None:
            first = (*self.before, self.run)[0]
            self._call = Call(
                self.runtime,
                self.bound.key,
                self.operation,
                self._ambient,
                started_s=first.started_s,
                call_id=first.info.asked_call_id,
            )
            self._call.is_async = self.is_async
            first.info.join(self._call.info)
            follow(self._call, self.bound)
            if self._call.heard:
                telling.opened(self._call, self.bound)
        return self._call

    def taken_over(self) -> Call:
        """The call with all that was before its last attempt, for the plan to go on with."""
        call = self.call()
        for run in (*self.before, self.run) if self.is_over else self.before:
            run.outcome = run.given
            call.attempts_run += 1
            call.failed = (*call.failed, run)
            # What was gone on from was an Exception, or the plan had been asked before.
            call.errors = (*call.errors, cast("Exception", run.error))
            telling.attempt_end(call, run, backoff_s=run.backoff_s, backoff_source="policy")
        return call
