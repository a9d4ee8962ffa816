"""What is known of one key's policy, and for how long; no threads, no waiting."""

import random as random_module
from dataclasses import dataclass
from typing import Final

from recourse.errors import PolicyNotFoundError
from recourse.policy.model import EffectivePolicy
from recourse.provider.flight import Flight
from recourse.reasons import PolicySource

__all__ = ["Memory", "Ttls"]

# A policy becomes due for a refresh within this part of its ttl before and after the ttl's end.
_SPREAD: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ttls:
    """How long each kind of knowledge lasts, in seconds.

    Attributes:
        fresh_s: A policy is fresh, ten per cent more or less.
        negative_s: A missing policy is known to be missing.
        error_s: A source that failed is left in peace.
        lkg_s: A policy may be followed through an outage, from its fetch on.
        random: Spreads the moments of refreshing.
    """

    fresh_s: float
    negative_s: float
    error_s: float
    lkg_s: float
    random: random_module.Random


class Memory:
    """One key's policy, its absence, or the source's last failure.

    Attributes:
        flight: The fetch that is going on; ``None`` when there is none.
    """

    __slots__ = ("_due_s", "_error", "_fetched_s", "_peace_s", "_policy", "_ttls", "flight")

    def __init__(self, ttls: Ttls) -> None:
        self.flight: Flight | None = None
        self._ttls = ttls
        self._policy: EffectivePolicy | None = None
        self._fetched_s = self._due_s = 0.0
        self._error: Exception | None = None
        self._peace_s = float("-inf")

    def learn(self, result: EffectivePolicy | BaseException, now_s: float) -> None:
        """Take in how a fetch ended at ``now_s``."""
        ttls = self._ttls
        match result:
            case EffectivePolicy():
                self._policy, self._error = result, None
                self._fetched_s = now_s
                spread = 1.0 - _SPREAD + 2.0 * _SPREAD * ttls.random.random()
                self._due_s = now_s + ttls.fresh_s * spread
            case PolicyNotFoundError():
                self._policy, self._error = None, result
                self._peace_s = now_s + ttls.negative_s
            case Exception():
                self._error = result
                self._peace_s = now_s + ttls.error_s
            case _:
                return  # an interrupt says nothing of the source

    def known(self, now_s: float) -> EffectivePolicy | Exception | None:
        """A policy to follow, or an error to raise; ``None`` when a fetch has to be waited for."""
        if self._is_fresh(now_s):
            return self._policy
        is_left_in_peace = self._is_left_in_peace(now_s)
        if is_left_in_peace or (self.flight is not None and self.flight.is_slow):
            spare = self.spare(now_s)
            if spare is not None:
                return spare
        return self._error if is_left_in_peace else None

    def is_due(self, now_s: float) -> bool:
        """Whether a fresh policy should be fetched anew while it is followed."""
        is_due = self._is_fresh(now_s) and now_s >= self._due_s
        return is_due and not self._is_left_in_peace(now_s)

    def spare(self, now_s: float) -> EffectivePolicy | None:
        """The last known good policy, while it may be followed without being fresh."""
        if self._policy is None or now_s - self._fetched_s >= self._ttls.lkg_s:
            return None
        return self._policy.as_source(PolicySource.LKG)

    def _is_fresh(self, now_s: float) -> bool:
        age_s = now_s - self._fetched_s
        return self._policy is not None and age_s < self._ttls.fresh_s * (1.0 + _SPREAD)

    def _is_left_in_peace(self, now_s: float) -> bool:
        return self._error is not None and now_s < self._peace_s
