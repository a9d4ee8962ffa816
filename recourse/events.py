"""One value per thing that happens. :data:`Event` is their union.

An event is a named tuple over the :class:`CallInfo` that all events of a call share, so telling
one costs a tuple. What every event has in common (``call_id``, ``key``, wall time, …) is read
through :class:`Told`; times inside are monotonic seconds of the executor's clock.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from recourse.identity import CallIds, CallInfo
from recourse.outcome import Outcome
from recourse.policy.model import EffectivePolicy
from recourse.reasons import (
    BreakerState,
    BudgetKind,
    CancelReason,
    CircuitCause,
    Disposition,
    HedgingOff,
)
from recourse.told import SCHEMA_VERSION, Failed, Told, error_type, name_of

__all__ = [
    "SCHEMA_VERSION",
    "AttemptEnd",
    "AttemptLate",
    "AttemptStart",
    "BudgetDecision",
    "BudgetRelease",
    "CallEnd",
    "CallIds",
    "CallInfo",
    "CallStart",
    "CircuitDecision",
    "CircuitState",
    "Event",
    "Failed",
    "HedgeCancel",
    "HedgeSpawn",
    "HedgingDisabled",
    "KeyRejected",
    "PolicyResolved",
    "RetryScheduled",
    "Told",
    "error_type",
    "name_of",
]


class _CallStart(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    deadline_s: float | None  # ambient or inherited, monotonic


class CallStart(_CallStart, Told):
    """A call was made. ``deadline_s`` is the ambient or inherited deadline, monotonic seconds."""

    __slots__ = ()


class _KeyRejected(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    why: str


class KeyRejected(_KeyRejected, Told):
    """A key looked as if it carried request data, or was one too many; told once per shape."""

    __slots__ = ()


class _PolicyResolved(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    policy: EffectivePolicy | None
    source: str
    mode: str
    duration_s: float
    failure: str | None
    error: BaseException | None


class PolicyResolved(_PolicyResolved, Failed):
    """The call's policy is known, or known to be missing.

    ``failure`` is ``None``, or why the provider's answer could not be used: ``not_found``,
    ``invalid``, ``provider_error``, ``provider_timeout``; ``mode`` tells what was done about it.
    """

    __slots__ = ()


class _CircuitDecision(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    attempt: int
    allowed: bool
    state: BreakerState
    reason: str
    generation: int
    is_probe: bool


class CircuitDecision(_CircuitDecision, Told):
    """The breaker was asked whether an attempt may run, and answered something worth telling.

    Told when it refuses and when it lets a probe through; a closed breaker is silent.
    """

    __slots__ = ()


class _CircuitState(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    from_state: BreakerState
    to_state: BreakerState
    cause: CircuitCause
    generation: int
    counters: Mapping[str, float]


class CircuitState(_CircuitState, Told):
    """A breaker changed its state; for a change by hand ``call_id`` is empty."""

    __slots__ = ()


class _HedgingDisabled(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    reason: HedgingOff


class HedgingDisabled(_HedgingDisabled, Told):
    """The policy enables hedging and this call runs without it."""

    __slots__ = ()


class _BudgetDecision(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    attempt: int
    hedge_index: int
    kind: BudgetKind
    budget_name: str
    cost: int
    mode: str
    allowed: bool
    reason: str
    balance_after: float | None


class BudgetDecision(_BudgetDecision, Told):
    """A retry or a hedge asked its budget; ``mode`` is the missing-budget mode or ``standard``."""

    __slots__ = ()


class _BudgetRelease(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    attempt: int
    hedge_index: int
    budget_name: str
    release_error: BaseException


class BudgetRelease(_BudgetRelease, Told):
    """A budget's reservation was given back and its release raised."""

    __slots__ = ()


class _AttemptStart(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    attempt: int
    hedge_index: int
    waited_before_s: float
    timeout_s: float | None
    deadline_s: float | None  # of this attempt, monotonic


class AttemptStart(_AttemptStart, Told):
    """An attempt begins. ``timeout_s`` is its effective limit, ``deadline_s`` the moment of it."""

    __slots__ = ()

    @property
    def is_hedge(self) -> bool:
        """Whether it runs beside a primary."""
        return self.hedge_index > 0


class _AttemptEnd(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    attempt: int
    hedge_index: int
    ran: bool
    started_s: float
    ended_s: float
    outcome: Outcome
    error: BaseException | None
    waited_before_s: float
    timeout_s: float | None
    backoff_s: float
    backoff_source: str | None  # policy | retry_after
    late: bool
    overrun_s: float
    cancel_reason: CancelReason | None
    budget_name: str
    budget_allowed: bool
    budget_reason: str
    annotations: Mapping[str, Any]


class AttemptEnd(_AttemptEnd, Failed):
    """An attempt ended, or (``ran`` is false) was denied by its budget and never began.

    ``backoff_s`` is the delay chosen after it, ``waited_before_s`` what was really waited before.
    """

    __slots__ = ()

    @property
    def is_hedge(self) -> bool:
        """Whether it ran beside a primary."""
        return self.hedge_index > 0


class _AttemptLate(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    attempt: int
    hedge_index: int
    started_s: float
    succeeded: bool
    error: BaseException | None


class AttemptLate(_AttemptLate, Failed):
    """A run that the call no longer waited for has ended; the only event after ``call_end``."""

    __slots__ = ()

    @property
    def late(self) -> bool:
        """Always true."""
        return True


class _RetryScheduled(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    attempt: int
    delay_s: float
    source: str  # policy | retry_after
    base_backoff_s: float
    jitter: str
    remaining_deadline_s: float | None


class RetryScheduled(_RetryScheduled, Told):
    """After ``attempt`` the call will wait ``delay_s`` and try again."""

    __slots__ = ()


class _HedgeSpawn(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    attempt: int
    hedge_index: int
    delay_s: float
    trigger: str


class HedgeSpawn(_HedgeSpawn, Told):
    """A hedge starts, ``delay_s`` after its primary."""

    __slots__ = ()


class _HedgeCancel(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    attempt: int
    hedge_index: int
    reason: CancelReason
    started_s: float
    ended_s: float
    outcome: Outcome
    waited_before_s: float
    timeout_s: float | None
    budget_name: str
    budget_reason: str
    annotations: Mapping[str, Any]


class HedgeCancel(_HedgeCancel, Told):
    """A run of a hedged group, hedge or primary, was cancelled; it has no ``attempt_end``."""

    __slots__ = ()

    @property
    def is_hedge(self) -> bool:
        """Whether it ran beside a primary."""
        return self.hedge_index > 0


class _CallEnd(NamedTuple):
    call: CallInfo
    seq: int
    at_s: float
    disposition: Disposition
    outcome: Outcome
    error: BaseException | None
    attempts_run: int
    hedges: int
    deadline_s: float | None  # the call's own and inherited limit, monotonic


class CallEnd(_CallEnd, Failed):
    """The call is over. ``error`` is what the caller gets, ``outcome`` the last attempt's."""

    __slots__ = ()

    @property
    def success(self) -> bool:
        """Whether the caller gets a value."""
        return self.disposition is Disposition.SUCCESS


Event: TypeAlias = (
    CallStart
    | KeyRejected
    | PolicyResolved
    | CircuitDecision
    | CircuitState
    | HedgingDisabled
    | BudgetDecision
    | BudgetRelease
    | AttemptStart
    | AttemptEnd
    | AttemptLate
    | RetryScheduled
    | HedgeSpawn
    | HedgeCancel
    | CallEnd
)
