"""What a provider is."""

from typing import Protocol, runtime_checkable

from recourse.key import PolicyKey
from recourse.policy.model import EffectivePolicy, Policy

__all__ = ["AsyncProvider", "Cached", "Provider"]


class Provider(Protocol):
    """Anything that finds a key's policy.

    An attribute ``immediate = True`` promises that ``get`` never waits; the executor then calls it
    in the caller's thread. Any other provider is asked under the resolve timeout. An attribute
    ``constant = True`` promises that a key's answer never changes.
    """

    def get(self, key: PolicyKey) -> Policy | EffectivePolicy:
        """The key's policy.

        Raises:
            PolicyNotFoundError: There is none.
        """
        ...


@runtime_checkable
class AsyncProvider(Protocol):
    """A provider for coroutines."""

    async def aget(self, key: PolicyKey) -> Policy | EffectivePolicy:
        """The key's policy.

        Raises:
            PolicyNotFoundError: There is none.
        """
        ...


@runtime_checkable
class Cached(Protocol):
    """A provider that can answer from memory, without waiting."""

    def cached(self, key: PolicyKey) -> Policy | EffectivePolicy | None:
        """The policy, if it is known and fresh; ``None`` means: ask ``get``.

        Raises:
            PolicyNotFoundError: It is known that there is none.
        """
        ...
