"""Throttling as gRPC clients do it: failures drain, successes fill, half full is the line."""

from typing import Final

from recourse.budget.arguments import within
from recourse.budget.protocol import Ask, Decision
from recourse.locks import Mutex
from recourse.outcome import OutcomeKind
from recourse.reasons import BudgetReason

__all__ = ["GrpcThrottle"]

_TOKEN: Final = 1000


class GrpcThrottle:
    """Allows retries and hedges while more than half of the tokens are left. Starts full.

    Asking takes nothing, whatever it costs: every retryable failure takes one token, every success
    gives back ``token_ratio`` of one.

    Attributes:
        max_tokens: The most it ever holds, up to 1000.
        token_ratio: Tokens that a success gives; counted in thousandths.

    Source: gRPC proposal A6, "retryThrottling".
    """

    __slots__ = ("_gain", "_limit", "_mutex", "_tokens", "max_tokens", "token_ratio")

    def __init__(self, max_tokens: float = 10, token_ratio: float = 0.1) -> None:
        self.max_tokens: float = within("GrpcThrottle.max_tokens", max_tokens, 1, 1000)
        self.token_ratio: float = within("GrpcThrottle.token_ratio", token_ratio, 0.001, 1000)
        self._gain = round(token_ratio * _TOKEN)
        self._limit = round(max_tokens * _TOKEN)
        self._tokens = self._limit
        self._mutex = Mutex()

    def ask(self, request: Ask) -> Decision:  # noqa: ARG002  # the shape of every budget
        """Allow while more than half is left."""
        tokens = self._tokens
        balance = tokens / _TOKEN
        if 2 * tokens > self._limit:
            return Decision(allowed=True, balance_after=balance)
        return Decision(allowed=False, reason=BudgetReason.BUDGET_DENIED, balance_after=balance)

    def feed(self, kind: OutcomeKind, attempt: int, now_s: float) -> None:  # noqa: ARG002  # the shape of every budget
        """Take one token for a retryable failure, give a part for a success, else leave it."""
        if kind is OutcomeKind.SUCCESS:
            with self._mutex.lock:
                self._tokens = min(self._limit, self._tokens + self._gain)
        elif kind is OutcomeKind.RETRYABLE:
            with self._mutex.lock:
                self._tokens = max(0, self._tokens - _TOKEN)

    def __repr__(self) -> str:
        return (
            f"GrpcThrottle(max_tokens={self.max_tokens:g}, token_ratio={self.token_ratio:g}, "
            f"tokens={self._tokens / _TOKEN:g})"
        )
