"""Budgets in policy files: what may be said of them, and what they become."""

import inspect
import tomllib
from typing import Any

import pytest

from recourse.budget.kinds import KINDS, budgets_of, out_of_bounds
from recourse.policy.budgets import PARAMETERS
from recourse.policy.lines import toml_lines
from recourse.policy.parse import PolicyFile, parse
from recourse.policy.problems import PolicyFileError
from recourse.policy.schema import schema

EVERY_KIND = """\
[budgets]
a = { kind = "adaptive_credit", capacity = 20 }
g = { kind = "grpc_throttle" }
i = { kind = "inflight_ratio", budget_ratio = 0.5 }
r = { kind = "retry_ratio", ttl_s = 20 }
t = { kind = "token_bucket", capacity = 50, refill_per_s = 5 }
u = { kind = "unlimited" }
"""


def read(text: str) -> PolicyFile:
    return parse(tomllib.loads(text), file="p.toml", lines=toml_lines(text))


def problems_of(text: str) -> list[str]:
    with pytest.raises(PolicyFileError) as caught:
        budgets_of(read(text))
    return str(caught.value).splitlines()


def test_every_kind_becomes_its_budget() -> None:
    budgets: dict[str, Any] = budgets_of(read(EVERY_KIND))

    assert [type(budget) for budget in budgets.values()] == list(KINDS.values())
    assert budgets["a"].capacity == 20
    assert budgets["i"].budget_ratio == 0.5
    assert budgets["r"].ttl_s == 20
    assert (budgets["t"].capacity, budgets["t"].refill_per_s) == (50, 5)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_parameters_are_those_of_the_class(kind: str) -> None:
    declared = inspect.signature(KINDS[kind]).parameters.values()

    assert PARAMETERS[kind] == {one.name: one.default is one.empty for one in declared}


def test_there_is_a_class_for_every_kind_and_a_schema() -> None:
    branches = schema()["properties"]["budgets"]["additionalProperties"]["oneOf"]

    assert list(PARAMETERS) == list(KINDS)
    assert [one["properties"]["kind"]["const"] for one in branches] == list(KINDS)
    assert branches[4]["required"] == ["capacity", "refill_per_s"]


def test_mistakes_in_kinds_and_parameters_are_told_together() -> None:
    text = (
        '[budgets.a]\nkind = "token_buket"\n'
        '[budgets.b]\nkind = "token_bucket"\ncapcity = 5\nrefill_per_s = "fast"\n'
        '[budgets.c]\nkind = "unlimited"\ncapacity = 5\n'
        "[budgets.d]\nkind = 5\n"
    )

    assert problems_of(text) == [
        "p.toml:2: budgets.a kind 'token_buket' is not known; did you mean 'token_bucket'?",
        "p.toml:3: budgets.b capacity is missing; token_bucket cannot do without it",
        "p.toml:5: budgets.b capcity is not known; did you mean 'capacity'?",
        "p.toml:6: budgets.b refill_per_s 'fast' is not allowed; use a finite number",
        "p.toml:9: budgets.c capacity is not known; leave it out: unlimited needs nothing",
        (
            "p.toml:11: budgets.d kind 5 is not known; use one of adaptive_credit, grpc_throttle, "
            "inflight_ratio, retry_ratio, token_bucket, unlimited"
        ),
    ]


def test_numbers_out_of_bounds_are_told_together() -> None:
    text = (
        '[budgets.a]\nkind = "grpc_throttle"\nmax_tokens = 5000\n'
        '[budgets.b]\nkind = "retry_ratio"\nttl_s = 0\n'
    )

    assert problems_of(text) == [
        "p.toml:3: budgets.a max_tokens 5000 is not allowed; use a finite number from 1 to 1000",
        "p.toml:6: budgets.b ttl_s 0.0 is not allowed; use a finite number from 1 to 60",
    ]


def test_both_numbers_of_one_budget_are_told_when_both_are_out_of_bounds() -> None:
    text = '[budgets.a]\nkind = "token_bucket"\ncapacity = 0\nrefill_per_s = -1\n'

    assert problems_of(text) == [
        "p.toml:3: budgets.a capacity 0 is not allowed; use a finite number of at least 1",
        "p.toml:4: budgets.a refill_per_s -1 is not allowed; use a finite number of at least 0",
    ]


def test_numbers_out_of_bounds_are_known_beside_other_mistakes_of_their_budget() -> None:
    text = (
        '[budgets.a]\nkind = "token_bucket"\ncapacity = 0\nrefil_per_s = -1\n'
        '[budgets.b]\nkind = ["x"]\ncapacity = 0\n'
        '[budgets.c]\nkind = "retry_ratio"\nttl_s = "x"\nratio = -1\n'
    )
    with pytest.raises(PolicyFileError) as caught:
        read(text)
    rest = caught.value.rest
    assert rest is not None

    problems = [*out_of_bounds(rest)]
    assert {problem.rule for problem in problems} == {"wrong_value"}
    assert [str(problem) for problem in problems] == [
        "p.toml:3: budgets.a capacity 0 is not allowed; use a finite number of at least 1",
        "p.toml:11: budgets.c ratio -1 is not allowed; use a finite number from 0 to 1000",
    ]
