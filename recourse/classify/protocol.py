"""What a classifier is."""

from typing import Any, Protocol, runtime_checkable

from recourse.outcome import Outcome
from recourse.policy.model import EffectivePolicy

__all__ = ["Classifier", "PolicyAware"]


class Classifier(Protocol):
    """Decides what the end of one attempt means. Asked exactly once per finished attempt.

    An attribute ``errors_only = True`` promises that every value is a plain success; the executor
    then need not ask about values.
    """

    def classify(self, value: Any, error: Exception | None) -> Outcome:
        """The outcome of an attempt that returned ``value`` or raised ``error``."""
        ...


@runtime_checkable
class PolicyAware(Protocol):
    """A classifier whose answers depend on the policy, for example on ``idempotent``."""

    def bound_to(self, policy: EffectivePolicy) -> Classifier:
        """The classifier to use under this policy."""
        ...
