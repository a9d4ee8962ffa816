"""The trigger that always waits equally long."""

from datetime import timedelta

from recourse.duration import seconds
from recourse.errors import PolicyError
from recourse.policy.model import HedgePolicy

__all__ = ["FixedDelay"]


class FixedDelay:
    """Waits ``delay_s``; without one, as long as the policy's ``hedge_delay_s`` says."""

    __slots__ = ("_delay_s",)

    def __init__(self, delay_s: float | timedelta | None = None) -> None:
        field = "FixedDelay.delay_s"
        self._delay_s = None if delay_s is None else seconds(field, delay_s)
        if self._delay_s is not None and self._delay_s < 0:
            raise PolicyError(field, delay_s, "seconds that are not negative")

    def delay_s(self, key: str, hedge: HedgePolicy) -> float:  # noqa: ARG002  # the shape of every trigger
        """Seconds between the last launch of this attempt and its next hedge."""
        return hedge.hedge_delay_s if self._delay_s is None else self._delay_s

    def __repr__(self) -> str:
        return "FixedDelay()" if self._delay_s is None else f"FixedDelay({self._delay_s:g})"
