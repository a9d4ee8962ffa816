"""How long a breaker stays open."""

import random

from recourse.policy.model import CircuitPolicy

__all__ = ["Cooldown"]


class Cooldown:
    """Grows with every failed probe up to a bound, and is spread by chance. Used under the lock."""

    __slots__ = ("_drawn", "_growth", "_rng")

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._growth = 1.0
        self._drawn = 0.0

    def start(self) -> None:
        """The breaker opens: draw what the jitter will take off."""
        self._drawn = self._rng.random()

    def grow(self, policy: CircuitPolicy) -> None:
        """A probe failed: the next one is longer."""
        self._growth *= policy.cooldown_multiplier

    def reset(self) -> None:
        """The dependency is well: the next one is as short as the first."""
        self._growth = 1.0

    def length_s(self, policy: CircuitPolicy) -> float:
        """The present one under ``policy``, which may have changed since it began."""
        grown_s = min(policy.max_cooldown_s, policy.cooldown_s * self._growth)
        return grown_s * (1.0 - policy.cooldown_jitter * self._drawn)
