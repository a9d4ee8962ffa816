"""Retry and hedge budgets: back-pressure, so that retries do not amplify an outage."""

from recourse.budget.adaptive_credit import AdaptiveCredit
from recourse.budget.grpc_throttle import GrpcThrottle
from recourse.budget.inflight_ratio import InflightRatio
from recourse.budget.protocol import Ask, Budget, Decision, Feedback, Peeking, Tracking
from recourse.budget.registry import Budgets, MissingBudget
from recourse.budget.retry_ratio import RetryRatio
from recourse.budget.token_bucket import TokenBucket
from recourse.budget.unlimited import Unlimited

__all__ = [
    "AdaptiveCredit",
    "Ask",
    "Budget",
    "Budgets",
    "Decision",
    "Feedback",
    "GrpcThrottle",
    "InflightRatio",
    "MissingBudget",
    "Peeking",
    "RetryRatio",
    "TokenBucket",
    "Tracking",
    "Unlimited",
]
