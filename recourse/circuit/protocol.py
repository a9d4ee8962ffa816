"""What the executor asks of a breaker, and what a breaker tells."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy
from recourse.reasons import BreakerState, CircuitCause

__all__ = ["Admission", "Breaker", "Transition"]


class Admission(NamedTuple):
    """A breaker's answer, and the lease that goes with a yes.

    Attributes:
        allowed: Whether an attempt may run.
        state: Where the breaker stood when it answered.
        reason: Why it refused; empty when allowed.
        generation: Counts transitions; a lease settled in a later generation is ignored.
        probe: Number of the probe slot that is held; ``None`` when none is.
        retry_after_s: Seconds until a probe may pass, when refused and known.
    """

    allowed: bool
    state: BreakerState
    reason: str
    generation: int
    probe: int | None = None
    retry_after_s: float | None = None


class Transition(NamedTuple):
    """One change of state.

    Attributes:
        key: The breaker's key.
        from_state: Where it stood.
        to_state: Where it stands now.
        cause: Why.
        generation: The new generation.
        counters: What was counted when it changed, for example ``{"failures": 5}``.
        at_s: Monotonic seconds.
        origin: What the call that caused it said of itself; ``None`` for a change by hand.
    """

    key: str
    from_state: BreakerState
    to_state: BreakerState
    cause: CircuitCause
    generation: int
    counters: dict[str, float]
    at_s: float
    origin: object = None


class Breaker(Protocol):
    """One key's breaker. Every method is safe from any thread and never calls out under a lock.

    Attributes:
        state: Where it stands.
        free_pass: What :meth:`admit` answers to everybody at present; ``None`` when it must decide.
        calm: The free pass while a healthy outcome would change nothing, so that who still finds it
            here afterwards need not settle one; else ``None``.
    """

    state: BreakerState
    free_pass: Admission | None
    calm: Admission | None

    def admit(self, now_s: float, origin: object = None) -> Admission:
        """Ask to run one attempt; a half-open yes holds a probe slot until it is settled.

        ``origin`` is handed on to the listeners of a transition that this causes.
        """
        ...

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
        ...

    def apply(self, policy: CircuitPolicy, attempt_timeout_s: float | None) -> None:
        """Follow a changed policy from the next attempt on, without losing state or counters."""
        ...

    def subscribe(self, listener: Callable[[Transition], None]) -> Callable[[], None]:
        """Tell ``listener`` of every transition, in order, outside every lock.

        Returns:
            Ends the subscription.
        """
        ...
