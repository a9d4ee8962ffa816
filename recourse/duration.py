"""Durations: float seconds inside, ``timedelta`` and texts such as ``"250ms"`` at the border."""

import math
import re
from datetime import timedelta
from typing import Final, TypeGuard

from recourse.errors import PolicyError

__all__ = ["is_finite_number", "parse_duration_s", "seconds"]

# Dividing is exact where multiplying by 0.001 is not: "10us" is 1e-05, not 9.999999999999999e-06.
_UNITS: Final = {"us": (1, 1_000_000), "ms": (1, 1000), "s": (1, 1), "m": (60, 1), "h": (3600, 1)}
_TEXT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|h)", re.ASCII)
_ALLOWED: Final = "a finite number of seconds or a timedelta"


def seconds(field: str, value: object) -> float:
    """The duration in seconds.

    >>> seconds("timeout_s", timedelta(milliseconds=250))
    0.25

    Raises:
        PolicyError: ``value`` is a bool, a text, NaN, infinite, or no duration at all.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not is_finite_number(value):
        raise PolicyError(field, value, _ALLOWED)
    return float(value)


def is_finite_number(value: object) -> TypeGuard[int | float]:
    """Whether ``value`` can be a ``float`` that one may calculate with; a bool is no number here."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer greater than any float
        return False


def parse_duration_s(field: str, text: str) -> float:
    """Read a duration with its unit, as policy files write it.

    >>> parse_duration_s("timeout", "250ms"), parse_duration_s("timeout", "1.5s")
    (0.25, 1.5)

    Raises:
        PolicyError: The text is no number with one of the units us, ms, s, m, h.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None or not math.isfinite(float(match[1])):
        allowed = "a number of 0 or more with a unit, for example '250ms', '1.5s' or '2m'"
        raise PolicyError(field, text, allowed)
    times, per = _UNITS[match[2]]
    return float(match[1]) * times / per
