"""Retries are policy, not control flow.

A low-cardinality key selects an envelope of retry limits, backoff, timeouts, budgets, hedging and
circuit breaking; classifiers decide what an outcome means; observers are told everything.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

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
from recourse.provider.static import StaticProvider
from recourse.reasons import Disposition
from recourse.timeline import AttemptRecord, Timeline, timeline_of

if TYPE_CHECKING:
    from recourse.provider.file import FileProvider
    from recourse.provider.http_source import HTTPSource
    from recourse.provider.remote import RemoteProvider

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

# Providers that read files or the network bring parsers along; who does not use them does not pay.
_LAZY: Final = {
    "FileProvider": "recourse.provider.file",
    "HTTPSource": "recourse.provider.http_source",
    "RemoteProvider": "recourse.provider.remote",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        message = f"module 'recourse' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_LAZY[name]), name)
