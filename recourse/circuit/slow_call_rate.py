"""The breaker that opens when too many attempts are slow, however they end."""

from typing import Final

from recourse.circuit.rate import RateRule
from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy
from recourse.reasons import CircuitCause

__all__ = ["SLOW_CALL_RATE"]


def _ratio(policy: CircuitPolicy) -> float:
    return policy.slow_ratio


def _is_bad(policy: CircuitPolicy, _: Health, duration_s: float) -> bool:
    return duration_s >= policy.slow_call_s


SLOW_CALL_RATE: Final = RateRule(CircuitCause.SLOW_CALL_RATE, "slow_calls", _ratio, _is_bad)
