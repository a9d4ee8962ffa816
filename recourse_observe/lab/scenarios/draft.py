"""What a family of scenarios makes: a world, and claims about what is wrong in it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from recourse import CircuitPolicy, Policy, RetryPolicy
from recourse_observe.lab.faults import Fault, PolicyChange
from recourse_observe.lab.scenarios.harm import Harm
from recourse_observe.lab.spec import KeySpec, Scenario

__all__ = [
    "ACTIONS",
    "Claim",
    "Draft",
    "Edit",
    "calmed",
    "edited",
    "retried",
    "with_circuit",
    "without_retries",
]

Edit = Callable[[Scenario], Scenario]

ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    "dependency_outage": ("none_client_side", "enable_circuit", "enable_budget", "reduce_attempts"),
    "dependency_brownout": (
        "enable_circuit",
        "reduce_attempts",
        "enable_budget",
        "none_client_side",
    ),
    "partial_instance_failure": ("eject_instance", "enable_hedging", "raise_attempts"),
    "rate_limited": (
        "client_rate_limit",
        "honor_retry_after",
        "reduce_load",
        "raise_quota",
        "enable_budget",
        "reduce_attempts",
    ),
    "load_surge": ("shed_load", "add_capacity", "enable_budget", "reduce_load", "reduce_attempts"),
    "retry_storm": ("enable_budget", "reduce_attempts", "enable_circuit"),
    "synchronized_retries": ("enable_jitter", "enable_budget"),
    "circuit_flapping": ("raise_circuit_threshold", "longer_cooldown", "disable_circuit"),
    "circuit_stuck_open": ("fix_half_open", "reset_circuit", "shorter_cooldown", "disable_circuit"),
    "budget_starvation": ("raise_budget", "split_budget"),
    "budget_missing": ("restore_budget",),
    "bad_policy_rollout": ("rollback_policy",),
    "control_plane_outage": ("use_lkg", "fallback_policy", "restore_control_plane"),
    "classifier_misclassification": ("fix_classifier",),
    "timeout_too_tight": ("raise_timeout",),
    "hedge_runaway": ("raise_hedge_delay", "disable_hedging", "hedge_budget"),
    "duplicate_side_effects": ("idempotency_key", "disable_retry"),
    "poison_requests": ("quarantine_requests", "stop_retrying"),
    "caller_cancellation": ("propagate_deadline", "raise_upstream_deadline"),
    "single_process_fault": ("drain_process",),
    "key_cardinality": ("fix_key",),
    "unknown": ("none_client_side",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One incident that a family believes to have made; paired runs must confirm it.

    Attributes:
        cause: Why.
        keys: The culprit keys.
        also_right: Other causes that nobody could call wrong.
        instances: The culprit processes.
        faults: What goes wrong; taken away, the incident must be gone.
        cure: Takes away what no fault stands for: it is part of the world from the beginning.
        remedy: What a client could have done; the incident must be much smaller.
        counts_slow: Whether calls that are merely much slower count as harmed.
        least_share: The part of the culprits' calls that must be harmed.
        everybody: Whether every key of the world may be concerned.
        all_hit: Whether the culprits are all keys that are found to be hit.
        check: Says what else is not as it should be, if anything is.
    """

    cause: str
    keys: tuple[str, ...]
    also_right: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    cure: Edit | None = None
    remedy: Edit | None = None
    counts_slow: bool = False
    least_share: float = 0.08
    everybody: bool = False
    all_hit: bool = False
    check: Callable[[Harm], str | None] | None = None

    def taken_from(self, scenario: Scenario) -> Scenario:
        """The scenario as it would have been without this."""
        kept = tuple(fault for fault in scenario.faults if fault not in self.faults)
        without = replace(scenario, faults=kept)
        return self.cure(without) if self.cure is not None else without


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A scenario with everything in it, and what is claimed of it.

    Attributes:
        scenario: The world and all its faults, innocent ones included.
        claims: The incidents; none in a control.
    """

    scenario: Scenario
    claims: tuple[Claim, ...] = ()


def edited(scenario: Scenario, keys: Iterable[str], change: Callable[[Policy], Policy]) -> Scenario:
    """The scenario with the policies of some keys changed, those that are rolled out included."""
    chosen = frozenset(keys)
    specs = tuple(
        replace(spec, policy=change(spec.policy))
        if spec.policy is not None and spec.key in chosen
        else spec
        for spec in scenario.keys
    )
    faults = tuple(
        replace(fault, policy=change(fault.policy))
        if isinstance(fault, PolicyChange) and str(fault.policy.key) in chosen
        else fault
        for fault in scenario.faults
    )
    return replace(scenario, keys=specs, faults=faults)


def retried(policy: Policy, **changes: Any) -> Policy:
    """The policy with another way of retrying."""
    return replace(policy, retry=replace(policy.retry or RetryPolicy(), **changes))


def with_circuit(policy: Policy, **changes: Any) -> Policy:
    """The policy with another breaker."""
    return replace(policy, circuit=replace(policy.circuit or CircuitPolicy(), **changes))


def without_retries(scenario: Scenario) -> Scenario:
    """The scenario in which every call has one attempt and no hedge."""
    single = edited(scenario, [spec.key for spec in scenario.keys], _single)
    services = tuple(
        replace(
            service,
            default_policy=_single_or_none(service.default_policy),
            fallback_policy=_single_or_none(service.fallback_policy),
        )
        for service in single.services
    )
    return replace(single, services=services)


def _single(policy: Policy) -> Policy:
    return replace(retried(policy, max_attempts=1), hedge=None)


def _single_or_none(policy: Policy | None) -> Policy | None:
    return None if policy is None else _single(policy)


def calmed(scenario: Scenario, involved: frozenset[str]) -> Scenario:
    """The scenario without the requests that have nothing to do with these keys."""

    def kept(spec: KeySpec) -> KeySpec:
        concerned = {spec.key, *spec.then, *spec.calls} & involved
        return spec if concerned else replace(spec, traffic=None)

    return replace(scenario, keys=tuple(map(kept, scenario.keys)))
