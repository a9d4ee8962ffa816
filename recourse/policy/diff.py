"""What changed between two policies, value by value."""

from dataclasses import dataclass
from typing import Any

from recourse.policy.model import EffectivePolicy
from recourse.policy.values import values

__all__ = ["Difference", "diff"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs.

    Attributes:
        path: Dotted path, for example ``retry.max_attempts``.
        before: The value in the first policy.
        after: The value in the second policy.
    """

    path: str
    before: Any  # whatever the field holds
    after: Any


def diff(before: EffectivePolicy, after: EffectivePolicy) -> tuple[Difference, ...]:
    """Every value that differs, in the order of the fields; key, source and version are not values."""
    old, new = values(before), values(after)
    return tuple(
        Difference(path, value, new[path]) for path, value in old.items() if value != new[path]
    )
