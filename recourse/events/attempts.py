"""Attempts: first ones, retries and hedges."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from recourse.identity import CallInfo
from recourse.outcome import Outcome
from recourse.reasons import CancelReason
from recourse.told import Failed, Told

__all__ = [
    "AttemptEnd",
    "AttemptLate",
    "AttemptStart",
    "HedgeCancel",
    "HedgeSpawn",
    "RetryScheduled",
]


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
