"""Credit that successes earn and retries spend."""

from typing import Final

from recourse.budget.arguments import within
from recourse.budget.protocol import Ask, Decision
from recourse.locks import Mutex
from recourse.outcome import OutcomeKind
from recourse.reasons import BudgetReason

__all__ = ["AdaptiveCredit"]

_CREDIT: Final = 1000


class AdaptiveCredit:
    """A retry spends one credit, a success earns a tenth of one. Starts full.

    Time plays no part: while nothing succeeds, nothing is earned, so an outage of any length sees
    ``capacity`` retries and then only first attempts.

    Attributes:
        capacity: The most it ever holds; nothing that costs more can be allowed.
        credit_per_success: What a success earns; counted in thousandths.

    Source: Marc Brooker, "Fixing retries with token buckets and circuit breakers".
    """

    __slots__ = ("_credit", "_gain", "_limit", "_mutex", "capacity", "credit_per_success")

    def __init__(self, capacity: float = 10, credit_per_success: float = 0.1) -> None:
        self.capacity: float = within("AdaptiveCredit.capacity", capacity, 1)
        self.credit_per_success: float = within(
            "AdaptiveCredit.credit_per_success", credit_per_success, 0.001
        )
        self._gain = round(credit_per_success * _CREDIT)
        self._limit = round(capacity * _CREDIT)
        self._credit = self._limit
        self._mutex = Mutex()

    def ask(self, request: Ask) -> Decision:
        """Spend the cost, or deny and spend nothing."""
        wanted = request.cost * _CREDIT
        with self._mutex.lock:
            allowed = wanted <= self._credit
            if allowed:
                self._credit -= wanted
            balance = self._credit / _CREDIT
        if allowed:
            return Decision(allowed=True, balance_after=balance)
        too_much = wanted > self._limit
        reason = BudgetReason.COST_EXCEEDS_CAPACITY if too_much else BudgetReason.BUDGET_DENIED
        return Decision(allowed=False, reason=reason, balance_after=balance)

    def feed(self, kind: OutcomeKind, attempt: int, now_s: float) -> None:  # noqa: ARG002  # the shape of every budget
        """Earn a little for a success; a failure costs nothing until it is retried."""
        if kind is OutcomeKind.SUCCESS:
            with self._mutex.lock:
                self._credit = min(self._limit, self._credit + self._gain)

    def __repr__(self) -> str:
        return (
            f"AdaptiveCredit(capacity={self.capacity:g}, "
            f"credit_per_success={self.credit_per_success:g}, credit={self._credit / _CREDIT:g})"
        )
