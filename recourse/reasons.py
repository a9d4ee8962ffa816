"""The closed sets of words that explain what happened.

They travel unchanged into spans, logs, Parquet and stories, so a word, once published, keeps its
meaning. Reasons of outcomes are open strings (``http_503``, ``grpc_UNAVAILABLE``): only those that
the core itself gives are listed.
"""

from enum import StrEnum

__all__ = [
    "BreakerState",
    "BudgetKind",
    "BudgetReason",
    "CancelReason",
    "CircuitCause",
    "CircuitReason",
    "Disposition",
    "HedgingOff",
    "PolicyMode",
    "PolicySource",
    "Reason",
]


class Disposition(StrEnum):
    """How a call ended."""

    SUCCESS = "success"
    EXHAUSTED = "exhausted"
    TERMINAL = "terminal"
    ABORTED = "aborted"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    BUDGET_DENIED = "budget_denied"
    CIRCUIT_OPEN = "circuit_open"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    DEADLINE_WOULD_EXCEED = "deadline_would_exceed"
    RETRY_AFTER_TOO_LONG = "retry_after_too_long"
    POLICY_DENIED = "policy_denied"
    INTERNAL_ERROR = "internal_error"


class Reason(StrEnum):
    """Outcome reasons that the core itself gives; classifiers add theirs."""

    SUCCESS = "success"
    RETRYABLE_ERROR = "retryable_error"
    NON_RETRYABLE_ERROR = "non_retryable_error"
    ABORT = "abort"
    UNKNOWN_OUTCOME = "unknown_outcome"
    CLASSIFIER_ERROR = "classifier_error"
    CLASSIFIER_TYPE_MISMATCH = "classifier_type_mismatch"
    ATTEMPT_TIMEOUT = "attempt_timeout"
    TIMEOUT_ERROR = "timeout_error"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    CONTEXT_DEADLINE_EXCEEDED = "context_deadline_exceeded"
    INNER_CANCELLED = "inner_cancelled"
    EXCEPTION_GROUP = "exception_group"
    COMMITTED = "committed"
    HEDGE_LOST = "hedge_lost"
    NO_POLICY = "no_policy"
    NO_CAPACITY = "no_capacity"
    EXECUTOR_CLOSED = "executor_closed"


class BudgetKind(StrEnum):
    """What an attempt asks a budget for."""

    RETRY = "retry"
    HEDGE = "hedge"


class BudgetReason(StrEnum):
    """Why a budget, or the lack of one, allowed or denied an attempt."""

    FIRST_ATTEMPT = "first_attempt"
    NO_BUDGET = "no_budget"
    ALLOWED = "allowed"
    BUDGET_DENIED = "budget_denied"
    BUDGET_NOT_FOUND = "budget_not_found"
    BUDGET_REGISTRY_MISSING = "budget_registry_missing"
    BUDGET_NIL = "budget_nil"
    BUDGET_ERROR = "budget_error"
    COST_EXCEEDS_CAPACITY = "cost_exceeds_capacity"


class BreakerState(StrEnum):
    """Where a breaker stands; ``isolated`` and ``disabled`` are set by hand."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    ISOLATED = "isolated"
    DISABLED = "disabled"


class CircuitReason(StrEnum):
    """Why a breaker refused."""

    CIRCUIT_OPEN = "circuit_open"
    HALF_OPEN_PROBE_LIMIT = "circuit_half_open_probe_limit"
    FORCED_OPEN = "circuit_forced_open"


class CircuitCause(StrEnum):
    """Why a breaker changed its state."""

    FAILURE_THRESHOLD = "failure_threshold"
    FAILURE_RATE = "failure_rate"
    SLOW_CALL_RATE = "slow_call_rate"
    COOLDOWN_ELAPSED = "cooldown_elapsed"
    PROBE_SUCCEEDED = "probe_succeeded"
    PROBE_FAILED = "probe_failed"
    MANUAL = "manual"


class CancelReason(StrEnum):
    """Why a run that was still going on was cancelled."""

    WINNER_SUCCESS = "winner_success"
    TERMINAL_OUTCOME = "terminal_outcome"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CALLER_CANCELLED = "caller_cancelled"
    EXECUTOR_CLOSED = "executor_closed"


class HedgingOff(StrEnum):
    """Why a call whose policy enables hedging ran without it."""

    HALF_OPEN = "half_open"
    MODE_ALLOW = "mode_allow"
    STREAM = "stream"
    SYNC_COOPERATIVE = "sync_cooperative"
    TRIGGER_MISSING = "trigger_missing"
    DISABLED = "disabled"


class PolicyMode(StrEnum):
    """Which rule gave a call its policy."""

    STANDARD = "standard"
    ALLOW = "allow"
    DENY = "deny"
    FALLBACK = "fallback"


class PolicySource(StrEnum):
    """Where a call's policy came from."""

    STATIC = "static"
    FILE = "file"
    REMOTE = "remote"
    LKG = "lkg"
    DEFAULT = "default"
    FALLBACK = "fallback"
    NONE = "none"
