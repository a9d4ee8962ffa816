"""Policies: what a call may do. Written by people or fetched from afar, so normalised before use."""

from recourse.policy.model import (
    BudgetRef,
    CircuitPolicy,
    EffectivePolicy,
    HedgePolicy,
    Policy,
    RetryPolicy,
)
from recourse.policy.normalize import Change, Normalization, Why, normalized

__all__ = [
    "BudgetRef",
    "Change",
    "CircuitPolicy",
    "EffectivePolicy",
    "HedgePolicy",
    "Normalization",
    "Policy",
    "RetryPolicy",
    "Why",
    "normalized",
]
