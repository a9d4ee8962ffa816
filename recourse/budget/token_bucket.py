"""A bucket of tokens that fills with time."""

from recourse.budget.arguments import within
from recourse.budget.protocol import Ask, Decision
from recourse.locks import Mutex
from recourse.reasons import BudgetReason

__all__ = ["TokenBucket"]


class TokenBucket:
    """Lets ``refill_per_s`` units pass in the long run, and ``capacity`` at once. Starts full.

    Attributes:
        capacity: The most it ever holds; nothing that costs more can be allowed.
        refill_per_s: Tokens that come back each second.
    """

    __slots__ = ("_at_s", "_mutex", "_tokens", "capacity", "refill_per_s")

    def __init__(self, capacity: float, refill_per_s: float) -> None:
        self.capacity: float = within("TokenBucket.capacity", capacity, 1)
        self.refill_per_s: float = within("TokenBucket.refill_per_s", refill_per_s, 0)
        self._mutex = Mutex()
        self._tokens = float(capacity)
        self._at_s = 0.0

    def ask(self, request: Ask) -> Decision:
        """Take the cost, or deny and take nothing."""
        with self._mutex.lock:
            tokens = self._tokens_at(request.now_s)
            if request.cost <= tokens:
                self._tokens = tokens - request.cost
                # Time that was paid for once is not paid for again after the clock went back.
                self._at_s = max(self._at_s, request.now_s)
                return Decision(allowed=True, balance_after=self._tokens)
        too_much = request.cost > self.capacity
        reason = BudgetReason.COST_EXCEEDS_CAPACITY if too_much else BudgetReason.BUDGET_DENIED
        return Decision(allowed=False, reason=reason, balance_after=tokens)

    def peek(self, request: Ask) -> bool:
        """Whether the bucket would hold the cost by then if nobody else took from it."""
        with self._mutex.lock:
            return request.cost <= self._tokens_at(request.now_s)

    def _tokens_at(self, now_s: float) -> float:
        gained = max(0.0, now_s - self._at_s) * self.refill_per_s
        return min(self.capacity, self._tokens + gained)

    def __repr__(self) -> str:
        return (
            f"TokenBucket(capacity={self.capacity:g}, refill_per_s={self.refill_per_s:g}, "
            f"tokens={self._tokens:g}, at_s={self._at_s:g})"
        )
