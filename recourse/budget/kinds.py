"""Budgets from what a policy file says of them."""

from collections.abc import Callable, Mapping
from typing import Final

from recourse.budget.adaptive_credit import AdaptiveCredit
from recourse.budget.grpc_throttle import GrpcThrottle
from recourse.budget.inflight_ratio import InflightRatio
from recourse.budget.protocol import Budget
from recourse.budget.retry_ratio import RetryRatio
from recourse.budget.token_bucket import TokenBucket
from recourse.budget.unlimited import Unlimited
from recourse.errors import PolicyError
from recourse.policy.parse import PolicyFile
from recourse.policy.problems import PolicyFileError, Problem

__all__ = ["KINDS", "budgets_of"]

KINDS: Final[Mapping[str, Callable[..., Budget]]] = {
    "adaptive_credit": AdaptiveCredit,
    "grpc_throttle": GrpcThrottle,
    "inflight_ratio": InflightRatio,
    "retry_ratio": RetryRatio,
    "token_bucket": TokenBucket,
    "unlimited": Unlimited,
}


def budgets_of(file: PolicyFile) -> dict[str, Budget]:
    """The budgets that a policy file defines, new and full, by name.

    Raises:
        PolicyFileError: A number is out of bounds; holds every such problem.
    """
    problems: list[Problem] = []
    budgets: dict[str, Budget] = {}
    for name, table in file.budgets.items():
        numbers = {field: value for field, value in table.items() if field != "kind"}
        try:
            budgets[name] = KINDS[table["kind"]](**numbers)
        except PolicyError as error:
            problems.append(_problem(file, name, error))
    if problems:
        raise PolicyFileError(problems)
    return budgets


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
