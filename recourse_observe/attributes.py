"""The one list of telemetry names: what spans, metrics, log records and logs are made of.

A fact has one name per place: the OpenTelemetry attribute, and the field of records, which is the
key in logs too (but for ``policy_key``: in an application's log, ``key`` alone says nothing).
Durations are float seconds everywhere; a field ends in ``_s``, an attribute has the unit in its
description.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["ATTRIBUTES", "EVENTS", "METRICS", "Attribute", "Metric"]

# Names of events: a span event, a log record, or the event of a structlog line.
ATTEMPT: Final = "recourse.attempt"
RETRY_SCHEDULED: Final = "recourse.retry.scheduled"
BUDGET_DECISION: Final = "recourse.budget.decision"
HEDGE_SPAWN: Final = "recourse.hedge.spawn"
HEDGE_CANCEL: Final = "recourse.hedge.cancel"
CIRCUIT_TRANSITION: Final = "recourse.circuit.transition"
POLICY_FALLBACK: Final = "recourse.policy.fallback"
POLICY_CLAMPED: Final = "recourse.policy.clamped"
CALL_SUCCEEDED: Final = "recourse.call.succeeded"
CALL_FAILED: Final = "recourse.call.failed"
CALL_EXCEPTION: Final = "recourse.call.exception"

EVENTS: Final = (
    ATTEMPT,
    RETRY_SCHEDULED,
    BUDGET_DECISION,
    HEDGE_SPAWN,
    HEDGE_CANCEL,
    CIRCUIT_TRANSITION,
    POLICY_FALLBACK,
    POLICY_CLAMPED,
    CALL_SUCCEEDED,
    CALL_FAILED,
    CALL_EXCEPTION,
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One fact: its OpenTelemetry attribute, its field in records and logs, and what it says."""

    name: str
    kind: str
    field: str
    about: str


ATTRIBUTES: Final = (
    Attribute("recourse.policy.key", "str", "policy_key", "the policy key"),
    Attribute("recourse.policy.id", "str", "policy_id", "name of the policy"),
    Attribute("recourse.policy.source", "str", "policy_source", "where the policy came from"),
    Attribute("recourse.policy.mode", "str", "policy_mode", "which rule gave it"),
    Attribute(
        "recourse.policy.clamped",
        "str[]",
        "policy_normalized_fields",
        "fields that normalisation changed; absent if none",
    ),
    Attribute("recourse.call.id", "str", "call_id", "joins to the archive; never on metrics"),
    Attribute("recourse.call.result", "str", "disposition", "how the call ended"),
    Attribute("recourse.call.attempts", "int", "attempts_run", "attempts that ran"),
    Attribute(
        "recourse.call.retries", "int", "retries", "attempts after the first, but for hedges"
    ),
    Attribute("recourse.call.hedges", "int", "hedges", "hedges that ran"),
    Attribute("recourse.call.retry_delay", "float", "retry_delay_s", "seconds without an attempt"),
    Attribute(
        "recourse.call.events_dropped", "int", "events_dropped", "span events beyond the limit"
    ),
    Attribute("recourse.attempt.index", "int", "index", "launch order, from 0"),
    Attribute("recourse.attempt.retry_index", "int", "attempt", "hedges share it with the primary"),
    Attribute("recourse.attempt.hedge_index", "int", "hedge_index", "0 for the primary"),
    Attribute("recourse.attempt.hedge", "bool", "is_hedge", "ran beside a primary"),
    Attribute("recourse.attempt.late", "bool", "late", "gave a value after its limit"),
    Attribute("recourse.attempt.outcome", "str", "outcome", "kind of the outcome"),
    Attribute("recourse.attempt.reason", "str", "reason", "why: http_503, grpc_UNAVAILABLE, …"),
    Attribute("recourse.attempt.backoff", "float", "backoff_s", "seconds of delay chosen after it"),
    Attribute(
        "recourse.attempt.waited_before", "float", "waited_before_s", "seconds waited before it"
    ),
    Attribute(
        "recourse.attempt.retry_after",
        "float",
        "retry_after_s",
        "seconds that the server asked for, if they were used",
    ),
    Attribute("recourse.attempt.cancel_reason", "str", "cancel_reason", "why it was cut off"),
    Attribute("recourse.budget.name", "str", "budget_name", "the budget that was asked"),
    Attribute("recourse.budget.kind", "str", "budget_kind", "retry or hedge"),
    Attribute("recourse.budget.reason", "str", "budget_reason", "what it said"),
    Attribute("recourse.budget.allowed", "bool", "budget_allowed", "whether it allowed"),
    Attribute("recourse.circuit.state", "str", "to_state", "state of the breaker"),
    Attribute("recourse.circuit.previous_state", "str", "from_state", "the state before"),
    Attribute("recourse.link.type", "str", "", "of a span link: hedge_of"),
    Attribute("recourse.observer.name", "str", "observer", "an observer that loses events"),
    Attribute("recourse.observer.reason", "str", "reason", "why it loses them"),
    Attribute("error.type", "str", "error_type", "status code, else class name; absent on success"),
)


@dataclass(frozen=True, slots=True)
class Metric:
    """One instrument: its name, unit and attributes, at most three."""

    name: str
    kind: str
    unit: str
    attributes: tuple[str, ...]
    about: str


_KEY: Final = "recourse.policy.key"

CALL_DURATION: Final = Metric(
    "recourse.call.duration",
    "histogram",
    "s",
    (_KEY, "recourse.call.result", "error.type"),
    "Duration of calls, retries and waits included.",
)
ATTEMPT_DURATION: Final = Metric(
    "recourse.attempt.duration",
    "histogram",
    "s",
    (_KEY, "recourse.attempt.outcome", "error.type"),
    "Duration of attempts.",
)
CALL_RETRIES: Final = Metric(
    "recourse.call.retries", "histogram", "{retry}", (_KEY,), "Retries of calls that had any."
)
CALL_HEDGES: Final = Metric(
    "recourse.call.hedges", "histogram", "{hedge}", (_KEY,), "Hedges of calls that had any."
)
CALL_RETRY_DELAY: Final = Metric(
    "recourse.call.retry_delay", "histogram", "s", (_KEY,), "Time of calls without an attempt."
)
CALL_ACTIVE: Final = Metric(
    "recourse.call.active", "up-down counter", "{call}", (_KEY,), "Calls that are under way."
)
BUDGET_DECISIONS: Final = Metric(
    "recourse.budget.decisions",
    "counter",
    "{decision}",
    ("recourse.budget.name", "recourse.budget.kind", "recourse.budget.reason"),
    "Answers of budgets.",
)
CIRCUIT_TRANSITIONS: Final = Metric(
    "recourse.circuit.transitions",
    "counter",
    "{transition}",
    (_KEY, "recourse.circuit.state"),
    "Changes of breakers, by the new state.",
)
CIRCUIT_STATE: Final = Metric(
    "recourse.circuit.state",
    "observable gauge",
    "1",
    (_KEY, "recourse.circuit.state"),
    "1 for the state that a breaker is in, 0 for the others.",
)
POLICY_RESOLUTIONS: Final = Metric(
    "recourse.policy.resolutions",
    "counter",
    "{resolution}",
    ("recourse.policy.source", "error.type"),
    "Look-ups of policies.",
)
OBSERVER_DROPPED: Final = Metric(
    "recourse.observer.dropped",
    "observable counter",
    "{event}",
    ("recourse.observer.name", "recourse.observer.reason"),
    "Events that observers have lost.",
)

METRICS: Final = (
    CALL_DURATION,
    ATTEMPT_DURATION,
    CALL_RETRIES,
    CALL_HEDGES,
    CALL_RETRY_DELAY,
    CALL_ACTIVE,
    BUDGET_DECISIONS,
    CIRCUIT_TRANSITIONS,
    CIRCUIT_STATE,
    POLICY_RESOLUTIONS,
    OBSERVER_DROPPED,
)
