"""What a story is made of: frozen values, without a word of prose except where narrate put it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from recourse_observe.story.actions import Action

__all__ = [
    "SCHEMA",
    "Cause",
    "Checked",
    "Evidence",
    "Fact",
    "Incident",
    "Measures",
    "Ranked",
    "RetryEffect",
    "Role",
    "StoryDocument",
    "Value",
]

SCHEMA: Final = "recourse.story/1"

Value: TypeAlias = int | float | str | None


class Cause(StrEnum):
    """Why an incident happened, as a client can see it."""

    DEPENDENCY_OUTAGE = "dependency_outage"
    DEPENDENCY_BROWNOUT = "dependency_brownout"
    PARTIAL_INSTANCE_FAILURE = "partial_instance_failure"
    RATE_LIMITED = "rate_limited"
    LOAD_SURGE = "load_surge"
    RETRY_STORM = "retry_storm"
    SYNCHRONIZED_RETRIES = "synchronized_retries"
    CIRCUIT_FLAPPING = "circuit_flapping"
    CIRCUIT_STUCK_OPEN = "circuit_stuck_open"
    BUDGET_STARVATION = "budget_starvation"
    BUDGET_MISSING = "budget_missing"
    BAD_POLICY_ROLLOUT = "bad_policy_rollout"
    CONTROL_PLANE_OUTAGE = "control_plane_outage"
    CLASSIFIER_MISCLASSIFICATION = "classifier_misclassification"
    TIMEOUT_TOO_TIGHT = "timeout_too_tight"
    HEDGE_RUNAWAY = "hedge_runaway"
    DUPLICATE_SIDE_EFFECTS = "duplicate_side_effects"
    POISON_REQUESTS = "poison_requests"
    CALLER_CANCELLATION = "caller_cancellation"
    SINGLE_PROCESS_FAULT = "single_process_fault"
    KEY_CARDINALITY = "key_cardinality"
    UNKNOWN = "unknown"


class RetryEffect(StrEnum):
    """What our own retries and hedges did."""

    HELPED = "helped"
    NEUTRAL = "neutral"
    HARMED = "harmed"


class Role(StrEnum):
    """What a fact says about an incident; ``ROOT?`` changed at the same time, and is not proven."""

    ROOT = "ROOT"
    SUSPECT = "ROOT?"
    IMPACT = "IMPACT"
    OURS = "OURS"
    GUARD = "GUARD"
    END = "END"
    LOOKED = "LOOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One statement, the query that gives its numbers, and the numbers it gave.

    Attributes:
        kind: Which sentence of ``narrate`` it is.
        sql: Runs as it stands over the archive's tables and gives one row.
        values: That row.
    """

    role: Role
    kind: str
    at_unix_ns: int | None
    text: str
    sql: str
    values: Mapping[str, Value]

    def to_json(self) -> dict[str, Any]:
        """As the story document has it."""
        return {
            "role": str(self.role),
            "at_ns": self.at_unix_ns,
            "text": self.text,
            "sql": self.sql,
            "values": dict(self.values),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A row of the archive that shows what a sentence says; absent parts are ``None``."""

    table: str
    why: str
    call_id: str | None = None
    attempt: int | None = None
    hedge_index: int | None = None
    at_unix_ns: int | None = None
    key: str | None = None
    instance: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As the story document has it: only what is known."""
        known = {
            "table": self.table,
            "call_id": self.call_id,
            "attempt": self.attempt,
            "hedge_index": self.hedge_index,
            "at_ns": self.at_unix_ns,
            "key": self.key,
            "instance": self.instance,
            "why": self.why,
        }
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A cause, and how sure we are: 0.9 means right nine times in ten."""

    cause: Cause
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """As the story document has it."""
        return {"cause": str(self.cause), "confidence": self.confidence}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A cause that was ruled out, and by what."""

    cause: Cause
    ruled_out_by: str

    def to_json(self) -> dict[str, Any]:
        """As the story document has it."""
        return {"cause": str(self.cause), "ruled_out_by": self.ruled_out_by}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """The numbers of an incident on its culprit keys, during it unless the name says otherwise.

    Attributes:
        rescued: Calls that succeeded on a retry.
        wasted: Retries that did not rescue a call.
        reason: Of the attempts that failed, the most frequent one.
        reason_share: Its share of all attempts that ran.
    """

    calls: int
    lost: int
    attempts: int
    retries: int
    rescued: int
    wasted: int
    hedges: int
    denied: int
    rejected: int
    amplification_before: float
    reason: str
    reason_share: float
    reason_share_before: float
    p99_us: int | None
    p99_before_us: int | None

    @property
    def lost_share(self) -> float:
        """Lost calls, of one."""
        return self.lost / self.calls if self.calls else 0.0

    def to_json(self) -> dict[str, Any]:
        """All of them by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident, judged.

    Attributes:
        keys: The culprits; ``affected_keys`` are all keys that suffered, culprits first.
        instances: The culprit processes; empty when it is no matter of single ones.
        causes: Ranked, the cause first.
        amplification: Attempts launched per admitted call on the culprit keys during it.
    """

    id: int
    onset_unix_ns: int
    end_unix_ns: int
    ongoing: bool
    keys: tuple[str, ...]
    affected_keys: tuple[str, ...]
    instances: tuple[str, ...]
    causes: tuple[Ranked, ...]
    amplification: float
    retry_effect: RetryEffect
    actions: tuple[Action, ...]
    evidence: tuple[Evidence, ...]
    headline: str
    facts: tuple[Fact, ...]
    checked: tuple[Checked, ...]
    cannot_know: tuple[str, ...]
    measures: Measures

    @property
    def cause(self) -> Cause:
        """The most likely one."""
        return self.causes[0].cause

    @property
    def confidence(self) -> float:
        """How sure we are of it."""
        return self.causes[0].confidence

    def to_json(self) -> dict[str, Any]:
        """As the story document has it."""
        return {
            "id": self.id,
            "onset_ns": self.onset_unix_ns,
            "end_ns": self.end_unix_ns,
            "ongoing": self.ongoing,
            "keys": list(self.keys),
            "affected_keys": list(self.affected_keys),
            "instances": list(self.instances),
            "cause": str(self.cause),
            "causes": [ranked.to_json() for ranked in self.causes],
            "confidence": self.confidence,
            "amplification": self.amplification,
            "retry_effect": str(self.retry_effect),
            "actions": [str(action) for action in self.actions],
            "evidence": [row.to_json() for row in self.evidence],
            "headline": self.headline,
            "facts": [fact.to_json() for fact in self.facts],
            "checked": [checked.to_json() for checked in self.checked],
            "cannot_know": list(self.cannot_know),
            "measures": self.measures.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryDocument:
    """The story of an archive.

    Attributes:
        archive: The last part of its path.
        looked_at: What was looked at: the whole story of an archive without incidents.
        warnings: What of the archive could not be read.
    """

    archive: str
    start_unix_ns: int
    end_unix_ns: int
    incidents: tuple[Incident, ...]
    looked_at: tuple[Fact, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The pinned document ``recourse.story/1``."""
        return {
            "schema": SCHEMA,
            "archive": self.archive,
            "window": {"start_ns": self.start_unix_ns, "end_ns": self.end_unix_ns},
            "incidents": [incident.to_json() for incident in self.incidents],
            "looked_at": [fact.to_json() for fact in self.looked_at],
            "warnings": list(self.warnings),
        }
