"""The trigger that waits for as long as most runs take."""

import bisect
from collections import deque
from typing import Final

from recourse.duration import is_finite_number
from recourse.errors import PolicyError
from recourse.locks import Mutex
from recourse.policy.model import HedgePolicy

__all__ = ["LatencyPercentile"]

_SAMPLES: Final = 256
_PATIENCE: Final = 16
_ROUNDING: Final = 1e-9
_HUNDRED: Final = 100


class LatencyPercentile:
    """Hedges a run that takes longer than a percentile of the key's recent runs.

    A loser counts as a run that would have taken longer than it was let: otherwise the slow runs,
    which are the ones that lose, would vanish from the samples and the delay would sink with them.

    Args:
        percentile: ``"p95"``, ``"p99.9"`` or a number between 0 and 100.
        max_keys: Keys remembered; the one that was sampled longest ago is forgotten first.

    Raises:
        PolicyError: ``percentile`` or ``max_keys`` is out of bounds.
    """

    __slots__ = ("_latencies", "_max_keys", "_mutex", "_share", "percentile")

    def __init__(self, percentile: str | float = "p95", *, max_keys: int = 1000) -> None:
        self.percentile: float = _parsed(percentile)
        if not is_finite_number(max_keys) or max_keys < 1:
            field = "LatencyPercentile.max_keys"
            raise PolicyError(field, max_keys, "a whole number of at least 1")
        self._share = self.percentile / _HUNDRED
        self._max_keys = max_keys
        self._mutex = Mutex()
        self._latencies: dict[str, _Latencies] = {}

    def delay_s(self, key: str, hedge: HedgePolicy) -> float:
        """The percentile, at least ``min_delay_s``; ``hedge_delay_s`` below ``min_samples``."""
        with self._mutex.lock:
            latencies = self._latencies.get(key)
            if latencies is None or len(latencies) < hedge.min_samples:
                return hedge.hedge_delay_s
            return max(hedge.min_delay_s, latencies.percentile_s())

    def observe(self, key: str, duration_s: float, *, censored: bool) -> None:
        """Take one sample: a successful run, or a loser that ran at least so long (``censored``)."""
        with self._mutex.lock:
            # Put back at the end, so that the first key is the one that was sampled longest ago.
            latencies = self._latencies.pop(key, None) or _Latencies(self._share)
            self._latencies[key] = latencies
            latencies.add(max(0.0, duration_s), censored=censored)
            if len(self._latencies) > self._max_keys:
                del self._latencies[next(iter(self._latencies))]

    def __repr__(self) -> str:
        return f"LatencyPercentile('p{self.percentile:g}', keys={len(self._latencies)})"


class _Latencies:
    """The last samples of one key, in order of arrival and of length, and a percentile of them."""

    __slots__ = ("_arrived", "_known_s", "_share", "_sorted", "_unheeded")

    def __init__(self, share: float) -> None:
        self._share = share
        self._arrived: deque[tuple[float, bool]] = deque()
        self._sorted: list[tuple[float, bool]] = []
        self._known_s = 0.0
        self._unheeded = 0

    def __len__(self) -> int:
        return len(self._arrived)

    def add(self, duration_s: float, *, censored: bool) -> None:
        if len(self._arrived) == _SAMPLES:
            oldest = self._arrived.popleft()
            del self._sorted[bisect.bisect_left(self._sorted, oldest)]
        self._arrived.append((duration_s, censored))
        bisect.insort(self._sorted, (duration_s, censored))
        self._unheeded += 1

    def percentile_s(self) -> float:
        # A sample out of many moves the estimate little, and estimating costs as much as a hedge.
        if self._unheeded * _PATIENCE >= len(self._sorted):
            self._known_s = self._estimate_s()
            self._unheeded = 0
        return self._known_s

    def _estimate_s(self) -> float:
        """The duration that the share of runs does not exceed, after Kaplan and Meier.

        Where too many losers hide it, the longest sample: the least that it can be.
        """
        at_risk = len(self._sorted)
        outlasting = 1.0
        for duration_s, censored in self._sorted:
            if not censored:
                outlasting -= outlasting / at_risk
                if outlasting <= 1 - self._share + _ROUNDING:
                    return duration_s
            at_risk -= 1
        return self._sorted[-1][0]


def _parsed(percentile: str | float) -> float:
    text = percentile[1:] if isinstance(percentile, str) and percentile[:1] == "p" else percentile
    try:
        number = float(text)
    except (TypeError, ValueError):
        number = 0.0
    if 0 < number < _HUNDRED:
        return number
    field = "LatencyPercentile.percentile"
    raise PolicyError(field, percentile, "a number between 0 and 100, for example 'p95'")
