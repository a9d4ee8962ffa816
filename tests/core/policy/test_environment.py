from typing import Any

import pytest

from recourse.errors import PolicyError
from recourse.policy import CircuitPolicy, HedgePolicy, Policy, RetryPolicy
from recourse.policy.environment import Environment

EVERYTHING = Policy(
    "a.B",
    retry=RetryPolicy(max_attempts=4, timeout_per_attempt_s=1.0),
    hedge=HedgePolicy(),
    circuit=CircuitPolicy(),
).normalize()


def test_an_environment_without_switches_changes_nothing() -> None:
    environment = Environment.of({"PATH": "/bin"})

    assert environment == Environment()
    assert environment.applied(EVERYTHING) is EVERYTHING


@pytest.mark.parametrize(
    ("text", "disabled"), [("1", True), (" ON ", True), ("0", False), ("", False)]
)
def test_the_kill_switch_is_on_or_off(text: str, disabled: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    assert Environment.of({"RECOURSE_DISABLE": text}).disabled is disabled


def test_the_kill_switch_leaves_one_attempt_and_the_timeouts() -> None:
    used = Environment(disabled=True).applied(EVERYTHING)

    assert (used.retry.max_attempts, used.hedge.enabled, used.circuit.enabled) == (1, False, False)
    assert used.retry.timeout_per_attempt_s == 1.0
    assert used.version != EVERYTHING.version


def test_the_kill_switch_leaves_a_policy_of_one_attempt_as_it_is() -> None:
    plain = Policy("a.B", retry=RetryPolicy(max_attempts=1)).normalize()

    assert Environment(disabled=True).applied(plain) is plain


def test_the_most_attempts_lower_but_never_raise() -> None:
    environment = Environment.of({"RECOURSE_MAX_ATTEMPTS": " 2 "})
    once = Policy("a.B", retry=RetryPolicy(max_attempts=1)).normalize()

    assert environment.applied(EVERYTHING).retry.max_attempts == 2
    assert environment.applied(EVERYTHING).hedge.enabled
    assert environment.applied(once) is once


def test_the_policy_file_is_named_by_its_path() -> None:
    assert Environment.of({"RECOURSE_POLICY_FILE": "p.toml"}).policy_file == "p.toml"


@pytest.mark.parametrize(
    ("variables", "allowed"),
    [
        ({"RECOURSE_DISABLE": "maybe"}, "1 or 0"),
        ({"RECOURSE_MAX_ATTEMPTS": "0"}, "a whole number from 1"),
        ({"RECOURSE_MAX_ATTEMPTS": "-1"}, "a whole number from 1"),
        ({"RECOURSE_MAX_ATTEMPTS": "٣"}, "a whole number from 1"),
        ({"RECOURSE_MAX_ATTEMPTS": "many"}, "a whole number from 1"),
    ],
)
def test_a_switch_with_another_value_is_refused(variables: Any, allowed: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Environment.of(variables)

    assert ({caught.value.field: caught.value.value}, caught.value.allowed) == (variables, allowed)
