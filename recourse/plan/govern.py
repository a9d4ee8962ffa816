"""The plan of a call: gate, attempt, judge, wait, and again. The one copy of the rules."""

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

from recourse.errors import (
    CapacityError,
    DeadlineExceeded,
    ExecutorClosed,
    KeyCardinalityError,
    NoPolicyError,
)
from recourse.events import PolicyResolved
from recourse.plan import ending, telling
from recourse.plan.bound import Bound
from recourse.plan.call import Call, Past, Run
from recourse.plan.gate import (
    budget_lets,
    hopeless,
    lease,
    limit,
    new_run,
    open_error,
    will_stay_open,
)
from recourse.plan.judge import Pause, judge, pause_after, settle_unused, verdict
from recourse.plan.race import Race
from recourse.plan.steps import Finish, Sleep, Step
from recourse.reasons import BudgetKind, Disposition, HedgingOff, Reason

__all__ = ["Bind", "Plan", "Resolution", "govern"]

Plan: TypeAlias = Generator[Step, Any, Finish]
Resolution: TypeAlias = Generator[Step, Any, PolicyResolved | BaseException]
Bind: TypeAlias = Callable[[Call], Resolution]


def govern(call: Call, bind: Bind, past: Past | None = None) -> Plan:
    """Carry a call through its policy.

    Args:
        call: The call, fresh.
        bind: Resolves the policy into ``call.bound``; the executor's part.
        past: What has happened already, when a short path went before.

    Returns:
        What the caller gets.
    """
    if call.bound is None:
        refusal = yield from _resolved(call, bind)
        if refusal is not None:
            return refusal
    assert call.bound is not None  # noqa: S101  # _resolved has seen to it
    course = _Course(call, call.bound, past)
    try:
        return (yield from course.run(past))
    finally:
        # Only an exception of our own making (an observer's KeyboardInterrupt) leaves a run open.
        settle_unused(call, course.current)


def _resolved(call: Call, bind: Bind) -> Generator[Step, Any, Finish | None]:
    """Give the call its policy; how it ends when it gets none."""
    telling.call_start(call)
    if call.runtime.closed:
        return ending.interrupted(call, ExecutorClosed(call.info.key))
    resolved = yield from bind(call)
    if isinstance(resolved, KeyCardinalityError):
        return ending.refused(call, Disposition.POLICY_DENIED, resolved, Reason.NO_POLICY)
    if isinstance(resolved, BaseException):
        return ending.interrupted(call, resolved)
    telling.policy_resolved(call, resolved)
    if call.bound is None:
        error = NoPolicyError(call.info.key, resolved.failure or Reason.NO_POLICY)
        error.__cause__ = resolved.error
        return ending.refused(call, Disposition.POLICY_DENIED, error, Reason.NO_POLICY)
    return None


class _Course:
    """The attempts of one call under one policy."""

    def __init__(self, call: Call, bound: Bound, past: Past | None) -> None:
        self._call = call
        self._bound = bound
        self._attempt = 0
        self._waited_s = 0.0
        self._previous_s = bound.retry.initial_backoff_s
        self._off_told = False
        hedges = bound.policy.hedge.enabled or bound.hedging_off is not None
        threaded = call.runtime.threaded and not call.is_async and not call.is_stream
        self._may_detach = hedges or threaded
        self._last: Run
        self._closing: Run
        self.current: Run | None = None
        self._set_limits(call.now_s() if past is None else past.run.started_s)
        if past is not None:
            self._take_over(past)

    def _take_over(self, past: Past) -> None:
        run = self._last = past.run
        self._attempt, self._waited_s = run.attempt, past.waited_s
        self._previous_s = past.previous_s
        if past.is_over:
            self._attempt += 1
        elif self._bound.limit_s is not None:
            limit(self._call, self._bound, run)

    def _set_limits(self, began_s: float) -> None:
        call, retry = self._call, self._bound.retry
        call.max_attempts = retry.max_attempts
        if call.overrides is not None:
            cap = 1 if call.overrides.disabled else call.overrides.max_attempts
            call.max_attempts = min(call.max_attempts, cap or call.max_attempts)
        if retry.overall_timeout_s is not None:
            own_s = began_s + retry.overall_timeout_s
            if call.limit_s is None or own_s < call.limit_s:
                call.limit_s, call.limit_total_s = own_s, retry.overall_timeout_s

    def run(self, past: Past | None) -> Plan:
        if past is not None and past.woke is not None:
            return ending.interrupted(self._call, past.woke)
        first = None if past is None or past.is_over else past.run
        has_run = past is not None and not past.in_flight
        while True:
            run = self.current = first or self._next_run()
            if first is None:
                refusal = self._refusal(run)
                if refusal is not None:
                    return refusal
                telling.attempt_start(self._call, run)
            interruption = yield from self._carry_out(run, has_run=has_run and first is not None)
            if interruption is not None:
                return ending.interrupted(self._call, interruption)
            first = None
            pause = self._pause()
            if isinstance(pause, Disposition):
                return ending.finished(self._call, self._last, pause)
            interruption = yield from self._wait(pause)
            if interruption is not None:
                return ending.interrupted(self._call, interruption)

    def _next_run(self) -> Run:
        run = new_run(self._call, self._bound, self._attempt)
        run.waited_before_s = self._waited_s
        return run

    def _refusal(self, run: Run) -> Finish | None:
        """How the call ends because this attempt must not start; ``None`` when it may."""
        call, runtime = self._call, self._call.runtime
        if runtime.closed:
            return ending.interrupted(call, ExecutorClosed(call.info.key))
        if call.limit_s is not None and call.limit_s <= run.started_s:
            error = DeadlineExceeded(call.info.key, call.limit_total_s)
            reason = Reason.CONTEXT_DEADLINE_EXCEEDED
            return ending.refused(call, Disposition.DEADLINE_EXCEEDED, error, reason)
        if (
            self._is_detached(run)
            and not call.is_async
            and runtime.abandoned >= runtime.max_abandoned
        ):
            full = CapacityError(runtime.max_abandoned)
            return ending.refused(call, Disposition.INTERNAL_ERROR, full, Reason.NO_CAPACITY)
        return self._refused_by_breaker(run) or self._refused_by_budget(run)

    def _refused_by_breaker(self, run: Run) -> Finish | None:
        refusal = lease(self._call, self._bound, run)
        if refusal is None:
            return None
        if self._attempt:
            return ending.finished(self._call, self._last, Disposition.CIRCUIT_OPEN)
        error = open_error(self._call, refusal)
        return ending.refused(self._call, Disposition.CIRCUIT_OPEN, error, refusal.reason)

    def _refused_by_budget(self, run: Run) -> Finish | None:
        call, ref = self._call, self._bound.retry.budget
        if not self._attempt:
            # The breaker has let it pass: a refused call is none that a budget should know of.
            if self._bound.feeds:
                run.release = call.runtime.budgets.begin(ref, run.started_s)
            return None
        if budget_lets(call, run, ref, BudgetKind.RETRY):
            return None
        return ending.finished(call, self._last, Disposition.BUDGET_DENIED, run.budget_reason)

    def _carry_out(self, run: Run, *, has_run: bool) -> Generator[Step, Any, BaseException | None]:
        """Run it, alone or in a group; afterwards ``_last`` speaks for the attempt."""
        call = self._call
        self._last = self._closing = run
        if not has_run and self._is_detached(run):
            group = Race(call, self._bound, run, hedged=self._is_hedged(run))
            yield from group.run()
            self._last, self._closing = group.speaker, group.closing
            return group.interrupted
        if not has_run:
            yield run
        judge(call, self._bound, run)
        return None

    def _is_detached(self, run: Run) -> bool:
        """Whether the run goes beside the caller instead of inside it."""
        if not self._may_detach:
            return False
        call = self._call
        limited = call.runtime.threaded and not call.is_async and not call.is_stream
        return self._is_hedged(run) or (limited and run.limit_s is not None)

    def _is_hedged(self, run: Run) -> bool:
        off = self._hedging_off(run)
        if off is not None and not self._off_told:
            self._off_told = True
            call = self._call
            telling.hedging_disabled(call, off)
        return off is None and self._bound.policy.hedge.enabled

    def _hedging_off(self, run: Run) -> HedgingOff | None:
        """Why this attempt is not hedged although its policy may say so; ``None``: no reason."""
        call, bound = self._call, self._bound
        if bound.hedging_off is not None or not bound.policy.hedge.enabled:
            return bound.hedging_off
        probing = run.admission is not None and run.admission.probe is not None
        inline = not call.is_async and not call.runtime.threaded
        reasons = (
            (call.is_stream, HedgingOff.STREAM),
            (inline, HedgingOff.SYNC_COOPERATIVE),
            (probing, HedgingOff.HALF_OPEN),
            (call.overrides is not None and call.overrides.disabled, HedgingOff.DISABLED),
            (not self._has_trigger(), HedgingOff.TRIGGER_MISSING),
        )
        return next((reason for holds, reason in reasons if holds), None)

    def _has_trigger(self) -> bool:
        call, hedge = self._call, self._bound.policy.hedge
        return call.runtime.triggers.delay_s(call.info.label, hedge) is not None

    def _pause(self) -> Pause | Disposition:
        """What comes after the attempt; tells its end."""
        call, bound, last = self._call, self._bound, self._last
        pause: Pause | Disposition | None = verdict(last, call.max_attempts)
        if pause is None:
            pause = pause_after(call, bound, last, self._previous_s)
        if isinstance(pause, Pause) and will_stay_open(call, bound, pause.delay_s):
            pause = Disposition.CIRCUIT_OPEN
        if isinstance(pause, Disposition):
            telling.attempt_end(call, self._closing)
            return pause
        if hopeless(call, last, bound.retry.budget, pause.delay_s):
            pause = Pause(0.0, pause.source, pause.base_s)
        closing = self._closing
        closing.backoff_s, closing.backoff_source = pause.delay_s, pause.source
        telling.attempt_end(call, closing)
        return pause

    def _wait(self, pause: Pause) -> Generator[Step, Any, BaseException | None]:
        """Sleep before the next attempt; gives what ended the sleep early, if anything did."""
        call = self._call
        now_s = call.now_s()
        telling.retry_scheduled(call, self._last, pause.delay_s, pause.source, pause.base_s)
        self._previous_s = pause.base_s
        self._attempt += 1
        self._waited_s = pause.delay_s
        if pause.delay_s <= 0 or (call.overrides is not None and call.overrides.instant):
            return None
        woke: BaseException | None = yield Sleep(pause.delay_s)
        self._waited_s = call.now_s() - now_s
        return woke
