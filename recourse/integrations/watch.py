"""Telling of calls that somebody else retries: the events of a real call, from what is watched.

A watcher changes nothing. It notes when attempts begin and end, and tells observers the events that
an executor would have told, so that archives, stories, spans and logs need not know the difference.
"""

import logging
import random
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from recourse import events
from recourse.classify.auto import AutoClassifier
from recourse.clock import Clock, SystemClock
from recourse.context import AMBIENT, TAPS
from recourse.events import CallIds, CallInfo, Event
from recourse.facade import get_executor
from recourse.locks import renew_in_child
from recourse.observer import Observer
from recourse.outcome import SUCCESS, Outcome, OutcomeKind
from recourse.plan.judge import stop_reason
from recourse.policy.model import EffectivePolicy, Jitter, Policy, RetryPolicy
from recourse.reasons import BudgetReason, Disposition, PolicySource, Reason

__all__ = ["Stop", "Watch", "WatchedCall", "outcome_of"]

Stop: TypeAlias = Callable[[], None]

_LOG: Final = logging.getLogger("recourse")
_MAX_POLICIES: Final = 1000
_JUDGE: Final = AutoClassifier()
_DISPOSITIONS: Final = {
    OutcomeKind.SUCCESS: Disposition.SUCCESS,
    OutcomeKind.RETRYABLE: Disposition.EXHAUSTED,
    OutcomeKind.NON_RETRYABLE: Disposition.TERMINAL,
    OutcomeKind.ABORT: Disposition.ABORTED,
    OutcomeKind.CANCELLED: Disposition.CANCELLED,
    OutcomeKind.ABANDONED: Disposition.DEADLINE_EXCEEDED,
}


def outcome_of(error: BaseException | None) -> Outcome:
    """What the end of an attempt means that raised ``error``, or gave a value."""
    if error is None:
        return SUCCESS
    if not isinstance(error, Exception):
        return Outcome(OutcomeKind.CANCELLED, stop_reason(error).value)
    return _JUDGE.classify(None, error)


class Watch:
    """What all watched calls of one client share.

    Args:
        client: What is watched, for example ``botocore``; it stands in the policy's id.
        observers: Who is told; those of the process's executor when left out.
        clock: What times are read on.
    """

    def __init__(
        self,
        client: str,
        observers: Sequence[Observer] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.client = client
        self.clock: Clock = clock or SystemClock()
        self._observers = None if observers is None else tuple(observers)
        self.ids: CallIds = CallIds(self.clock, random.Random())  # noqa: S311  # ids, not secrets
        self._policies: dict[tuple[str, int], EffectivePolicy] = {}
        renew_in_child(self)

    def renew(self) -> None:
        """Take other ids, in a forked child."""
        self.ids.renew()

    @property
    def observers(self) -> tuple[Observer, ...]:
        """Who is told now."""
        own = get_executor().observers if self._observers is None else self._observers
        return (*own, *TAPS.observers)

    def policy(self, key: str, max_attempts: int) -> EffectivePolicy:
        """What stands for the client's own settings: how many attempts it makes, and nothing else."""
        known = self._policies.get((key, max_attempts))
        if known is not None:
            return known
        retry = RetryPolicy(max_attempts=max_attempts, jitter=Jitter.NONE)
        policy = Policy(key, retry=retry, id=f"watched.{self.client}").normalize(PolicySource.NONE)
        if len(self._policies) < _MAX_POLICIES:
            self._policies[key, max_attempts] = policy
        return policy

    def call(self, key: str, max_attempts: int = 1) -> "WatchedCall":
        """Tell that a call has begun.

        Args:
            key: The policy key it would have.
            max_attempts: How many attempts the client may make.
        """
        return WatchedCall(self, key, self.policy(key, max_attempts))


class WatchedCall:
    """One call of somebody else's, told as it goes.

    The end of an attempt is told when it is known what follows: another attempt, or nothing.
    """

    def __init__(self, watch: Watch, key: str, policy: EffectivePolicy) -> None:
        clock = watch.clock
        self._now_s = clock.monotonic_s
        self._listeners = watch.observers
        ambient = AMBIENT.get()
        self._capture = None if ambient is None else ambient.capture
        self.info: CallInfo = CallInfo(watch.ids, key, clock.monotonic_s(), clock.time_unix_ns())
        if ambient is not None and ambient.running is not None:
            self.info.parent_call_id = ambient.running.call_id
        self.info.policy = policy
        self._told: list[Event] = []
        self._facts: dict[str, Any] = {"watched": watch.client}
        self._attempt = 0
        self._started_s: float | None = None
        self._waited_s = 0.0
        self._timeout_s: float | None = None
        self._held: _Ended | None = None
        info, began_s = self.info, self.info.started_s
        self._tell(events.CallStart(info, info.seq(), began_s, None))
        known = (policy, policy.source, info.policy_mode, 0.0, None, None)
        self._tell(events.PolicyResolved(info, info.seq(), began_s, *known))

    @property
    def is_running(self) -> bool:
        """Whether an attempt goes on."""
        return self._started_s is not None

    def attempt_started(self, timeout_s: float | None = None) -> None:
        """An attempt begins now; the one before it, if any, was retried."""
        now_s = self._now_s()
        if self._held is not None:
            self._let_go(now_s, again=True)
            self._attempt += 1
        self._started_s, self._timeout_s = now_s, timeout_s
        facts = (self._attempt, 0, self._waited_s, timeout_s, None)
        self._tell(events.AttemptStart(self.info, self.info.seq(), now_s, *facts))

    def attempt_ended(
        self,
        outcome: Outcome | None = None,
        error: BaseException | None = None,
        **facts: Any,
    ) -> None:
        """The running attempt ends now; harmless when none runs.

        Args:
            outcome: What it means; judged by the error when left out.
            error: What it raised.
            facts: Low-cardinality facts for its record.
        """
        if self._started_s is None:
            return
        judged = outcome_of(error) if outcome is None else outcome
        self._held = _Ended(self._started_s, self._now_s(), judged, error, facts)
        self._started_s = None

    def waits(self, delay_s: float) -> None:
        """The client will wait so long and try again."""
        if self._held is not None:
            self._held.delay_s = delay_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ended(error)

    def ended(
        self,
        error: BaseException | None = None,
        disposition: Disposition | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        """The call is over; an attempt that still runs ends with it.

        Args:
            error: What the caller gets, if it is no value.
            disposition: How it ended; told by the last outcome when left out.
            outcome: What the last attempt meant, when only its end shows it.
        """
        self.attempt_ended(outcome, error)
        if self._held is not None and outcome is not None:
            self._held.outcome = outcome
        last = outcome_of(error) if self._held is None else self._held.outcome
        ran = self._attempt + (self._held is not None)
        now_s = self._now_s()
        if self._held is not None:
            self._let_go(now_s, again=False)
        how = _DISPOSITIONS[last.kind] if disposition is None else disposition
        if last.reason == Reason.INTERRUPTED:
            how = Disposition.INTERRUPTED
        facts = (how, last, error, ran, 0, None)
        self._tell(events.CallEnd(self.info, self.info.seq(), now_s, *facts))
        if self._capture is not None:
            self._capture.record(tuple(self._told))

    def _let_go(self, now_s: float, *, again: bool) -> None:
        """Tell the end of the attempt that was held back, and the wait that followed it."""
        held, self._held = self._held, None
        assert held is not None  # noqa: S101 -- both callers have looked
        waited_s = max(0.0, now_s - held.ended_s)
        if again:
            held.outcome = _retried(held.outcome)
            delay_s = waited_s if held.delay_s is None else held.delay_s
            self._tell(self._end_of(held, delay_s, "policy"))
            info, jitter = self.info, Jitter.NONE.value
            wait = (self._attempt, delay_s, "policy", delay_s, jitter, None)
            self._tell(events.RetryScheduled(info, info.seq(), held.ended_s, *wait))
        else:
            self._tell(self._end_of(held, 0.0, None))
        self._waited_s = waited_s

    def _end_of(self, held: "_Ended", delay_s: float, source: str | None) -> events.AttemptEnd:
        is_first = self._attempt == 0
        return events.AttemptEnd(
            call=self.info,
            seq=self.info.seq(),
            at_s=held.ended_s,
            attempt=self._attempt,
            hedge_index=0,
            ran=True,
            started_s=held.started_s,
            ended_s=held.ended_s,
            outcome=held.outcome,
            error=held.error,
            waited_before_s=self._waited_s,
            timeout_s=self._timeout_s,
            backoff_s=delay_s,
            backoff_source=source,
            late=False,
            overrun_s=0.0,
            cancel_reason=None,
            budget_name="",
            budget_allowed=True,
            budget_reason=BudgetReason.FIRST_ATTEMPT if is_first else BudgetReason.NO_BUDGET,
            annotations={**self._facts, **held.facts},
        )

    def _tell(self, event: Event) -> None:
        self._told.append(event)
        for observer in self._listeners:
            try:
                observer.on_event(event)
            except Exception:  # noqa: BLE001 -- whoever is told must not change what is watched
                _LOG.warning("observer %s raised", type(observer).__qualname__, exc_info=True)


class _Ended:
    """An attempt that has ended, before it is known what follows."""

    __slots__ = ("delay_s", "ended_s", "error", "facts", "outcome", "started_s")

    def __init__(
        self,
        started_s: float,
        ended_s: float,
        outcome: Outcome,
        error: BaseException | None,
        facts: dict[str, Any],
    ) -> None:
        self.started_s = started_s
        self.ended_s = ended_s
        self.outcome = outcome
        self.error = error
        self.facts = facts
        self.delay_s: float | None = None


def _retried(outcome: Outcome) -> Outcome:
    """An outcome that was followed by a retry, whatever we would have done."""
    if outcome.kind is OutcomeKind.RETRYABLE:
        return outcome
    plain = outcome.reason in {kind.value for kind in OutcomeKind} | {
        Reason.NON_RETRYABLE_ERROR.value
    }
    reason = "" if plain else outcome.reason
    return Outcome(OutcomeKind.RETRYABLE, reason, outcome.attributes, outcome.retry_after_s)
