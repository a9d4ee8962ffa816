"""Budgets by name, asked in a way that never harms a call."""

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar, TypeVarTuple, cast

from recourse.budget.protocol import Ask, Budget, Decision, Feedback, Peeking, Tracking
from recourse.errors import PolicyError
from recourse.outcome import OutcomeKind
from recourse.policy.model import BudgetRef
from recourse.reasons import BudgetKind, BudgetReason, PolicyMode

__all__ = ["Budgets", "MissingBudget"]

_LOG: Final = logging.getLogger("recourse")
_NO_REF: Final = BudgetRef()
_BROKEN: Final = Decision(allowed=False, reason=BudgetReason.BUDGET_ERROR)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class MissingBudget(StrEnum):
    """What to do when a policy names a budget that is not there."""

    DENY = "deny"
    ALLOW_UNSAFE = "allow_unsafe"


class Budgets:
    """An executor's budgets. A budget that is missing or broken becomes a reason, never an error.

    Args:
        budgets: Name to budget; ``None`` means that there is no registry at all.
        missing: ``deny`` or ``allow_unsafe``.

    Raises:
        PolicyError: Something in ``budgets`` is no budget, or ``missing`` is another word.
    """

    __slots__ = ("_entries", "_missing")

    def __init__(
        self,
        budgets: Mapping[str, Budget | None] | None = None,
        missing: MissingBudget | str = MissingBudget.DENY,
    ) -> None:
        if missing not in tuple(MissingBudget):
            field = "missing_budget"
            raise PolicyError(field, missing, "one of " + ", ".join(MissingBudget))
        if budgets is not None and not isinstance(cast("object", budgets), Mapping):
            field = "budgets"
            raise PolicyError(field, budgets, "a mapping from names to budgets")
        self._missing = MissingBudget(missing)
        self._entries = (
            None
            if budgets is None
            else {name: _entry(name, budget) for name, budget in budgets.items()}
        )

    def ask(
        self, ref: BudgetRef | None, key: str, attempt: int, kind: BudgetKind, now_s: float
    ) -> tuple[Decision, str]:
        """The decision on one retry or hedge, and the mode it was made in.

        The mode is ``allow_unsafe`` when nothing but that let it pass, else ``standard``.
        """
        ref = ref or _NO_REF
        entry = self._find(ref.name)
        if isinstance(entry, BudgetReason):
            return self._without(entry)
        wanted = Ask(key, attempt, kind, ref.cost, now_s)
        decision = _guarded(ref.name, entry.ask, wanted)
        return decision if isinstance(decision, Decision) else _BROKEN, PolicyMode.STANDARD

    def peek(
        self, ref: BudgetRef | None, key: str, attempt: int, kind: BudgetKind, now_s: float
    ) -> bool:
        """Whether :meth:`ask` might allow it at ``now_s``; a no means that waiting is hopeless."""
        ref = ref or _NO_REF
        entry = self._find(ref.name)
        if isinstance(entry, BudgetReason):
            return self._without(entry)[0].allowed
        wanted = Ask(key, attempt, kind, ref.cost, now_s)
        return _guarded(ref.name, entry.peek, wanted) is not False

    def begin(self, ref: BudgetRef | None, now_s: float) -> Callable[[], None] | None:
        """Tell the budget that a call's first attempt starts; once per call and budget name.

        Returns:
            Called exactly once when that run has really stopped; ``None`` when nobody waits for it.
        """
        ref = ref or _NO_REF
        entry = self._find(ref.name)
        if isinstance(entry, BudgetReason):
            return None
        return _guarded(ref.name, entry.begin, now_s)

    def learns(self, ref: BudgetRef | None) -> bool:
        """Whether the budget wants to hear of first attempts, so that a call must tell it."""
        entry = self._find("" if ref is None else ref.name)
        return isinstance(entry, _Entry) and (
            entry.feed is not _silent or entry.begin is not _silent
        )

    def feed(self, ref: BudgetRef | None, kind: OutcomeKind, attempt: int, now_s: float) -> None:
        """Tell the budget how one run attempt ended, if it learns from that."""
        ref = ref or _NO_REF
        entry = self._find(ref.name)
        if not isinstance(entry, BudgetReason):
            _guarded(ref.name, entry.feed, kind, attempt, now_s)

    def _find(self, name: str) -> "_Entry | BudgetReason":
        if not name:
            return BudgetReason.NO_BUDGET
        if self._entries is None:
            return BudgetReason.BUDGET_REGISTRY_MISSING
        return self._entries.get(name, BudgetReason.BUDGET_NOT_FOUND)

    def _without(self, reason: BudgetReason) -> tuple[Decision, str]:
        if reason is BudgetReason.NO_BUDGET:
            return Decision(allowed=True, reason=reason), PolicyMode.STANDARD
        if self._missing is MissingBudget.ALLOW_UNSAFE:
            return Decision(allowed=True, reason=reason), MissingBudget.ALLOW_UNSAFE
        return Decision(allowed=False, reason=reason), PolicyMode.STANDARD


class _Entry(NamedTuple):
    ask: Callable[[Ask], object]
    peek: Callable[[Ask], object]
    begin: Callable[[float], Callable[[], None] | None]
    feed: Callable[[OutcomeKind, int, float], None]


def _entry(name: str, budget: Budget | None) -> _Entry | BudgetReason:
    if budget is None:
        return BudgetReason.BUDGET_NIL
    if isinstance(budget, type) or not callable(getattr(budget, "ask", None)):
        field = f"budgets.{name}"
        raise PolicyError(field, budget, "an object with ask")
    return _Entry(
        ask=budget.ask,
        peek=budget.peek if isinstance(budget, Peeking) else _silent,
        begin=budget.begin if isinstance(budget, Tracking) else _silent,
        feed=budget.feed if isinstance(budget, Feedback) else _silent,
    )


def _silent(*_: object) -> None:
    return None


def _guarded(name: str, action: Callable[[*Ts], T], *args: *Ts) -> T | None:
    """What a budget answers; ``None`` when it raises."""
    try:
        return action(*args)
    except Exception:  # noqa: BLE001  # a broken budget must not become the call's error
        _LOG.debug("budget %r raised", name, exc_info=True)
        return None
