"""Policies that let an outage grow: without limits, without budgets."""

from collections.abc import Iterator

from recourse.integrations.doctor.complaints import Complaint, Needs
from recourse.policy.lint import lint
from recourse.policy.model import EffectivePolicy
from recourse.policy.parse import PolicyFile

__all__ = ["examine_policies", "needs_of"]

# Of all that lint finds unwise, what makes an outage worse.
_WORSE = frozenset({"hedge_without_budget", "no_timeout", "not_idempotent"})


def examine_policies(file: PolicyFile) -> list[Complaint]:
    """What in a policy file makes an outage worse; ``recourse policy lint`` finds more."""
    unwise = [
        Complaint(
            rule=problem.rule,
            thing=" ".join(part for part in (f"policy {problem.key}", problem.field) if part),
            wrong=problem.wrong,
            advice=problem.advice,
        )
        for problem in lint(file)
        if problem.rule in _WORSE
    ]
    return [*unwise, *_without_budget(file)]


def needs_of(file: PolicyFile) -> Needs:
    """What the policies of a file ask of the clients that their calls use."""
    policies = list(_policies(file))
    hedges = [policy.hedge.max_hedges for policy in policies if policy.hedge.enabled]
    return Needs(
        attempts=max((policy.retry.max_attempts for policy in policies), default=1),
        runs=1 + max(hedges, default=0),
    )


def _without_budget(file: PolicyFile) -> Iterator[Complaint]:
    for policy in _policies(file):
        budget = policy.retry.budget
        if policy.retry.max_attempts > 1 and (budget is None or not budget.name):
            yield Complaint(
                rule="no_budget",
                thing=f"policy {policy.key}",
                wrong=f"retries up to {policy.retry.max_attempts - 1} times without a budget",
                advice="name one in retry.budget, or an outage gets that many times the load",
            )


def _policies(file: PolicyFile) -> Iterator[EffectivePolicy]:
    for policy in (*file.policies, file.default, file.fallback):
        if policy is not None:
            yield policy.normalize("file")
