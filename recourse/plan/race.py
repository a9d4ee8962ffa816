"""A run beside the caller, and the hedges beside it: who starts, who wins, who is dropped."""

from collections.abc import Generator
from typing import Any, Final

from recourse.errors import ExecutorClosed
from recourse.outcome import Health, Outcome, OutcomeKind
from recourse.plan import telling
from recourse.plan.bound import Bound
from recourse.plan.call import Call, Run
from recourse.plan.gate import budget_lets, lease, new_run
from recourse.plan.judge import judge, sample, settle, severity
from recourse.plan.steps import Await, Cancel, Drop, Launch, Step
from recourse.reasons import BudgetKind, CancelReason, Reason

__all__ = ["Race"]

_LOST: Final = Outcome(OutcomeKind.CANCELLED, Reason.HEDGE_LOST)
_CUT: Final = {
    CancelReason.WINNER_SUCCESS: _LOST,
    CancelReason.TERMINAL_OUTCOME: _LOST,
    CancelReason.DEADLINE_EXCEEDED: Outcome(
        OutcomeKind.CANCELLED, Reason.CONTEXT_DEADLINE_EXCEEDED
    ),
    CancelReason.CALLER_CANCELLED: Outcome(OutcomeKind.CANCELLED, Reason.CANCELLED),
    CancelReason.EXECUTOR_CLOSED: Outcome(OutcomeKind.CANCELLED, Reason.EXECUTOR_CLOSED),
}


class Race:
    """The runs of one attempt: the primary, launched beside the caller, and its hedges.

    Attributes:
        interrupted: The BaseException that ended the wait, if one did.
        speaker: The run whose outcome is the group's.
        closing: The run that ended last: its ``attempt_end`` has not been told yet.
    """

    def __init__(self, call: Call, bound: Bound, primary: Run, *, hedged: bool) -> None:
        self._call = call
        self._bound = bound
        self._primary = primary
        self._flight = [primary]
        self._ended: list[Run] = []
        self._hedged = hedged
        self._launched = 0
        self._last_launch_s = primary.started_s
        self.interrupted: BaseException | None = None
        self.speaker: Run = primary
        self.closing: Run = primary

    def run(self) -> Generator[Step, Any, None]:
        """Go on until one run speaks for all, nothing is left, or the wait was interrupted."""
        yield Launch(self._primary)
        while True:
            arrived = yield Await(self._next_moment_s())
            if isinstance(arrived, BaseException):
                self.interrupted = arrived
                yield from self._drop(_why(arrived))
                return
            if (yield from self._settled(arrived)):
                return
            if (yield from self._expired()):
                return
            if self._hedge_due():
                yield from self._hedge()

    def _next_moment_s(self) -> float | None:
        moments = [run.limit_s for run in self._flight if run.limit_s is not None]
        due_s = self._hedge_due_s()
        if due_s is not None:
            moments.append(due_s)
        return min(moments, default=None)

    def _hedge_due_s(self) -> float | None:
        hedge = self._bound.policy.hedge
        if not self._hedged or self._launched >= hedge.max_hedges:
            return None
        if self._primary not in self._flight or self._call.runtime.closed:
            return None
        delay_s = self._call.runtime.triggers.delay_s(self._call.info.label, hedge)
        return None if delay_s is None else self._last_launch_s + delay_s

    def _hedge_due(self) -> bool:
        due_s = self._hedge_due_s()
        return due_s is not None and self._call.now_s() >= due_s

    def _settled(self, arrived: list[Run]) -> Generator[Step, Any, bool]:
        """Take what has finished; true when the group is over."""
        for run in sorted(arrived, key=lambda each: each.hedge_index):
            self._flight.remove(run)
            kind = judge(self._call, self._bound, run).kind
            self._ended.append(run)
            if kind is OutcomeKind.CANCELLED:
                self.speaker = self.closing = run
                yield from self._drop(CancelReason.CALLER_CANCELLED)
                return True
            if kind is OutcomeKind.SUCCESS:
                self.speaker = self.closing = run
                # Known before the losers end: one of them may give the very same object.
                self._call.result = run.value
                yield from self._drop(CancelReason.WINNER_SUCCESS)
                return True
            if kind is OutcomeKind.ABORT or (
                kind is OutcomeKind.NON_RETRYABLE
                and self._bound.policy.hedge.cancel_on_first_terminal
            ):
                self.speaker = max(self._ended, key=severity)
                self.closing = run
                yield from self._drop(CancelReason.TERMINAL_OUTCOME)
                return True
            if self._flight:
                telling.attempt_end(self._call, run)
        return not self._flight and self._over(self._ended[-1])

    def _over(self, closing: Run) -> bool:
        if self._flight:
            return False
        self.speaker = max(self._ended, key=severity)
        self.closing = closing
        return True

    def _expired(self) -> Generator[Step, Any, bool]:
        """Cut what has reached its limit; true when the group is over."""
        now_s = self._call.now_s()
        for run in list(self._flight):
            if run.limit_s is None or now_s < run.limit_s:
                continue
            if not (yield Cancel(run)):
                return False  # it has finished in the same moment: its result counts first
            self._flight.remove(run)
            run.expired = True
            run.ended_s = now_s
            if run.limited_by_call:
                self.speaker = self.closing = run
                judge(self._call, self._bound, run)
                yield from self._drop(CancelReason.DEADLINE_EXCEEDED)
                return True
            judge(self._call, self._bound, run)
            self._ended.append(run)
            if self._over(run):
                return True
            telling.attempt_end(self._call, run)
        return False

    def _hedge(self) -> Generator[Step, Any, None]:
        self._launched += 1
        call, bound = self._call, self._bound
        run = new_run(call, bound, self._primary.attempt, self._launched)
        since_s = run.started_s - self._primary.started_s
        self._last_launch_s = run.started_s
        if lease(call, bound, run) is not None:
            return
        if not budget_lets(call, run, bound.policy.hedge.budget, BudgetKind.HEDGE):
            return
        call.hedges += 1
        telling.hedge_spawn(call, run, since_s, bound.policy.hedge.trigger)
        telling.attempt_start(call, run)
        self._flight.append(run)
        yield Launch(run)

    def _drop(self, reason: CancelReason) -> Generator[Step, Any, None]:
        """Let every run go that is left, and tell it."""
        call, now_s = self._call, self._call.now_s()
        for run in self._flight:
            if not (yield Drop(run)):
                run.ended_s = now_s
            run.cancel_reason = reason
            run.outcome = _CUT[reason]
            call.attempts_run += 1
            settle(call, run, Health.NEUTRAL)
            self._sample_loser(run, reason)
            if self._hedged:
                telling.hedge_cancel(call, run, reason)
            else:
                run.outcome = Outcome(OutcomeKind.ABANDONED, run.outcome.reason)
                telling.attempt_end(call, run)
        self._flight.clear()

    def _sample_loser(self, run: Run, reason: CancelReason) -> None:
        if reason is CancelReason.WINNER_SUCCESS:
            sample(self._call, self._bound, run, censored=True)


def _why(error: BaseException) -> CancelReason:
    closed = isinstance(error, ExecutorClosed)
    return CancelReason.EXECUTOR_CLOSED if closed else CancelReason.CALLER_CANCELLED
