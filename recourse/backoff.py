"""How long to wait before the next attempt: pure functions of policy, attempt and random source."""

import random
from typing import Final, assert_never

from recourse.policy.model import Jitter, RetryPolicy

__all__ = ["backoff_s", "retry_after_wait_s"]

# Looked up once: finding a member of an enumeration costs as much as choosing a delay.
_FULL: Final = Jitter.FULL
_NONE: Final = Jitter.NONE
_EQUAL: Final = Jitter.EQUAL
_DECORRELATED: Final = Jitter.DECORRELATED
_DECORRELATED_GROWTH: Final = 3
_LONGEST_RETRY_AFTER: Final = 1.1


def backoff_s(retry: RetryPolicy, attempt: int, rng: random.Random, previous_s: float) -> float:
    """The delay chosen after an attempt, never above ``max_backoff_s``.

    Args:
        retry: Names the jitter and its numbers.
        attempt: 0-based.
        rng: Drawn from once, or not at all without jitter.
        previous_s: The delay chosen before this one; before the first, ``initial_backoff_s``.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    jitter, base_s, longest_s = retry.jitter, retry.initial_backoff_s, retry.max_backoff_s
    if jitter is _DECORRELATED:
        high_s = _DECORRELATED_GROWTH * max(base_s, previous_s)
        return min(longest_s, rng.uniform(base_s, high_s))
    try:
        grown_s = base_s * retry.backoff_multiplier**attempt
    except OverflowError:
        grown_s = longest_s
    if grown_s > longest_s:  # noqa: PLR1730  # min() costs a call
        grown_s = longest_s
    if jitter is _FULL:
        return rng.uniform(0.0, grown_s)
    if jitter is _NONE:
        return grown_s
    if jitter is _EQUAL:
        return grown_s / 2 + rng.uniform(0.0, grown_s / 2)
    assert_never(jitter)


def retry_after_wait_s(retry_after_s: float, rng: random.Random) -> float:
    """The wait for a server that asked for one: never shorter than asked, up to a tenth longer.

    The spread keeps clients that were told the same moment from coming back together.
    """
    return rng.uniform(retry_after_s, _LONGEST_RETRY_AFTER * retry_after_s)
