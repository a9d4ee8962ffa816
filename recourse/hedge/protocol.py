"""What a hedge trigger is."""

from typing import Protocol, runtime_checkable

from recourse.policy.model import HedgePolicy

__all__ = ["Sampling", "Trigger"]


class Trigger(Protocol):
    """Says how long to wait before the next hedge. One trigger may serve many keys and threads."""

    def delay_s(self, key: str, hedge: HedgePolicy) -> float:
        """Seconds between the last launch of this attempt and its next hedge."""
        ...


@runtime_checkable
class Sampling(Protocol):
    """A trigger that learns from latencies."""

    def observe(self, key: str, duration_s: float, *, censored: bool) -> None:
        """Take one sample: a successful run, or a loser that ran at least so long (``censored``)."""
        ...
