"""What we changed ourselves: policies, the control plane that brings them, classifiers, keys."""

from typing import Any, Final

from recourse import CircuitPolicy, Policy, RetryPolicy
from recourse_observe.lab.faults import (
    ClassifierChange,
    ControlPlaneOutage,
    KeyExplosion,
    Poison,
    PolicyChange,
)
from recourse_observe.lab.scenarios.builder import Builder
from recourse_observe.lab.scenarios.draft import Claim, retried, with_circuit
from recourse_observe.lab.spec import ControlPlane, KeySpec

__all__ = [
    "bad_policy_rollout",
    "classifier_misclassification",
    "control_plane_outage",
    "key_cardinality",
]

_CALM: Final[dict[str, Any]] = {"circuit": False, "budget": None}


def bad_policy_rollout(b: Builder) -> Claim:
    """A new policy harms each process that applies it, one after the other."""
    dice = b.dice
    b.first_service(processes=dice.whole(3, 7))
    kind = dice.one(("timeout", "overall", "attempts", "circuit", "classifier"))
    errors = 0.0 if kind in {"timeout", "overall"} else dice.between(0.08, 0.18)
    dependency = b.dependency(error_share=errors, error_status=dice.one((500, 502, 503)))
    key = b.key(
        dependency,
        dice.around(8.0, 16.0),
        _CALM | {"max_attempts": dice.whole(3, 4)},
        speaks_http=kind != "classifier",
    )
    if key.policy is None:
        message = "a key of the builder has a policy"
        raise TypeError(message)
    policy, also_right = _worse(b, key.policy, kind, dependency.median_s)
    moments = b.staggered(b.start_s, 4.0, 20.0)
    end_s = b.duration_s if b.end_s >= b.duration_s else max(b.end_s, max(moments) + 40.0)
    fault = PolicyChange(
        start_s=min(moments),
        end_s=end_s,
        policy=policy,
        applied_s=moments,
        rollback_spread_s=dice.between(0.5, 10.0),
    )
    b.faults.append(fault)
    return Claim(
        cause="bad_policy_rollout",
        keys=(key.key,),
        also_right=also_right,
        faults=(fault,),
        least_share=0.04,
    )


def _worse(
    b: Builder, policy: Policy, kind: str, median_s: float
) -> tuple[Policy, tuple[str, ...]]:
    """A policy that harms, and what else one could call that."""
    dice = b.dice
    match kind:
        case "timeout":
            limit_s = round(max(0.001, median_s * dice.between(0.5, 1.0)), 4)
            return retried(policy, timeout_per_attempt_s=limit_s), ("timeout_too_tight",)
        case "overall":
            limit_s = round(max(0.001, median_s * dice.between(0.6, 1.1)), 4)
            return retried(policy, overall_timeout_s=limit_s), ("timeout_too_tight",)
        case "attempts":
            return retried(policy, max_attempts=1), ()
        case "circuit":
            circuit = CircuitPolicy(threshold=1, cooldown_s=dice.between(3.0, 40.0))
            return with_circuit(policy, threshold=1, cooldown_s=circuit.cooldown_s), (
                "circuit_flapping",
                "circuit_stuck_open",
            )
        case _:
            return retried(policy, classifier="http"), ("classifier_misclassification",)


def control_plane_outage(b: Builder) -> Claim:
    """Remote policies run out, process by process, while the dependencies are well."""
    dice = b.dice
    b.control = ControlPlane(
        ttl_s=dice.around(10.0, 60.0), lkg_s=dice.one((0.0, 0.0, dice.between(20.0, 90.0)))
    )
    falls_back = dice.chance(0.3)
    if falls_back:
        b.first_service(
            missing_policy="fallback",
            fallback_policy=Policy("fallback", retry=RetryPolicy(max_attempts=1)),
        )
    errors = dice.between(0.1, 0.2) if falls_back else 0.0
    keys: list[KeySpec] = []
    for _ in range(dice.whole(1, 2)):
        dependency = b.dependency(error_share=errors)
        policy = _CALM | {"max_attempts": 4}
        keys += [
            b.key(dependency, dice.around(4.0, 8.0), policy, remote=True)
            for _ in range(dice.whole(1, 2))
        ]
    memory_s = max(b.control.ttl_s * 1.1, b.control.lkg_s)
    end_s = b.duration_s if b.end_s >= b.duration_s else b.end_s + memory_s
    fault = ControlPlaneOutage(start_s=b.start_s, end_s=min(end_s, b.duration_s))
    b.faults.append(fault)
    return Claim(
        cause="control_plane_outage",
        keys=tuple(key.key for key in keys),
        faults=(fault,),
        least_share=0.05,
    )


def classifier_misclassification(b: Builder) -> Claim:
    """What is wrong with a request is retried; or what would pass is not."""
    return _stops_retrying(b) if b.dice.chance(0.4) else _repeats_mistakes(b)


def _repeats_mistakes(b: Builder) -> Claim:
    """Callers begin to ask for what is not there, and each of them asks again and again."""
    dice = b.dice
    dependency = b.dependency()
    key = b.key(
        dependency,
        dice.around(6.0, 14.0),
        _CALM | {"classifier": "eager", "max_attempts": dice.whole(3, 5)},
    )
    fault = Poison(
        start_s=b.start_s,
        end_s=b.end_s,
        key=key.key,
        share=dice.between(0.15, 0.7),
        status=dice.one((400, 404, 409, 410, 412, 422)),
    )
    b.faults.append(fault)
    return Claim(cause="classifier_misclassification", keys=(key.key,), faults=(fault,))


def _stops_retrying(b: Builder) -> Claim:
    """New code takes the errors of another protocol for final."""
    dice = b.dice
    dependency = b.dependency(error_share=dice.between(0.08, 0.18))
    key = b.key(
        dependency,
        dice.around(8.0, 16.0),
        _CALM | {"classifier": "domain", "max_attempts": dice.whole(3, 5)},
        speaks_http=False,
    )
    moments = b.staggered(b.start_s, 0.5, 6.0)
    fault = ClassifierChange(
        start_s=min(moments),
        end_s=max(b.end_s, max(moments) + 40.0),
        service=b.services[0].name,
        becomes="http",
        applied_s=moments,
    )
    b.faults.append(fault)
    return Claim(
        cause="classifier_misclassification", keys=(key.key,), faults=(fault,), least_share=0.04
    )


def key_cardinality(b: Builder) -> Claim:
    """Keys carry request data: none of them has the policy that was written for the operation."""
    dice = b.dice
    b.first_service(
        default_policy=Policy(
            "default", retry=RetryPolicy(max_attempts=1, timeout_per_attempt_s=10.0), id="default"
        )
    )
    dependency = b.dependency(
        error_share=dice.between(0.1, 0.22), error_status=dice.one((500, 502, 503))
    )
    key = b.key(dependency, dice.around(8.0, 14.0), _CALM | {"max_attempts": 4})
    fault = KeyExplosion(
        start_s=b.start_s,
        end_s=b.end_s,
        key=key.key,
        share=dice.one((1.0, dice.between(0.6, 1.0))),
        kinds=round(dice.around(300.0, 1e6)),
    )
    b.faults.append(fault)
    return Claim(cause="key_cardinality", keys=(key.key,), faults=(fault,), least_share=0.04)
