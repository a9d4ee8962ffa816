"""What normalisation changed of policies, found out once per policy."""

from typing import Final

from recourse.policy.model import EffectivePolicy

__all__ = ["Clamped"]

_MOST: Final = 1000


class Clamped:
    """The fields that normalisation changed, of policies that call after call follows."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[EffectivePolicy, tuple[str, ...]]] = {}

    def of(self, policy: EffectivePolicy | None) -> tuple[str, ...]:
        """Paths of the fields; empty for most policies, and for none."""
        if policy is None:
            return ()
        known = self._known.get(policy.id)
        if known is None or known[0] is not policy:  # another version, maybe
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[policy.id] = (policy, policy.normalization.clamped)
        return known[1]
