"""Checks of what people build a budget with."""

from typing import Final

from recourse.duration import is_finite_number
from recourse.errors import PolicyError

__all__ = ["within"]

# As good as no bound, and budgets still calculate with it in whole numbers.
_MOST: Final = 1e12


def within(path: str, value: object, low: float, high: float = _MOST) -> float:
    """The number itself, when it is finite and lies from ``low`` to ``high``.

    Raises:
        PolicyError: It does not; names the argument and the value.
    """
    if is_finite_number(value) and low <= value <= high:
        return value
    is_far_off = high == _MOST and not (is_finite_number(value) and value > high)
    bound = f"of at least {low:g}" if is_far_off else f"from {low:g} to {high:g}"
    raise PolicyError(path, value, f"a finite number {bound}")
