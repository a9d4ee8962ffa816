"""What the calls of one key need, looked up once: policy, classifier, breaker, trigger."""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from recourse.budget.registry import Budgets
from recourse.circuit.protocol import Admission, Breaker
from recourse.classify.protocol import Classifier
from recourse.clock import Clock
from recourse.context import TAPS
from recourse.events import CallIds, CallInfo
from recourse.hedge.registry import Triggers
from recourse.locks import Mutex, renew_in_child
from recourse.observer import Audience, Observer
from recourse.outcome import OutcomeKind
from recourse.plan.release import Releaser
from recourse.policy.model import EffectivePolicy, RetryPolicy
from recourse.reasons import BreakerState, HedgingOff, PolicyMode

__all__ = ["Bound", "Runtime", "Wake"]

Wake: TypeAlias = Callable[[BaseException], None]

_LOG: Final = logging.getLogger("recourse")
_LOG_EVERY_S: Final = 10.0


class Runtime:
    """What all calls of one executor share.

    Attributes:
        closed: No attempt starts any more.
        deserted: Nobody waits for detached runs any more.
        abandoned: Threads that still run what nobody waits for.
        sleepers: How to wake each call that waits between attempts.
        waiters: How to wake each call that waits for detached runs.
        threads: Threads of runs that go beside their callers.
        tasks: Tasks of runs that go beside their callers.
        audience: The observers, by what they hear.
        observer_errors: Exceptions that observers have raised.
    """

    def __init__(  # noqa: PLR0913  # the executor's one bundle of parts
        self,
        *,
        clock: Clock,
        rng: random.Random,
        budgets: Budgets,
        triggers: Triggers,
        observers: Sequence[Observer],
        wrap_errors: bool,
        threaded: bool,
        max_abandoned: int,
        message_of: Callable[[BaseException], str] | None,
    ) -> None:
        self.clock = clock
        self.rng = rng
        self.budgets = budgets
        self.triggers = triggers
        self.audience: Audience = Audience(tuple(observers), self.observer_failed)
        self._tapped = self.audience
        self.wrap_errors = wrap_errors
        self.threaded = threaded
        self.max_abandoned = max_abandoned
        self.message_of = message_of
        self.ids: CallIds = CallIds(clock, rng)
        self.releaser: Releaser = Releaser(clock, self.track)
        self.mutex: Mutex = Mutex()
        self.closed = False
        self.deserted = False
        self.abandoned: int = 0
        self.sleepers: dict[object, Wake] = {}
        self.waiters: dict[object, Wake] = {}
        self.threads: set[threading.Thread] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.observer_errors: int = 0
        self._logged_s = -_LOG_EVERY_S
        renew_in_child(self)

    def renew(self) -> None:
        """Forget what runs and waits, in a forked child: it has none of those threads."""
        self.abandoned = 0
        self.sleepers = {}
        self.waiters = {}
        self.threads = set()
        self.tasks = set()
        self.ids.renew()

    def listeners(self) -> Audience:
        """Everybody who listens now: the observers, and after them the process's own."""
        taps = TAPS.observers
        if not taps:
            return self.audience
        own, tapped = self.audience.observers, self._tapped
        everybody = own + taps
        if tapped.observers != everybody:
            tapped = self._tapped = Audience(everybody, self.observer_failed)
        return tapped

    def new_call(self, key: str, started_s: float, call_id: str | None = None) -> CallInfo:
        """A call that has just begun, for those who will hear of it."""
        info = CallInfo(self.ids, key, started_s, self.clock.time_unix_ns(), call_id)
        if self.message_of is not None:
            info.message_of = self.message_of
        return info

    def new_call_id(self) -> str:
        """An id for a call of which nothing else is recorded so far."""
        return self.ids.of(self.ids.count(), self.clock.monotonic_s())

    def track(self, thread: threading.Thread) -> None:
        """Remember a thread for :meth:`Executor.close`; those that have ended are forgotten."""
        with self.mutex.lock:
            self.threads = {each for each in self.threads if each.is_alive()} | {thread}

    def observer_failed(self, observer: object, error: Exception) -> None:
        """Count an observer's exception, and log one now and then."""
        now_s = self.clock.monotonic_s()
        with self.mutex.lock:
            self.observer_errors += 1
            count = self.observer_errors
            due = now_s - self._logged_s >= _LOG_EVERY_S
            if due:
                self._logged_s = now_s
        if due:
            _LOG.warning(
                "observer %s raised %s; %d so far",
                type(observer).__qualname__,
                type(error).__name__,
                count,
                exc_info=error,
            )


class _NoCircuit:
    """Stands where a key has no breaker, for those who only ask whether it is calm."""

    calm: Final = Admission(allowed=True, state=BreakerState.DISABLED, reason="", generation=0)


NO_CIRCUIT: Final = _NoCircuit()


class Bound:
    """One key under one policy, ready to run.

    Attributes:
        policy: What is followed.
        given: What was resolved; the environment may have changed it.
        short: Nothing but classification and the breaker stands between a first success and the
            caller, so the short path may be taken.
        limit_s: Seconds that a first attempt has, by its own limit or the call's; ``None``: no limit.
        hedge_s: Seconds until an asynchronous first attempt is hedged, when that is all that stands
            between its success and the caller; ``None``: never, or it must be asked.
        is_timed: A first attempt has a limit, or may be hedged.
        free: Neither a limit nor a budget stands between one attempt and the next.
        hedging_off: Why calls that may be hedged by policy are not; ``None`` when they are.
    """

    __slots__ = (
        "_new_call_id",
        "breaker",
        "circuit",
        "classifier",
        "classify",
        "clock",
        "errors_only",
        "feeds",
        "free",
        "given",
        "hedge_s",
        "hedging_off",
        "is_timed",
        "key",
        "limit_s",
        "max_attempts",
        "mode",
        "policy",
        "policy_id",
        "retry",
        "short",
    )

    def __init__(  # noqa: PLR0913  # the bundle of what a key looks up
        self,
        *,
        key: str,
        policy: EffectivePolicy,
        given: EffectivePolicy,
        runtime: Runtime,
        classifier: Classifier,
        breaker: Breaker | None,
        hedging_off: HedgingOff | None,
        mode: PolicyMode,
    ) -> None:
        self.key: str = key
        self.policy: EffectivePolicy = policy
        self.given: EffectivePolicy = given
        self.policy_id: str = policy.id
        self.retry: RetryPolicy = policy.retry
        self.max_attempts: int = policy.retry.max_attempts
        self.clock: Clock = runtime.clock
        self._new_call_id = runtime.new_call_id
        self.classifier: Classifier = classifier
        # Somebody else may have written it: what it gives is looked at before it is believed.
        self.classify: Callable[[Any, Exception | None], object] = classifier.classify
        self.breaker: Breaker | None = breaker
        self.circuit: Breaker | _NoCircuit = breaker or NO_CIRCUIT
        self.errors_only: bool = bool(getattr(classifier, "errors_only", False))
        self.hedging_off: HedgingOff | None = hedging_off
        self.mode: PolicyMode = mode
        self.feeds: bool = runtime.budgets.learns(policy.retry.budget)
        retry = policy.retry
        limits_s = (retry.timeout_per_attempt_s, retry.overall_timeout_s)
        self.limit_s: float | None = min((s for s in limits_s if s is not None), default=None)
        self.free: bool = self.limit_s is None and (retry.budget is None or not retry.budget.name)
        plain = not self.feeds and self.errors_only
        hedge = policy.hedge
        self.short: bool = (
            plain and not hedge.enabled and (self.limit_s is None or not runtime.threaded)
        )
        hedged = plain and hedge.enabled and hedging_off is None
        self.hedge_s: float | None = runtime.triggers.constant_s(hedge) if hedged else None
        self.is_timed: bool = self.limit_s is not None or self.hedge_s is not None

    def new_call_id(self) -> str:
        """An id for a call that nobody has asked the id of so far."""
        return self._new_call_id()

    def follows(self, policy: EffectivePolicy, mode: PolicyMode) -> bool:
        """Whether it was built for the same policy, so that it may serve another call."""
        own = self.given
        return own is policy or (
            (own.version, own.source, own.id) == (policy.version, policy.source, policy.id)
            and self.mode is mode
        )

    def feed(self, runtime: Runtime, kind: OutcomeKind, attempt: int, now_s: float) -> None:
        """Tell the retry budget how one run attempt ended; only where it learns from that."""
        runtime.budgets.feed(self.retry.budget, kind, attempt, now_s)
