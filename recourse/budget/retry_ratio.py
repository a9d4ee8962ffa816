"""Retries as a share of recent calls, with a reserve for quiet hours."""

from datetime import timedelta
from typing import Final

from recourse.budget.arguments import within
from recourse.budget.protocol import Ask, Decision
from recourse.duration import seconds
from recourse.locks import Mutex
from recourse.reasons import BudgetReason
from recourse.sliding import SlidingSum

__all__ = ["RetryRatio"]

_CALL: Final = 1000
# A share so small that it stands for no retry at all.
_SMALLEST: Final = 1e-9


class RetryRatio:
    """Lets through ``ratio`` retries per call of the last seconds, and a few that are always there.

    Every call deposits, every retry withdraws, and both are forgotten after ``ttl_s``. The reserve
    of ``min_retries_per_s`` keeps a key that is seldom called from being denied its only retry.

    Attributes:
        ratio: Retries per call; 0 leaves only the reserve.
        min_retries_per_s: Retries per second that need no calls; 0 means no reserve.
        ttl_s: Seconds that a deposit or a withdrawal counts, from 1 to 60.

    Source: RetryBudget of Finagle, which Linkerd follows.
    """

    __slots__ = (
        "_balance",
        "_deposit",
        "_mutex",
        "_reserve",
        "_withdrawal",
        "min_retries_per_s",
        "ratio",
        "ttl_s",
    )

    def __init__(
        self,
        ratio: float = 0.2,
        min_retries_per_s: float = 10,
        ttl_s: float | timedelta = 10.0,
    ) -> None:
        self.ratio: float = within("RetryRatio.ratio", ratio, 0, _CALL)
        self.min_retries_per_s: float = within("RetryRatio.min_retries_per_s", min_retries_per_s, 0)
        self.ttl_s: float = within("RetryRatio.ttl_s", seconds("RetryRatio.ttl_s", ttl_s), 1, 60)
        # Whole numbers, so that five calls at a ratio of 0.2 are worth exactly one retry.
        self._deposit = _CALL if ratio else 0
        self._withdrawal = int(_CALL / max(ratio, _SMALLEST)) if ratio else 1
        self._reserve = int(min_retries_per_s * self.ttl_s * self._withdrawal)
        self._mutex = Mutex()
        self._balance = SlidingSum(self.ttl_s)

    def begin(self, now_s: float) -> None:
        """Deposit for one call."""
        with self._mutex.lock:
            self._balance.add(self._deposit, now_s)

    def ask(self, request: Ask) -> Decision:
        """Withdraw for ``cost`` retries, or deny and withdraw nothing; the balance is in retries."""
        wanted = request.cost * self._withdrawal
        with self._mutex.lock:
            balance = self._reserve + self._balance.total(request.now_s)
            if wanted <= balance:
                self._balance.add(-wanted, request.now_s)
                return Decision(allowed=True, balance_after=self._retries(balance - wanted))
        return Decision(
            allowed=False, reason=BudgetReason.BUDGET_DENIED, balance_after=self._retries(balance)
        )

    def _retries(self, balance: int) -> float:
        # Deposits are forgotten before the withdrawals they paid for: a debt, shown as nothing left.
        return max(0, balance) / self._withdrawal

    def __repr__(self) -> str:
        return (
            f"RetryRatio(ratio={self.ratio:g}, min_retries_per_s={self.min_retries_per_s:g}, "
            f"ttl_s={self.ttl_s:g}, balance={self._balance!r})"
        )
