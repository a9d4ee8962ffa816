"""A scenario that contradicts itself says where."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from recourse import Policy
from recourse_observe.lab import Outage, Poison, Scenario, ScenarioError


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"duration_s": 0.0}, "scenario 'shop' lasts 0.0 s; give it more than 0"),
        ({"services": ()}, "has no service; give it one that calls"),
        ({"key": {"key": "mail.Send"}}, "has key 'mail.Send' twice; describe it once"),
        ({"key": {"service": "api"}}, "of service 'api', which is not among its services"),
        ({"key": {"dependency": "disk"}}, "of dependency 'disk', which is not described"),
        ({"key": {"then": ("disk.Read",)}}, "lead to 'disk.Read', which is not described"),
        ({"key": {"policy": Policy("mail.Send")}}, "the policy of 'mail.Send'; give it its own"),
        ({"stock": {"calls": ("disk.Read",)}}, "lets 'stock' call 'disk.Read', which is not"),
        (
            {"faults": (Outage(start_s=0.0, end_s=1.0, dependency="disk"),)},
            "breaks dependency 'disk', which is not described",
        ),
        (
            {"faults": (Poison(start_s=0.0, end_s=1.0, key="disk.Read", share=1.0),)},
            "breaks key 'disk.Read', which is not described",
        ),
    ],
)
def test_a_contradiction_is_named(
    world: Callable[..., Scenario], parts: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ScenarioError, match=problem):
        world(**parts)


def test_a_fault_is_active_from_its_start_until_before_its_end() -> None:
    fault = Outage(start_s=1.0, end_s=2.0, dependency="stock")

    assert [fault.active(at_s) for at_s in (0.9, 1.0, 1.9, 2.0)] == [False, True, True, False]


def test_faults_are_found_by_their_kind(world: Callable[..., Scenario]) -> None:
    fault = Outage(start_s=1.0, end_s=2.0, dependency="stock")

    scenario = replace(world(), faults=(fault,))

    assert scenario.of(Outage) == (fault,)
    assert scenario.of(Poison) == ()
