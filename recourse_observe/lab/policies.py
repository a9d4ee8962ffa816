"""Where a process of the laboratory finds its policies: its own table, or a control plane's cache."""

import random
from typing import Final

from recourse import EffectivePolicy, Policy, PolicyKey
from recourse.errors import PolicyNotFoundError
from recourse.provider.memory import Memory, Ttls
from recourse_observe.lab.faults import ControlPlaneOutage
from recourse_observe.lab.loop import LabLoop
from recourse_observe.lab.spec import ControlPlane, KeySpec

__all__ = ["Policies"]

_REMOTE: Final = "remote"


class ControlPlaneError(ConnectionError):
    """The control plane does not answer."""


class Policies:
    """The policies of one process, as an executor's provider.

    Remote ones are remembered as :class:`recourse.RemoteProvider` remembers them; a fetch takes no time.

    Args:
        keys: The keys of the service.
        control: How long remote policies are remembered.
        outages: When the control plane is away.
        loop: Time.
        rng: Spreads the moments of fetching.
    """

    immediate: Final = True

    def __init__(
        self,
        keys: tuple[KeySpec, ...],
        control: ControlPlane,
        outages: tuple[ControlPlaneOutage, ...],
        loop: LabLoop,
        rng: random.Random,
    ) -> None:
        self.constant = False
        self._loop = loop
        self._outages = outages
        self._remote = {spec.key for spec in keys if spec.remote}
        self._known: dict[str, EffectivePolicy] = {}
        self._spare: dict[str, EffectivePolicy] = {}
        ttls = Ttls(
            fresh_s=control.ttl_s,
            negative_s=control.ttl_s,
            error_s=control.error_ttl_s,
            lkg_s=control.lkg_s,
            random=rng,
        )
        for spec in keys:
            if spec.policy is not None:
                self.publish(spec.policy)
        self._memories = {key: Memory(ttls) for key in sorted(self._remote & self._known.keys())}
        for key, memory in self._memories.items():
            # A process has lived for a while: its caches do not all end in the same moment.
            memory.learn(self._known[key], loop.now_s - rng.random() * control.ttl_s)

    def publish(self, policy: Policy) -> None:
        """Have calls follow a policy: the next one, or the next that fetches it."""
        key = str(policy.key)
        self._known[key] = policy.normalize(_REMOTE if key in self._remote else "static")

    def get(self, key: PolicyKey) -> EffectivePolicy:
        """The policy of a key.

        Raises:
            PolicyNotFoundError: It has none.
            ControlPlaneError: It cannot be had.
        """
        text = key.text
        memory = self._memories.get(text)
        if memory is not None:
            return self._remembered(text, memory)
        known = self._known.get(text)
        if known is None:
            raise PolicyNotFoundError(text)
        return known

    def _remembered(self, key: str, memory: Memory) -> EffectivePolicy:
        now_s = self._loop.now_s
        found = memory.known(now_s)
        if found is None or memory.is_due(now_s):
            memory.learn(self._fetched(key, now_s), now_s)
            found = memory.known(now_s)
        if isinstance(found, EffectivePolicy):
            return self._same(key, found)
        raise found or PolicyNotFoundError(key)

    def _fetched(self, key: str, now_s: float) -> EffectivePolicy | Exception:
        if any(outage.active(now_s) for outage in self._outages):
            message = "the control plane does not answer"
            return ControlPlaneError(message)
        return self._known[key]

    def _same(self, key: str, found: EffectivePolicy) -> EffectivePolicy:
        """One object per policy: the executor and the archive look calls up by it."""
        last = self._spare.get(key)
        if last is None or (last.version, last.source) != (found.version, found.source):
            last = self._spare[key] = found
        return last
