import math
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from recourse.classify import ClassifierRegistry
from recourse.errors import PolicyError
from recourse.hedge import Triggers
from recourse.policy import BudgetRef, CircuitPolicy, HedgePolicy, Policy, RetryPolicy, fields
from recourse.policy.fields import Field, Kind

BLOCKS: tuple[Callable[..., Any], ...] = (
    RetryPolicy,
    HedgePolicy,
    CircuitPolicy,
    BudgetRef,
    Policy,
)
FIELDS = [
    pytest.param(kind, field, id=f"{kind.__name__}.{field.name}")
    for kind in (RetryPolicy, HedgePolicy, CircuitPolicy, BudgetRef, Policy)
    for field in fields.table(kind)
]
WRONG: dict[Kind, list[Any]] = {
    Kind.COUNT: [True, "3", 3.0, math.nan, timedelta(seconds=3), Decimal(3)],
    Kind.NUMBER: [True, "2", math.nan, math.inf, -math.inf, 10**400, Fraction(1, 2), [1.0]],
    Kind.SECONDS: [False, "2s", "2", math.nan, math.inf, -math.inf, 10**400, Decimal(2)],
    Kind.FLAG: [0, 1, "true"],
    Kind.CHOICE: ["", "Full", "FULL", 1, True, ["full"]],
    Kind.TEXT: [b"x", 5, True],
    Kind.BLOCK: [5, {}, "none", True],
    Kind.REF: [5, {}, ["payments"], True],
}


def build(kind: Callable[..., Any], name: str, value: Any) -> Any:
    return kind("a.B", **{name: value}) if kind is Policy else kind(**{name: value})


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_r04_r05_a_value_of_another_kind_is_refused_with_field_and_value(
    kind: Callable[..., Any], field: Field
) -> None:
    for value in WRONG[field.kind]:
        with pytest.raises(PolicyError) as caught:
            build(kind, field.name, value)

        assert caught.value.field.endswith(field.name)
        assert caught.value.value is value


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_every_field_accepts_its_default_and_says_what_it_is_for(
    kind: Callable[..., Any], field: Field
) -> None:
    built = build(kind, field.name, field.default)

    assert getattr(built, field.name) == field.default
    assert field.doc.endswith(".")
    assert field.optional == (field.default is None)


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_a_number_has_bounds_and_its_default_is_inside(kind: type, field: Field) -> None:
    if field.kind not in {Kind.COUNT, Kind.NUMBER, Kind.SECONDS}:
        assert (field.low, field.high) == (None, None)
        return

    assert field.low is not None
    assert field.high is not None
    assert field.default is None or field.low <= field.default <= field.high


def test_durations_end_in_s_and_nothing_else_does() -> None:
    ending = {
        f.name
        for kind in (RetryPolicy, HedgePolicy, CircuitPolicy)
        for f in fields.table(kind)
        if f.name.endswith("_s")
    }
    seconds = {
        f.name
        for kind in (RetryPolicy, HedgePolicy, CircuitPolicy)
        for f in fields.table(kind)
        if f.kind is Kind.SECONDS
    }

    assert ending == seconds


@pytest.mark.parametrize(
    ("block", "name", "phrase"),
    [
        (RetryPolicy, "max_attempts", "a whole number from 1 to 10"),
        (RetryPolicy, "backoff_multiplier", "a finite number from 1 to 10"),
        (RetryPolicy, "initial_backoff_s", "seconds from 0.001 to 30"),
        (RetryPolicy, "jitter", "one of none, full, equal, decorrelated"),
        (RetryPolicy, "classifier", "a name"),
        (RetryPolicy, "budget", "a BudgetRef or the name of a budget"),
        (HedgePolicy, "enabled", "true or false"),
        (Policy, "retry", "a RetryPolicy or None"),
    ],
)
def test_a_field_says_what_it_accepts(block: type, name: str, phrase: str) -> None:
    found = {field.name: field.allowed for field in fields.table(block)}

    assert found[name] == phrase


def test_a_field_that_is_declared_outside_the_table_is_not_in_it() -> None:
    names = [field.name for field in fields.table(Policy)]

    assert names == ["retry", "hedge", "circuit", "idempotent", "id"]


def test_a_value_becomes_the_fields_own_type() -> None:
    retry = RetryPolicy(
        initial_backoff_s=timedelta(milliseconds=250),
        backoff_multiplier=3,
        jitter="equal",
        budget="payments",
    )

    assert repr(retry.initial_backoff_s) == "0.25"
    assert repr(retry.backoff_multiplier) == "3.0"
    assert repr(retry.jitter) == "<Jitter.EQUAL: 'equal'>"
    assert retry.budget == BudgetRef("payments", 1)


def named(kind: type, name: str) -> Field:
    return next(field for field in fields.table(kind) if field.name == name)


def test_the_names_that_are_always_there_are_those_of_the_registries() -> None:
    triggers = Triggers(missing="deny")
    waits = [
        triggers.delay_s("a.B", HedgePolicy(trigger=trigger))
        for trigger in named(HedgePolicy, "trigger").choices
    ]

    assert named(RetryPolicy, "classifier").choices == ClassifierRegistry().names
    assert waits == [0.2] * 5
    assert triggers.delay_s("a.B", HedgePolicy(trigger="p96")) is None


@pytest.mark.parametrize(("kind", "name"), [(RetryPolicy, "classifier"), (HedgePolicy, "trigger")])
def test_their_meaning_names_all_of_them(kind: type, name: str) -> None:
    field = named(kind, name)

    assert ", ".join(field.choices) in field.doc
