"""What the breakers that open at a share of bad attempts have in common."""

from collections.abc import Callable
from typing import NamedTuple

from recourse.circuit.window import CountWindow, TimeWindow
from recourse.outcome import Health
from recourse.policy.model import CircuitPolicy
from recourse.reasons import CircuitCause

__all__ = ["RateRule", "RateTally"]


class RateRule(NamedTuple):
    """What one rate kind looks at.

    Attributes:
        cause: Why it opens.
        counted: What it calls the bad attempts.
        ratio: The share, included, at which it opens.
        is_bad: Whether a result is one of them.
    """

    cause: CircuitCause
    counted: str
    ratio: Callable[[CircuitPolicy], float]
    is_bad: Callable[[CircuitPolicy, Health, float], bool]


class RateTally:
    """Counts bad attempts among all of a window; opens at a share of them.

    The share is not looked at while the window holds fewer than ``min_calls`` attempts, or fewer
    than a count window can hold. A window whose kind or size changes starts empty.
    """

    __slots__ = ("_bad", "_calls", "_policy", "_rule", "_window", "quiet")

    def __init__(self, policy: CircuitPolicy, rule: RateRule) -> None:
        self._rule = rule
        self._policy = policy
        self._window = _window(policy)
        self._bad = self._calls = 0
        self.quiet: bool = False  # for good: every result moves the share

    @property
    def cause(self) -> CircuitCause:
        """Why a breaker of this kind opens."""
        return self._rule.cause

    def is_bad(self, health: Health, duration_s: float) -> bool:
        """Whether the result is one that the rule counts."""
        return self._rule.is_bad(self._policy, health, duration_s)

    def add(self, health: Health, duration_s: float, at_s: float) -> bool:
        """Count one result; whether the share is reached."""
        policy = self._policy
        bad, calls = self._window.add(at_s, bad=self.is_bad(health, duration_s))
        self._bad, self._calls = bad, calls
        believed = calls >= min(policy.min_calls, policy.window_calls or policy.min_calls)
        return believed and bad / calls >= self._rule.ratio(policy)

    def counters(self) -> dict[str, float]:
        """The bad and all attempts in the window when the last one was counted."""
        return {self._rule.counted: self._bad, "calls": self._calls}

    def clear(self) -> None:
        """Start counting anew."""
        self._window.clear()
        self._bad = self._calls = 0

    def apply(self, policy: CircuitPolicy) -> None:
        """Follow a changed policy; what was counted stays unless the window changes."""
        before, self._policy = self._policy, policy
        if (before.window_calls, before.window_s) != (policy.window_calls, policy.window_s):
            self._window = _window(policy)
            self._bad = self._calls = 0


def _window(policy: CircuitPolicy) -> CountWindow | TimeWindow:
    if policy.window_calls is None:
        return TimeWindow(policy.window_s)
    return CountWindow(policy.window_calls)
