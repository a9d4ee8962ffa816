"""Normalised policies by key: what the providers that know all their policies look into."""

import dataclasses
from collections.abc import Iterable

from recourse.errors import PolicyError, PolicyNotFoundError
from recourse.key import PolicyKey
from recourse.policy.model import EffectivePolicy, Policy
from recourse.reasons import PolicySource

__all__ = ["Lookup"]


class Lookup:
    """Policies by key, and optionally one for every other key.

    Args:
        policies: At most one per key.
        default: Followed for a key that has none. Such a call sees its own key and the default's id.
        source: Where the policies are said to come from.

    Raises:
        PolicyError: Two policies are for the same key, or one is no policy.
    """

    __slots__ = ("_default", "_policies")

    def __init__(
        self, policies: Iterable[Policy], default: Policy | None, source: PolicySource
    ) -> None:
        self._policies: dict[str, EffectivePolicy] = {}
        for policy in map(_policy, _listed(policies)):
            key = str(policy.key)
            if key in self._policies:
                field = "policies"
                raise PolicyError(field, key, "one policy per key")
            self._policies[key] = policy.normalize(source)
        self._default = (
            None if default is None else _policy(default).normalize(PolicySource.DEFAULT)
        )

    def get(self, key: PolicyKey) -> EffectivePolicy:
        """The key's policy, or the default.

        Raises:
            PolicyNotFoundError: The key has none and there is no default.
        """
        found = self._policies.get(key.text)
        if found is not None:
            return found
        if self._default is None:
            raise PolicyNotFoundError(key.text)
        return dataclasses.replace(self._default, key=key.text)

    def __repr__(self) -> str:
        keys = ", ".join(sorted(self._policies))
        return f"{keys}; default={self._default is not None}"


def _listed(given: Iterable[Policy]) -> Iterable[Policy]:
    if not hasattr(given, "__iter__"):
        field = "policies"
        raise PolicyError(field, given, "a list of policies")
    return given


def _policy(given: object) -> Policy:
    if not isinstance(given, Policy):
        field = "policies"
        raise PolicyError(field, given, "values of Policy")
    return given
