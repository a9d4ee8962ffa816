"""What brownouts and retry storms have in common, and what tells them apart."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

from recourse_observe.queries.rows import PolicyRow
from recourse_observe.story.detectors.signs import ramp
from recourse_observe.story.phases import share
from recourse_observe.story.picture import Picture

__all__ = ["calmed_by", "evenness", "hedges_calmed_by", "storminess"]

_EVEN: Final = 12.0  # a Fano factor that jitter reaches as well
_NEAR_END_US: Final = 45_000_000
_LEAST_CALM: Final = 0.35


def storminess(picture: Picture) -> float:
    """How much it looks as if our own attempts kept the dependency down."""
    during = picture.during
    most = picture.policy.max_attempts if picture.policy is not None else 0
    tried = 1 + during.retries_per_call  # hedges are another matter
    near = share(tried, most) if most else ramp(tried, 1.5, 3.0)
    return (
        ramp(during.failed_share, 0.5, 0.8)
        * ramp(during.retry_success, 0.3, 0.1)
        * ramp(tried, 1.6, 2.6)
        * ramp(near, 0.35, 0.6)
        * ramp(picture.laboured_share, 0.4, 0.8)
        * ramp(picture.minutes, 0.4, 1.0)
    )


def evenness(picture: Picture, *, uneven: float) -> float:
    """1 where retries came evenly, 0 where their Fano factor was ``uneven`` for want of jitter."""
    jitter = picture.policy.jitter if picture.policy is not None else "unknown"
    return ramp(picture.waves(during=True), uneven, _EVEN) if jitter == "none" else 1.0


def calmed_by(picture: Picture) -> float:
    """How well the end follows from less load: fewer attempts allowed, or fewer calls made."""
    if picture.ongoing:
        return 0.5
    if _changed_at_the_end(picture, _allows_less):
        return 1.0
    return max(_LEAST_CALM, _fewer_calls(picture))


def hedges_calmed_by(picture: Picture) -> float:
    """How well the end follows from fewer hedges: what feeds itself does not end by itself."""
    if picture.ongoing:
        return 0.7
    if _changed_at_the_end(picture, _hedges_less):
        return 1.0
    return max(_LEAST_CALM, _fewer_calls(picture))


def _fewer_calls(picture: Picture) -> float:
    """How far the calls had fallen shortly before the end."""
    length = (picture.end_us - picture.onset_us) / 1e6
    late = picture.load(length - 25, length - 5)
    early = picture.load(0.2 * length, 0.8 * length)
    return ramp(share(late, early), 0.75, 0.45) if early else 0.0


def _changed_at_the_end(picture: Picture, test: Callable[[PolicyRow, PolicyRow], bool]) -> bool:
    """Whether a policy that passes the test was applied shortly before the end."""
    rows = [row for row in picture.policies if row.event == "applied"]
    for earlier, later in pairwise(rows):
        near = picture.end_us - _NEAR_END_US <= later.applied_unix_us <= picture.end_us
        if near and test(earlier, later):
            return True
    return False


def _allows_less(earlier: PolicyRow, later: PolicyRow) -> bool:
    return (
        later.max_attempts < earlier.max_attempts
        or (later.budget_name is not None and earlier.budget_name is None)
        or (later.circuit_enabled and not earlier.circuit_enabled)
    )


def _hedges_less(earlier: PolicyRow, later: PolicyRow) -> bool:
    return earlier.hedge_enabled and (
        not later.hedge_enabled
        or (later.hedge_delay_us or 0) > (earlier.hedge_delay_us or 0)
        or (later.hedge_budget_name is not None and earlier.hedge_budget_name is None)
    )
