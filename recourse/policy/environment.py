"""What the environment may change in every policy: three switches, and no grammar per field."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from recourse.errors import PolicyError
from recourse.policy.model import EffectivePolicy
from recourse.policy.normalize import version_of

__all__ = ["Environment"]

POLICY_FILE: Final = "RECOURSE_POLICY_FILE"
DISABLE: Final = "RECOURSE_DISABLE"
MAX_ATTEMPTS: Final = "RECOURSE_MAX_ATTEMPTS"
_NO: Final = frozenset({"", "0", "false", "no", "off"})
_YES: Final = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The switches of one process.

    Attributes:
        policy_file: ``RECOURSE_POLICY_FILE``: where policies are read from; empty when not set.
        disabled: ``RECOURSE_DISABLE=1``: every call makes one attempt, without hedges and breaker;
            timeouts stay, and it is still recorded.
        max_attempts: ``RECOURSE_MAX_ATTEMPTS``: the most attempts of any call; it raises none.
    """

    policy_file: str = ""
    disabled: bool = False
    max_attempts: int | None = None

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Environment":
        """The switches as these variables set them.

        Raises:
            PolicyError: A switch has a value that it must not have.
        """
        return cls(
            policy_file=variables.get(POLICY_FILE, ""),
            disabled=_switch(DISABLE, variables.get(DISABLE, "")),
            max_attempts=_attempts(variables.get(MAX_ATTEMPTS, "")),
        )

    def applied(self, policy: EffectivePolicy) -> EffectivePolicy:
        """The policy under these switches; the same object when they change nothing."""
        most = 1 if self.disabled else self.max_attempts
        retry, hedge, circuit = policy.retry, policy.hedge, policy.circuit
        if most is not None and retry.max_attempts > most:
            retry = dataclasses.replace(retry, max_attempts=most)
        if self.disabled and hedge.enabled:
            hedge = dataclasses.replace(hedge, enabled=False)
        if self.disabled and circuit.enabled:
            circuit = dataclasses.replace(circuit, enabled=False)
        if retry is policy.retry and hedge is policy.hedge and circuit is policy.circuit:
            return policy
        version = version_of(retry, hedge, circuit, idempotent=policy.idempotent)
        return dataclasses.replace(
            policy, retry=retry, hedge=hedge, circuit=circuit, version=version
        )


def _switch(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise PolicyError(name, text, "1 or 0")
    return word in _YES


def _attempts(text: str) -> int | None:
    word = text.strip()
    if not word:
        return None
    if not (word.isascii() and word.isdigit()) or int(word) < 1:
        raise PolicyError(MAX_ATTEMPTS, text, "a whole number from 1")
    return int(word)
