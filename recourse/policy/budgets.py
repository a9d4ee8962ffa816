"""The budgets that a policy file may define: their kinds, and the parameters of each.

The classes that they become stand on a higher floor, in :mod:`recourse.budget.kinds`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from recourse.duration import is_finite_number
from recourse.policy.problems import suggestion

__all__ = ["PARAMETERS", "Mistake", "mistakes"]

# Every parameter is a number; `True` marks those that must be given.
PARAMETERS: Final[Mapping[str, Mapping[str, bool]]] = {
    "adaptive_credit": {"capacity": False, "credit_per_success": False},
    "grpc_throttle": {"max_tokens": False, "token_ratio": False},
    "inflight_ratio": {"budget_ratio": False, "min_concurrency": False},
    "retry_ratio": {"ratio": False, "min_retries_per_s": False, "ttl_s": False},
    "token_bucket": {"capacity": True, "refill_per_s": True},
    "unlimited": {},
}


class Mistake(NamedTuple):
    """One thing that is wrong with a budget's table.

    Attributes:
        name: The entry.
        value: What it holds.
        wrong: What is wrong with it, as a phrase.
        advice: What is allowed or what to do, as a phrase.
        is_unknown: Whether nothing of that name is known.
    """

    name: str
    value: Any  # whatever the file holds
    wrong: str
    advice: str
    is_unknown: bool = False


def mistakes(table: Mapping[str, Any]) -> Iterator[Mistake]:
    """Everything that is wrong with a budget's table, bounds of its numbers excepted."""
    kind = table.get("kind")
    if kind is None:
        advice = "say which kind of budget it is, for example kind = 'token_bucket'"
        yield Mistake("kind", kind, "is missing", advice)
        return
    if not isinstance(kind, str) or kind not in PARAMETERS:
        yield Mistake("kind", kind, "is not known", suggestion(kind, PARAMETERS), is_unknown=True)
        return
    known = PARAMETERS[kind]
    for name, value in table.items():
        if name == "kind":
            continue
        if name not in known:
            advice = suggestion(name, known) if known else f"leave it out: {kind} needs nothing"
            yield Mistake(name, None, "is not known", advice, is_unknown=True)
        elif not is_finite_number(value):
            yield Mistake(name, value, "is not allowed", "use a finite number")
    for name, needed in known.items():
        if needed and name not in table:
            yield Mistake(name, None, "is missing", f"{kind} cannot do without it")
