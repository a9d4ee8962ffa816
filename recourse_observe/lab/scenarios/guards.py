"""What is to protect calls stops them: breakers and budgets."""

from dataclasses import replace
from typing import Any, Final

from recourse import BudgetRef, CircuitPolicy
from recourse_observe.lab.faults import Deploy, Fault, How, Outage, ProcessFault
from recourse_observe.lab.scenarios.builder import Builder
from recourse_observe.lab.scenarios.draft import Claim, Edit, edited, with_circuit
from recourse_observe.lab.scenarios.harm import Harm
from recourse_observe.lab.spec import DependencySpec, KeySpec, Scenario

__all__ = [
    "budget_missing",
    "budget_starvation",
    "circuit_flapping",
    "circuit_stuck_open",
]

_MOSTLY: Final = 0.6
_NEARLY_ALL: Final = 0.7


def circuit_flapping(b: Builder) -> Claim:
    """A breaker that opens at every second failure refuses more calls than the dependency fails."""
    dice = b.dice
    dependency = b.dependency()
    circuit = CircuitPolicy(threshold=dice.whole(1, 2), cooldown_s=dice.around(0.5, 3.0))
    policy = {"circuit": circuit, "max_attempts": dice.whole(1, 3), "budget": None}
    key = b.key(dependency, dice.around(6.0, 14.0), policy)
    share = dice.between(0.05, 0.12) if circuit.threshold == 1 else dice.between(0.12, 0.25)
    fault = Outage(
        start_s=b.start_s,
        end_s=b.end_s,
        dependency=dependency.name,
        status=dice.one((500, 502, 503)),
        share=share,
        after_s=dice.around(0.001, 0.02),
    )
    b.faults.append(fault)
    return Claim(
        cause="circuit_flapping",
        keys=(key.key,),
        faults=(fault,),
        remedy=lambda s: edited(s, [key.key], lambda p: with_circuit(p, threshold=50)),
        check=lambda harm: _refused(harm, _MOSTLY),
    )


def _refused(harm: Harm, least: float) -> str | None:
    refused = harm.lost_to("CircuitOpenError")
    return f"only {refused:.2f} of the lost calls were refused" if refused < least else None


def circuit_stuck_open(b: Builder) -> Claim:
    """A breaker stays open long after the dependency serves everybody else."""
    match b.dice.whole(0, 2):
        case 0:
            return _stuck_in_one_process(b)
        case 1:
            return _stuck_on_a_probe(b)
        case _:
            return _stuck_by_its_cooldown(b)


def _guarded(
    b: Builder, dependency: DependencySpec, circuit: CircuitPolicy, **more: Any
) -> KeySpec:
    """A key with a breaker, and one without beside it."""
    dice = b.dice
    b.key(dependency, dice.around(2.0, 6.0), {"circuit": False})
    policy = {"circuit": circuit, "budget": None, "max_attempts": dice.whole(1, 3)} | more
    return b.key(dependency, dice.around(5.0, 12.0), policy)


def _patient(b: Builder) -> CircuitPolicy:
    return CircuitPolicy(threshold=b.dice.whole(2, 4), cooldown_s=b.dice.around(200.0, 1500.0))


def _stuck_by_its_cooldown(b: Builder) -> Claim:
    dependency = b.dependency()
    key = _guarded(b, dependency, _patient(b))
    fault = _blip(b, dependency)
    b.faults.append(fault)
    return _stuck(key, fault)


def _stuck_in_one_process(b: Builder) -> Claim:
    b.first_service(processes=b.dice.whole(3, 5))
    dependency = b.dependency()
    key = _guarded(b, dependency, _patient(b))
    process = b.dice.whole(0, b.processes - 1)
    fault = ProcessFault(
        start_s=b.start_s,
        end_s=round(b.start_s + b.dice.between(7.0, 11.0), 3),
        service=b.services[0].name,
        process=process,
        dependencies=(dependency.name,),
    )
    b.faults.append(fault)
    return _stuck(key, fault, instances=(f"{b.services[0].name}-{process}",))


def _stuck_on_a_probe(b: Builder) -> Claim:
    """The probe never comes back, and nothing gives its place to another."""
    dice = b.dice
    dependency = b.dependency()
    circuit = CircuitPolicy(
        threshold=dice.whole(2, 4), cooldown_s=dice.between(1.0, 3.0), probe_ttl_s=3600.0
    )
    key = _guarded(b, dependency, circuit, timeout_per_attempt_s=None)
    broken = _blip(b, dependency)
    silent = Outage(
        start_s=broken.end_s,
        end_s=round(broken.end_s + circuit.cooldown_s * 2.5, 3),
        dependency=dependency.name,
        how=How.SILENCE,
    )
    b.faults += [broken, silent]
    return _stuck(key, broken, silent)


def _blip(b: Builder, dependency: DependencySpec) -> Outage:
    return Outage(
        start_s=b.start_s,
        end_s=round(b.start_s + b.dice.between(6.0, 11.0), 3),
        dependency=dependency.name,
        how=b.dice.one((How.STATUS, How.REFUSED)),
    )


def _stuck(key: KeySpec, *faults: Fault, instances: tuple[str, ...] = ()) -> Claim:
    return Claim(
        cause="circuit_stuck_open",
        keys=(key.key,),
        instances=instances,
        faults=faults,
        remedy=lambda s: edited(
            s, [key.key], lambda p: with_circuit(p, cooldown_s=1.0, probe_ttl_s=2.0)
        ),
        check=lambda harm: _refused(harm, _NEARLY_ALL),
    )


def budget_starvation(b: Builder) -> Claim:
    """The usual few failures need more retries than the budget gives back; one day it is empty."""
    dice = b.dice
    errors, per_s = dice.between(0.07, 0.16), dice.around(10.0, 18.0)
    dependency = b.dependency(error_share=errors, error_status=dice.one((500, 502, 503)))
    needed_per_s = per_s * errors / b.processes
    refill_per_s = round(needed_per_s * dice.between(0.1, 0.45), 4)
    capacity = max(1.0, round((needed_per_s - refill_per_s) * b.start_s))
    budget = b.budget(capacity=capacity, refill_per_s=refill_per_s)
    count = dice.whole(1, 3)
    policy = {
        "budget": BudgetRef(budget.name),
        "circuit": False,
        "max_attempts": dice.whole(2, 4),
    }
    keys = tuple(b.key(dependency, per_s / count, policy).key for _ in range(count))
    return Claim(
        cause="budget_starvation",
        keys=keys,
        cure=_ample(budget.name),
        remedy=_ample(budget.name),
        least_share=0.03,
    )


def _ample(name: str) -> Edit:
    def cured(scenario: Scenario) -> Scenario:
        budgets = tuple(
            replace(budget, capacity=1000.0, refill_per_s=100.0) if budget.name == name else budget
            for budget in scenario.budgets
        )
        return replace(scenario, budgets=budgets)

    return cured


def budget_missing(b: Builder) -> Claim:
    """New processes come up without the budget that policies name: retries are denied."""
    dice = b.dice
    dependency = b.dependency(
        error_share=dice.between(0.07, 0.18), error_status=dice.one((500, 502, 503))
    )
    budget = b.budget(capacity=100.0, refill_per_s=20.0)
    policy = {
        "budget": BudgetRef(budget.name),
        "circuit": False,
        "max_attempts": dice.whole(2, 4),
    }
    keys = tuple(
        b.key(dependency, dice.around(5.0, 10.0), policy).key for _ in range(dice.whole(1, 2))
    )
    moments = b.staggered(b.start_s, 2.0, 12.0)
    end_s = max(b.end_s, max(moments) + 60.0)
    fault = Deploy(
        start_s=min(moments),
        end_s=end_s,
        service=b.services[0].name,
        restarted_s=moments,
        drops_budgets=(budget.name,),
    )
    b.faults.append(fault)
    return Claim(cause="budget_missing", keys=keys, faults=(fault,), least_share=0.03)
