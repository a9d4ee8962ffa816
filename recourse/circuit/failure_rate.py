"""The breaker that opens when too many attempts fail."""

from typing import Final

from recourse.circuit.rate import RateRule
from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy
from recourse.reasons import CircuitCause

__all__ = ["FAILURE_RATE"]


def _ratio(policy: CircuitPolicy) -> float:
    return policy.failure_ratio


def _is_bad(_: CircuitPolicy, health: Health, __: float) -> bool:
    return health is Health.UNHEALTHY


FAILURE_RATE: Final = RateRule(CircuitCause.FAILURE_RATE, "failures", _ratio, _is_bad)
