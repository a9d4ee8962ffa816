"""Policies that are written in the program."""

from collections.abc import Iterable
from typing import Final

from recourse.key import PolicyKey
from recourse.policy.model import EffectivePolicy, Policy
from recourse.provider.lookup import Lookup
from recourse.reasons import PolicySource

__all__ = ["StaticProvider"]


class StaticProvider:
    """Policies by key, and optionally one for every other key; they never change.

    Args:
        policies: At most one per key.
        default: Followed for a key that has none. Such a call sees its own key and the default's id.

    Raises:
        PolicyError: Two policies are for the same key.
    """

    __slots__ = ("_lookup",)

    immediate: Final = True
    constant: Final = True

    def __init__(self, policies: Iterable[Policy], default: Policy | None = None) -> None:
        self._lookup = Lookup(policies, default, PolicySource.STATIC)

    def get(self, key: PolicyKey) -> EffectivePolicy:
        """The key's policy, or the default.

        Raises:
            PolicyNotFoundError: The key has none and there is no default.
        """
        return self._lookup.get(key)

    def __repr__(self) -> str:
        return f"StaticProvider({self._lookup!r})"
