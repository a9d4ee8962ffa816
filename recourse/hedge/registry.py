"""Triggers by name, asked in a way that never harms a call."""

import logging
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from recourse.duration import is_finite_number
from recourse.errors import PolicyError
from recourse.hedge.fixed import FixedDelay
from recourse.hedge.percentile import LatencyPercentile
from recourse.hedge.protocol import Sampling, Trigger
from recourse.policy.model import HedgePolicy

__all__ = ["MissingTrigger", "Triggers"]

_LOG: Final = logging.getLogger("recourse")
_PERCENTILES: Final = ("p50", "p90", "p95", "p99")


class MissingTrigger(StrEnum):
    """What to do when a policy names a trigger that is not there, or that is broken."""

    FALLBACK = "fallback"
    DENY = "deny"


class Triggers:
    """An executor's triggers: ``fixed_delay``, ``p50``, ``p90``, ``p95``, ``p99`` and the user's.

    Args:
        triggers: Name to trigger; wins over ours of the same name.
        missing: ``fallback`` to the policy's ``hedge_delay_s``, or ``deny`` hedging.

    Raises:
        PolicyError: Something in ``triggers`` is no trigger, or ``missing`` is another word.
    """

    __slots__ = ("_missing", "_triggers")

    def __init__(
        self,
        triggers: Mapping[str, Trigger] | None = None,
        missing: MissingTrigger | str = MissingTrigger.FALLBACK,
    ) -> None:
        if missing not in tuple(MissingTrigger):
            field = "missing_trigger"
            raise PolicyError(field, missing, "one of " + ", ".join(MissingTrigger))
        self._missing = MissingTrigger(missing)
        self._triggers: dict[str, Trigger] = {"fixed_delay": FixedDelay()}
        self._triggers |= {name: LatencyPercentile(name) for name in _PERCENTILES}
        for name, trigger in (triggers or {}).items():
            if isinstance(trigger, type) or not callable(getattr(trigger, "delay_s", None)):
                field = f"triggers.{name}"
                raise PolicyError(field, trigger, "an object with delay_s")
            self._triggers[name] = trigger

    def delay_s(self, key: str, hedge: HedgePolicy) -> float | None:
        """Seconds between the last launch of this attempt and its next hedge.

        Returns:
            ``None`` when the attempt must not be hedged, because its trigger is missing or broken.
        """
        trigger = self._triggers.get(hedge.trigger)
        if trigger is not None:
            try:
                delay_s = trigger.delay_s(key, hedge)
            except Exception:  # noqa: BLE001  # a broken trigger must not become the call's error
                _LOG.debug("trigger %r raised", hedge.trigger, exc_info=True)
            else:
                if is_finite_number(delay_s) and delay_s >= 0:
                    return delay_s
        return hedge.hedge_delay_s if self._missing is MissingTrigger.FALLBACK else None

    def constant_s(self, hedge: HedgePolicy) -> float | None:
        """The delay, when it is always the same and nothing is learned; ``None`` when not."""
        trigger = self._triggers.get(hedge.trigger)
        return trigger.delay_s("", hedge) if type(trigger) is FixedDelay else None

    def observe(self, key: str, hedge: HedgePolicy, duration_s: float, *, censored: bool) -> None:
        """Give the policy's trigger one sample: a successful run, or a loser (``censored``)."""
        trigger = self._triggers.get(hedge.trigger)
        if isinstance(trigger, Sampling):
            try:
                trigger.observe(key, duration_s, censored=censored)
            except Exception:  # noqa: BLE001  # as above
                _LOG.debug("trigger %r raised", hedge.trigger, exc_info=True)
