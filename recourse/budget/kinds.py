"""Budgets from what a policy file says of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from recourse.budget.adaptive_credit import AdaptiveCredit
from recourse.budget.grpc_throttle import GrpcThrottle
from recourse.budget.inflight_ratio import InflightRatio
from recourse.budget.protocol import Budget
from recourse.budget.retry_ratio import RetryRatio
from recourse.budget.token_bucket import TokenBucket
from recourse.budget.unlimited import Unlimited
from recourse.duration import is_finite_number
from recourse.errors import PolicyError
from recourse.policy.budgets import PARAMETERS
from recourse.policy.parse import PolicyFile
from recourse.policy.problems import PolicyFileError, Problem

__all__ = ["KINDS", "budgets_of", "out_of_bounds"]

KINDS: Final[Mapping[str, Callable[..., Budget]]] = {
    "adaptive_credit": AdaptiveCredit,
    "grpc_throttle": GrpcThrottle,
    "inflight_ratio": InflightRatio,
    "retry_ratio": RetryRatio,
    "token_bucket": TokenBucket,
    "unlimited": Unlimited,
}

_NOTHING: Final[Mapping[str, bool]] = {}


def budgets_of(file: PolicyFile) -> dict[str, Budget]:
    """The budgets that a policy file defines, new and full, by name.

    Raises:
        PolicyFileError: A number is out of bounds; holds every such problem.
    """
    if problems := [*out_of_bounds(file)]:
        raise PolicyFileError(problems)
    return {name: KINDS[table["kind"]](**_numbers(table)) for name, table in file.budgets.items()}


def out_of_bounds(file: PolicyFile) -> Iterator[Problem]:
    """Every number of a budget that is out of bounds, whatever else is wrong with its table."""
    for name, table in (*file.budgets.items(), *file.partial_budgets.items()):
        kind = str(table.get("kind"))
        known = PARAMETERS.get(kind, _NOTHING)
        needed = [field for field, is_needed in known.items() if is_needed]
        for field, value in _numbers(table).items():
            if field not in known or not is_finite_number(value):
                continue
            numbers: dict[str, Any] = dict.fromkeys(needed, 1)
            numbers[field] = value
            try:
                KINDS[kind](**numbers)
            except PolicyError as error:
                yield _problem(file, name, error)


def _numbers(table: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in table.items() if field != "kind"}


def _problem(file: PolicyFile, name: str, error: PolicyError) -> Problem:
    field = error.field.rpartition(".")[2]  # the classes say 'TokenBucket.capacity'
    return Problem(
        file=file.name,
        line=file.line(("budgets", name), field),
        rule="wrong_value",
        key=f"budgets.{name}",
        field=field,
        value=error.value,
        wrong="is not allowed",
        advice=f"use {error.allowed}",
    )
