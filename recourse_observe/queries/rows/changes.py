"""What changed: policies as they were applied, and the states of breakers."""

from dataclasses import dataclass

__all__ = ["PolicyRow", "TransitionRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRow:
    """A breaker changed its state."""

    changed_unix_us: int
    key: str
    instance: str
    from_state: str
    to_state: str
    cause: str
    generation: int
    call_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """A process applied a policy, or failed to resolve one; without instance it was published."""

    applied_unix_us: int
    key: str
    instance: str | None
    policy_id: str
    policy_version: str
    policy_source: str
    event: str
    max_attempts: int
    initial_backoff_us: int
    max_backoff_us: int
    backoff_multiplier: float
    jitter: str
    timeout_per_attempt_us: int | None
    overall_timeout_us: int | None
    classifier: str
    budget_name: str | None
    hedge_enabled: bool
    hedge_delay_us: int | None
    max_hedges: int
    hedge_trigger: str | None
    hedge_budget_name: str | None
    circuit_enabled: bool
    circuit_kind: str | None
    circuit_threshold: int | None
    circuit_cooldown_us: int | None
    policy_json: str
