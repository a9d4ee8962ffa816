"""One value per thing that happens. :data:`Event` is their union.

An event is a named tuple over the :class:`CallInfo` that all events of a call share, so telling
one costs a tuple. What every event has in common (``call_id``, ``key``, wall time, …) is read
through :class:`Told`; times inside are monotonic seconds of the executor's clock.
"""

from typing import TypeAlias

from recourse.events.attempts import (
    AttemptEnd,
    AttemptLate,
    AttemptStart,
    HedgeCancel,
    HedgeSpawn,
    RetryScheduled,
)
from recourse.events.calls import (
    CallEnd,
    CallStart,
    HedgingDisabled,
    KeyRejected,
    PolicyResolved,
)
from recourse.events.gates import BudgetDecision, BudgetRelease, CircuitDecision, CircuitState
from recourse.identity import CallIds, CallInfo
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
