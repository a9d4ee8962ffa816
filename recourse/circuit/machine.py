"""The breaker: one state machine, whatever makes it open."""

import random
from collections.abc import Callable
from typing import Final, assert_never

from recourse.circuit.consecutive import ConsecutiveFailures
from recourse.circuit.cooldown import Cooldown
from recourse.circuit.failure_rate import FAILURE_RATE
from recourse.circuit.outbox import Listener, Outbox
from recourse.circuit.probes import Probes
from recourse.circuit.protocol import Admission, Transition
from recourse.circuit.rate import RateTally
from recourse.circuit.slow_call_rate import SLOW_CALL_RATE
from recourse.circuit.tally import Tally
from recourse.clock import Clock
from recourse.locks import Mutex
from recourse.outcome import Health
from recourse.policy.model import CircuitKind, CircuitPolicy
from recourse.reasons import BreakerState, CircuitCause, CircuitReason

__all__ = ["CircuitBreaker"]

# Looked up once: a member of an enumeration costs as much to find as the lock that guards it.
_CLOSED: Final = BreakerState.CLOSED
_HEALTHY: Final = Health.HEALTHY
_NEUTRAL: Final = Health.NEUTRAL


class CircuitBreaker:
    """Fails fast while its dependency is down, and probes before it trusts it again.

    Attributes:
        key: What it guards.
        state: Where it stands.
        since_s: Monotonic second from which it stands there.
        generation: Counts transitions; what was admitted in an earlier one is not counted any more.
        free_pass: What :meth:`admit` answers to everybody at present; ``None`` when it must decide.
        calm: The free pass while a healthy outcome would change nothing, so that who still finds it
            here afterwards need not settle one; else ``None``.
    """

    __slots__ = (
        "_attempt_timeout_s",
        "_clock",
        "_cooldown",
        "_held",
        "_mutex",
        "_outbox",
        "_policy",
        "_probes",
        "_successes",
        "_tally",
        "calm",
        "free_pass",
        "generation",
        "key",
        "since_s",
        "state",
    )

    def __init__(
        self,
        key: str,
        policy: CircuitPolicy,
        *,
        attempt_timeout_s: float | None,
        now_s: float,
        rng: random.Random,
        clock: Clock,
    ) -> None:
        self.key: str = key
        self._policy = policy
        self._attempt_timeout_s = attempt_timeout_s
        self._clock = clock
        self._mutex = Mutex()
        self._outbox = Outbox()
        self._tally = _tally(policy)
        self._probes = Probes()
        self._cooldown = Cooldown(rng)
        self._held = False
        self.calm: Admission | None = None
        self.generation: int = 0
        self._enter(BreakerState.CLOSED, now_s)

    def admit(self, now_s: float, origin: object = None) -> Admission:
        """Ask to run one attempt; a half-open yes holds a probe slot until it is settled.

        ``origin`` is handed on to the listeners of a transition that this causes.
        """
        free_pass = self.free_pass
        if free_pass is not None:
            return free_pass
        with self._mutex.lock:
            admission = self._decided(now_s, origin)
        self._outbox.deliver()
        return admission

    def settle(
        self,
        admission: Admission,
        health: Health,
        duration_s: float,
        now_s: float,
        origin: object = None,
    ) -> None:
        """Give an admission back with what it showed, once.

        One of an earlier generation is ignored, and so is a probe that was settled before.
        ``origin`` is handed on to the listeners of a transition that this causes.
        """
        if health is _HEALTHY and self.calm is not None:
            return
        if admission.probe is None and health is _NEUTRAL:
            return
        with self._mutex.lock:
            if admission.generation == self.generation:
                if self.state is _CLOSED:
                    tally = self._tally
                    if tally.add(health, duration_s, now_s) and not self._held:
                        self._move(BreakerState.OPEN, tally.cause, now_s, origin)
                    else:
                        self.calm = self.free_pass if tally.quiet else None
                elif self._probes.settle(admission.probe) and health is not _NEUTRAL:
                    self._judge(health, duration_s, now_s, origin)
        if self._outbox.pending:
            self._outbox.deliver()

    def apply(self, policy: CircuitPolicy, attempt_timeout_s: float | None) -> None:
        """Follow a changed policy from the next attempt on, without losing state or counters.

        Another kind keeps the state and starts counting anew.
        """
        if policy is self._policy and attempt_timeout_s == self._attempt_timeout_s:
            return
        with self._mutex.lock:
            if policy.kind is self._policy.kind:
                self._tally.apply(policy)
            else:
                self._tally = _tally(policy)
            self._policy = policy
            self._attempt_timeout_s = attempt_timeout_s
            self._notice_calm()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` of every transition, in order, outside every lock.

        Returns:
            Ends the subscription.
        """
        return self._outbox.listeners.add(listener)

    @property
    def is_plain(self) -> bool:
        """Whether it is closed and nobody leads it by hand: a new one would stand there too."""
        return self.state is BreakerState.CLOSED and not self._held

    def isolate(self) -> None:
        """Refuse every attempt until told otherwise; what still runs is not counted."""
        self._by_hand(BreakerState.ISOLATED)

    def force_closed(self) -> None:
        """Close, and stay closed until told otherwise: outcomes are counted, but do not open it."""
        self._by_hand(BreakerState.CLOSED, held=True)

    def disable(self) -> None:
        """Let every attempt pass and count nothing until told otherwise."""
        self._by_hand(BreakerState.DISABLED)

    def reset(self) -> None:
        """Start anew: closed, nothing counted, no longer led by hand."""
        self._by_hand(BreakerState.CLOSED)

    def _by_hand(self, state: BreakerState, *, held: bool = False) -> None:
        now_s = self._clock.monotonic_s()
        with self._mutex.lock:
            self._held = held
            if state is not self.state:
                self._move(state, CircuitCause.MANUAL, now_s, None)
            self._forget()
        self._outbox.deliver()

    def _decided(self, now_s: float, origin: object) -> Admission:
        match self.state:
            case BreakerState.CLOSED | BreakerState.DISABLED:
                # It closed between the look at the free pass and the lock.
                return self._admission()
            case BreakerState.ISOLATED:
                return self._refusal(CircuitReason.FORCED_OPEN)
            case BreakerState.OPEN:
                wait_s = self.since_s + self._cooldown.length_s(self._policy) - now_s
                if wait_s > 0:
                    return self._refusal(CircuitReason.CIRCUIT_OPEN, retry_after_s=wait_s)
                self._move(BreakerState.HALF_OPEN, CircuitCause.COOLDOWN_ELAPSED, now_s, origin)
            case BreakerState.HALF_OPEN:
                pass
            case _:
                assert_never(self.state)
        probe = self._probes.take(now_s, self._policy.max_probes, self._probe_ttl_s())
        if probe is None:
            return self._refusal(CircuitReason.HALF_OPEN_PROBE_LIMIT)
        return self._admission(probe)

    def _admission(self, probe: int | None = None) -> Admission:
        return Admission(
            allowed=True, state=self.state, reason="", generation=self.generation, probe=probe
        )

    def _refusal(self, reason: CircuitReason, retry_after_s: float | None = None) -> Admission:
        return Admission(
            allowed=False,
            state=self.state,
            reason=reason,
            generation=self.generation,
            retry_after_s=retry_after_s,
        )

    def _judge(self, health: Health, duration_s: float, now_s: float, origin: object) -> None:
        if health is Health.UNHEALTHY or self._tally.is_bad(health, duration_s):
            self._cooldown.grow(self._policy)
            self._move(BreakerState.OPEN, CircuitCause.PROBE_FAILED, now_s, origin)
            return
        self._successes += 1
        if self._successes >= self._policy.required_successes:
            self._move(BreakerState.CLOSED, CircuitCause.PROBE_SUCCEEDED, now_s, origin)
            self._forget()

    def _move(
        self, to_state: BreakerState, cause: CircuitCause, now_s: float, origin: object
    ) -> None:
        from_state, counters = self.state, self._counters()
        self.generation += 1
        self._enter(to_state, now_s)
        self._outbox.put(
            Transition(
                self.key, from_state, to_state, cause, self.generation, counters, now_s, origin
            )
        )

    def _enter(self, state: BreakerState, now_s: float) -> None:
        self.state: BreakerState = state
        self.since_s: float = now_s
        self._successes = 0
        self._probes.clear()
        if state is BreakerState.OPEN:
            self._cooldown.start()
        passes = state in {BreakerState.CLOSED, BreakerState.DISABLED}
        self.free_pass: Admission | None = self._admission() if passes else None
        self._notice_calm()

    def _forget(self) -> None:
        self._cooldown.reset()
        self._tally.clear()
        self._notice_calm()

    def _notice_calm(self) -> None:
        calm = self.state is BreakerState.CLOSED and self._tally.quiet
        self.calm = self.free_pass if calm else None

    def _counters(self) -> dict[str, float]:
        if self.state is BreakerState.CLOSED:
            return self._tally.counters()
        return {"successes": self._successes} if self.state is BreakerState.HALF_OPEN else {}

    def _probe_ttl_s(self) -> float:
        given_s = self._policy.probe_ttl_s
        return (
            max(self._policy.cooldown_s, self._attempt_timeout_s or 0.0)
            if given_s is None
            else given_s
        )

    def __repr__(self) -> str:
        return (
            f"CircuitBreaker({self.key!r}, {self.state}, generation={self.generation}, "
            f"since_s={self.since_s:g}, counters={self._counters()}, held={self._held})"
        )


def _tally(policy: CircuitPolicy) -> Tally:
    match policy.kind:
        case CircuitKind.CONSECUTIVE:
            return ConsecutiveFailures(policy)
        case CircuitKind.FAILURE_RATE:
            return RateTally(policy, FAILURE_RATE)
        case CircuitKind.SLOW_CALL_RATE:
            return RateTally(policy, SLOW_CALL_RATE)
        case _:
            assert_never(policy.kind)
