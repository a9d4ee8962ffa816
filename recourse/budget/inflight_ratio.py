"""Retries as a share of what is in flight."""

from collections.abc import Callable

from recourse.budget.arguments import within
from recourse.budget.protocol import Ask, Decision
from recourse.locks import Mutex
from recourse.reasons import BudgetReason

__all__ = ["InflightRatio"]


class InflightRatio:
    """Keeps retries and hedges in flight under a share of all runs in flight, or a small number.

    It limits concurrency, not rate: a retry holds its cost until its run has really stopped.

    Attributes:
        budget_ratio: Retries and hedges per run in flight, first attempts included.
        min_concurrency: Units that may always be held, however little is in flight.

    Source: the retry budget of Envoy's circuit breakers.
    """

    __slots__ = ("_firsts", "_held", "_mutex", "budget_ratio", "min_concurrency")

    def __init__(self, budget_ratio: float = 0.2, min_concurrency: int = 3) -> None:
        self.budget_ratio: float = within("InflightRatio.budget_ratio", budget_ratio, 0, 1)
        self.min_concurrency: float = within("InflightRatio.min_concurrency", min_concurrency, 0)
        self._firsts = 0
        self._held = 0
        self._mutex = Mutex()

    def begin(self, now_s: float) -> Callable[[], None]:  # noqa: ARG002  # the shape of every such budget
        """Count a first attempt until what is returned is called."""
        with self._mutex.lock:
            self._firsts += 1
        return self._giving_back(firsts=1, held=0)

    def ask(self, request: Ask) -> Decision:
        """Hold the cost until the decision's release, or deny and hold nothing."""
        cost = request.cost
        with self._mutex.lock:
            limit = max(self.min_concurrency, self.budget_ratio * (self._firsts + self._held))
            left = limit - self._held
            if cost <= left:
                self._held += cost
                release = self._giving_back(firsts=0, held=cost)
                return Decision(allowed=True, release=release, balance_after=left - cost)
        return Decision(
            allowed=False, reason=BudgetReason.BUDGET_DENIED, balance_after=max(0.0, left)
        )

    def _giving_back(self, *, firsts: int, held: int) -> Callable[[], None]:
        outstanding = [(firsts, held)]

        def give_back() -> None:
            with self._mutex.lock:
                first, units = outstanding.pop() if outstanding else (0, 0)
                self._firsts -= first
                self._held -= units

        return give_back

    def __repr__(self) -> str:
        return (
            f"InflightRatio(budget_ratio={self.budget_ratio:g}, "
            f"min_concurrency={self.min_concurrency:g}, firsts={self._firsts}, held={self._held})"
        )
