"""Retries are policy, not control flow.

A low-cardinality key selects an envelope of retry limits, backoff, timeouts, budgets, hedging and
circuit breaking; classifiers decide what an outcome means; observers are told everything.
"""

from recourse.lazy import finder

# As ``typing`` says it; type checkers know the name, and importing typing would cost as much as
# starting Python does.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from recourse.budget import (
        AdaptiveCredit,
        GrpcThrottle,
        InflightRatio,
        RetryRatio,
        TokenBucket,
        Unlimited,
    )
    from recourse.circuit import Circuits
    from recourse.classify import (
        AlwaysRetryOnError,
        AutoClassifier,
        ByException,
        ByResult,
        HTTPClassifier,
    )
    from recourse.context import AttemptInfo, current_attempt, deadline, record_timeline
    from recourse.errors import (
        AttemptTimeout,
        CapacityError,
        CircuitOpenError,
        ClassifierError,
        DeadlineExceeded,
        ExecutorClosed,
        KeyCardinalityError,
        NoPolicyError,
        PolicyError,
        PolicyNotFoundError,
        RecourseError,
        ResultRejected,
        RetryExhausted,
    )
    from recourse.events import Event
    from recourse.executor import Executor
    from recourse.facade import acall, astream, call, get_executor, guard, init, stream, using
    from recourse.hedge import FixedDelay, LatencyPercentile
    from recourse.key import PolicyKey
    from recourse.observer import BaseObserver, Observer
    from recourse.outcome import Health, Outcome, OutcomeKind
    from recourse.policy import (
        BudgetRef,
        CircuitPolicy,
        EffectivePolicy,
        HedgePolicy,
        Policy,
        RetryPolicy,
    )
    from recourse.provider.file import FileProvider
    from recourse.provider.http_source import HTTPSource
    from recourse.provider.remote import RemoteProvider
    from recourse.provider.static import StaticProvider
    from recourse.reasons import Disposition
    from recourse.timeline import AttemptRecord, Timeline, timeline_of

__all__ = [
    "AdaptiveCredit",
    "AlwaysRetryOnError",
    "AttemptInfo",
    "AttemptRecord",
    "AttemptTimeout",
    "AutoClassifier",
    "BaseObserver",
    "BudgetRef",
    "ByException",
    "ByResult",
    "CapacityError",
    "CircuitOpenError",
    "CircuitPolicy",
    "Circuits",
    "ClassifierError",
    "DeadlineExceeded",
    "Disposition",
    "EffectivePolicy",
    "Event",
    "Executor",
    "ExecutorClosed",
    "FileProvider",
    "FixedDelay",
    "GrpcThrottle",
    "HTTPClassifier",
    "HTTPSource",
    "Health",
    "HedgePolicy",
    "InflightRatio",
    "KeyCardinalityError",
    "LatencyPercentile",
    "NoPolicyError",
    "Observer",
    "Outcome",
    "OutcomeKind",
    "Policy",
    "PolicyError",
    "PolicyKey",
    "PolicyNotFoundError",
    "RecourseError",
    "RemoteProvider",
    "ResultRejected",
    "RetryExhausted",
    "RetryPolicy",
    "RetryRatio",
    "StaticProvider",
    "Timeline",
    "TokenBucket",
    "Unlimited",
    "acall",
    "astream",
    "call",
    "current_attempt",
    "deadline",
    "get_executor",
    "guard",
    "init",
    "record_timeline",
    "stream",
    "timeline_of",
    "using",
]

# Whoever imports the package pays for what is used, when it is first used.
_HOMES = {
    "budget": (
        "AdaptiveCredit",
        "GrpcThrottle",
        "InflightRatio",
        "RetryRatio",
        "TokenBucket",
        "Unlimited",
    ),
    "circuit": ("Circuits",),
    "classify": (
        "AlwaysRetryOnError",
        "AutoClassifier",
        "ByException",
        "ByResult",
        "HTTPClassifier",
    ),
    "context": (
        "AttemptInfo",
        "current_attempt",
        "deadline",
        "record_timeline",
    ),
    "errors": (
        "AttemptTimeout",
        "CapacityError",
        "CircuitOpenError",
        "ClassifierError",
        "DeadlineExceeded",
        "ExecutorClosed",
        "KeyCardinalityError",
        "NoPolicyError",
        "PolicyError",
        "PolicyNotFoundError",
        "RecourseError",
        "ResultRejected",
        "RetryExhausted",
    ),
    "events": ("Event",),
    "executor": ("Executor",),
    "facade": (
        "acall",
        "astream",
        "call",
        "get_executor",
        "guard",
        "init",
        "stream",
        "using",
    ),
    "hedge": (
        "FixedDelay",
        "LatencyPercentile",
    ),
    "key": ("PolicyKey",),
    "observer": (
        "BaseObserver",
        "Observer",
    ),
    "outcome": (
        "Health",
        "Outcome",
        "OutcomeKind",
    ),
    "policy": (
        "BudgetRef",
        "CircuitPolicy",
        "EffectivePolicy",
        "HedgePolicy",
        "Policy",
        "RetryPolicy",
    ),
    "provider.file": ("FileProvider",),
    "provider.http_source": ("HTTPSource",),
    "provider.remote": ("RemoteProvider",),
    "provider.static": ("StaticProvider",),
    "reasons": ("Disposition",),
    "timeline": (
        "AttemptRecord",
        "Timeline",
        "timeline_of",
    ),
}

if not TYPE_CHECKING:  # pragma: no branch  # a type checker that saw it would accept any name
    __getattr__ = finder(__name__, _HOMES, modules=("clock", "duration", "testing"))


def __dir__() -> list[str]:
    """What there is, loaded or not."""
    return sorted({*globals(), *__all__})
