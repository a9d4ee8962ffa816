"""How a scenario may contradict itself: what it names and does not describe, or describes twice."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recourse_observe.lab.spec import KeySpec, Scenario

__all__ = ["problems_of"]


def problems_of(scenario: "Scenario") -> Iterator[str]:
    """What is wrong with a scenario, each as the rest of a sentence about it."""
    keys = [key.key for key in scenario.keys]
    if scenario.duration_s <= 0:
        yield f"lasts {scenario.duration_s!r} s; give it more than 0"
    if not scenario.services:
        yield "has no service; give it one that calls"
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield f"has key {key!r} twice; describe it once"
    for spec in scenario.keys:
        yield from _problems_of_key(scenario, spec)
    for dependency in scenario.dependencies:
        for other in set(dependency.calls) - set(keys):
            yield f"lets {dependency.name!r} call {other!r}, which is not described"
    known = {"dependency": {d.name for d in scenario.dependencies}, "key": set(keys)}
    for fault in scenario.faults:
        for what, names in known.items():
            named = getattr(fault, what, None)
            if named is not None and named not in names:
                yield f"breaks {what} {named!r}, which is not described"


def _problems_of_key(scenario: "Scenario", spec: "KeySpec") -> Iterator[str]:
    if spec.service and spec.service not in {service.name for service in scenario.services}:
        yield f"has key {spec.key!r} of service {spec.service!r}, which is not among its services"
    if spec.dependency and spec.dependency not in {d.name for d in scenario.dependencies}:
        yield f"has key {spec.key!r} of dependency {spec.dependency!r}, which is not described"
    for other in sorted({*spec.then, *spec.calls} - {key.key for key in scenario.keys}):
        yield f"lets key {spec.key!r} lead to {other!r}, which is not described"
    if spec.policy is not None and str(spec.policy.key) != spec.key:
        yield f"gives key {spec.key!r} the policy of {str(spec.policy.key)!r}; give it its own"
