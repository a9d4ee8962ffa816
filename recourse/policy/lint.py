"""What is allowed in a policy and yet unwise."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from recourse.duration import is_finite_number
from recourse.key import cardinality_problem
from recourse.policy import fields
from recourse.policy.fields import Kind
from recourse.policy.model import BudgetRef, EffectivePolicy, HedgePolicy, Policy, RetryPolicy
from recourse.policy.normalize import Why
from recourse.policy.parse import PolicyFile
from recourse.policy.problems import Problem, nearest, shown, suggestion

__all__ = ["lint"]

# What a kind of budget calls the most that it can ever hold.
_CAPACITIES: Final = ("capacity", "max_tokens")
# How alike two names are that differ by two letters exchanged; p75 and p95 are less alike.
_TYPING_ERROR: Final = 0.75
_FIXED_DELAY: Final = HedgePolicy().trigger


def lint(file: PolicyFile) -> tuple[Problem, ...]:
    """Everything unwise in a policy file, in the order of its lines.

    Of a policy with mistakes only the values out of bounds are told: the rest may be due to what
    was left out of it.
    """
    found = [problem for policy in file.policies for problem in _Lint(file, policy).problems()]
    for name, policy in (("default", file.default), ("fallback", file.fallback)):
        if policy is not None:
            found += _Lint(file, policy, section=(name,)).problems()
    for section, policy in file.partial.items():
        found += _Lint(file, policy, section).out_of_bounds()
    return tuple(sorted(found, key=lambda problem: problem.line or 0))


class _Lint:
    def __init__(self, file: PolicyFile, policy: Policy, section: tuple[str, ...] = ()) -> None:
        self._file = file
        self._section = section or ("policies", str(policy.key))
        self._key = str(policy.key)
        self._policy: EffectivePolicy = policy.normalize("file")

    def problems(self) -> Iterator[Problem]:
        """One policy's problems, rule by rule."""
        yield from self._clamped(frozenset(Why) - {Why.DEFAULT})
        yield from self._key_looks_dynamic()
        yield from self._no_timeout()
        yield from self._attempts_do_not_fit()
        yield from self._repeats_what_it_must_not()
        yield from self._hedges_without_budget()
        yield from self._mistyped("retry", self._policy.retry)
        if self._policy.hedge.enabled:
            yield from self._mistyped("hedge", self._policy.hedge)
        yield from self._hedges_never_start()
        for block in ("retry", "hedge"):
            budget = getattr(self._policy, block).budget
            yield from self._budget_is_not_there(block, budget)
            yield from self._cost_exceeds_capacity(block, budget)

    def out_of_bounds(self) -> Iterator[Problem]:
        """The values that are not followed, whatever else the policy says."""
        yield from self._clamped(frozenset({Why.CLAMPED_LOW, Why.CLAMPED_HIGH}))

    def _clamped(self, told: frozenset[Why]) -> Iterator[Problem]:
        for change in self._policy.normalization.changes:
            if change.why in told:
                wrong = f"is not followed ({change.why})"
                yield self._problem(
                    "clamped",
                    change.path,
                    change.given,
                    wrong,
                    f"{shown(change.used)} is used; write that",
                )

    def _key_looks_dynamic(self) -> Iterator[Problem]:
        if (
            self._section[0] == "policies"
            and (problem := cardinality_problem(self._key)) is not None
        ):
            advice = "name the operation, for example 'user-service.GetUser'"
            yield self._problem("dynamic_key", "", None, problem, advice)

    def _no_timeout(self) -> Iterator[Problem]:
        retry = self._policy.retry
        if retry.timeout_per_attempt_s is None and retry.overall_timeout_s is None:
            advice = "set retry.timeout_per_attempt or retry.overall_timeout"
            yield self._problem("no_timeout", "retry", None, "has no timeout at all", advice)

    def _attempts_do_not_fit(self) -> Iterator[Problem]:
        retry = self._policy.retry
        attempt_s, overall_s = retry.timeout_per_attempt_s, retry.overall_timeout_s
        if attempt_s is None or overall_s is None or retry.max_attempts * attempt_s <= overall_s:
            return
        wrong = f"is less than {retry.max_attempts} attempts of {attempt_s:g} s need"
        advice = f"set it to {retry.max_attempts * attempt_s:g} s or more, or shorten the attempts"
        yield self._problem(
            "attempts_do_not_fit", "retry.overall_timeout_s", overall_s, wrong, advice
        )

    def _repeats_what_it_must_not(self) -> Iterator[Problem]:
        policy = self._policy
        if policy.idempotent is not False:
            return
        if policy.retry.max_attempts > 1:
            wrong = "allows retries of an operation that must not be repeated"
            advice = "set it to 1, or say idempotent = true"
            value = policy.retry.max_attempts
            yield self._problem("not_idempotent", "retry.max_attempts", value, wrong, advice)
        if policy.hedge.enabled:
            wrong = "hedges an operation that must not be repeated"
            yield self._problem(
                "not_idempotent", "hedge", None, wrong, "remove it, or say idempotent = true"
            )

    def _hedges_without_budget(self) -> Iterator[Problem]:
        budget = self._policy.hedge.budget
        if self._policy.hedge.enabled and (budget is None or not budget.name):
            advice = "name one in hedge.budget, or a slow dependency gets twice the load"
            yield self._problem("hedge_without_budget", "hedge", None, "has no budget", advice)

    def _mistyped(self, name: str, block: RetryPolicy | HedgePolicy) -> Iterator[Problem]:
        """Names close to those that are always there; what is far from them is the program's."""
        for field in fields.table(type(block)):
            value = getattr(block, field.name)
            if field.kind is not Kind.TEXT or not value or value in field.choices:
                continue
            if (near := nearest(value, field.choices, _TYPING_ERROR)) is not None:
                advice = f"did you mean {near!r}? else register it under another name"
                path = f"{name}.{field.name}"
                wrong = "is not among the names that are always there"
                yield self._problem("mistyped_name", path, value, wrong, advice)

    def _hedges_never_start(self) -> Iterator[Problem]:
        hedge, attempt_s = self._policy.hedge, self._policy.retry.timeout_per_attempt_s
        is_late = attempt_s is not None and hedge.hedge_delay_s >= attempt_s
        if hedge.enabled and hedge.trigger == _FIXED_DELAY and is_late:
            wrong = (
                f"is not before an attempt's timeout of {attempt_s:g} s, so that no hedge starts"
            )
            advice = "shorten it, or give attempts more time"
            value = hedge.hedge_delay_s
            yield self._problem("hedge_never_starts", "hedge.hedge_delay_s", value, wrong, advice)

    def _budget_is_not_there(self, block: str, budget: BudgetRef | None) -> Iterator[Problem]:
        # A file that defines no budget at all leaves that to the program.
        defined = {path[1] for path in self._file.written if path[0] == "budgets" and path[1:]}
        if budget is None or not budget.name or not defined or budget.name in defined:
            return
        wrong = "is none of the budgets of this file"
        advice = suggestion(budget.name, defined)
        yield self._problem("unknown_budget", f"{block}.budget.name", budget.name, wrong, advice)

    def _cost_exceeds_capacity(self, block: str, budget: BudgetRef | None) -> Iterator[Problem]:
        given = self._file.budgets.get(budget.name) if budget is not None else None
        capacity = _capacity(given) if given is not None else None
        if budget is None or capacity is None or budget.cost <= capacity:
            return
        wrong = f"is more than budget {budget.name!r} can ever hold ({capacity:g})"
        advice = "lower the cost or raise the capacity, or every retry is denied"
        yield self._problem(
            "cost_exceeds_capacity", f"{block}.budget.cost", budget.cost, wrong, advice
        )

    def _problem(self, rule: str, field: str, value: Any, wrong: str, advice: str) -> Problem:
        return Problem(
            file=self._file.name,
            line=self._file.line(self._section, field),
            rule=rule,
            key=self._key,
            field=field,
            value=value,
            wrong=wrong,
            advice=advice,
        )


def _capacity(budget: Mapping[str, Any]) -> float | None:
    found = (budget[name] for name in _CAPACITIES if is_finite_number(budget.get(name)))
    return next(found, None)
