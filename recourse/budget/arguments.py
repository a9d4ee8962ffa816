"""Checks of what people build a budget with."""

import math

from recourse.duration import is_finite_number
from recourse.errors import PolicyError

__all__ = ["within"]


def within(path: str, value: object, low: float, high: float = math.inf) -> float:
    """The number itself, when it is finite and lies from ``low`` to ``high``.

    Raises:
        PolicyError: It does not; names the argument and the value.
    """
    if is_finite_number(value) and low <= value <= high:
        return value
    bound = f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
    raise PolicyError(path, value, f"a finite number {bound}")
