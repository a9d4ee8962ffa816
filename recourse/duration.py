"""Durations: float seconds inside, ``timedelta`` and texts such as ``"250ms"`` at the border."""

import math
import re
from datetime import timedelta
from typing import Final, TypeGuard

from recourse.errors import PolicyError

__all__ = ["is_finite_number", "parse_duration_s", "seconds"]

_UNITS_S: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
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
    if match is None:
        raise PolicyError(field, text, "a number with a unit, for example '250ms', '1.5s' or '2m'")
    return float(match[1]) * _UNITS_S[match[2]]
