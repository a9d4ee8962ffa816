"""What may stand between a call and its next attempt: breakers and budgets."""

from collections.abc import Mapping
from typing import NamedTuple

from recourse.identity import CallInfo
from recourse.reasons import BreakerState, BudgetKind, CircuitCause
from recourse.told import Told

__all__ = ["BudgetDecision", "BudgetRelease", "CircuitDecision", "CircuitState"]


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
