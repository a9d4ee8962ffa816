"""What a detector says: signs, each with a degree, and the score that follows from them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from recourse_observe.story.findings import Cause, Value

__all__ = ["Sign", "Suspect", "ramp", "weigh"]

_NEVER: Final = 0.02  # a single sign may be wrong: nothing is ever quite impossible


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One thing that is so, or is not.

    Attributes:
        kind: Which phrase of ``narrate`` it is.
        degree: 1 speaks for the cause, 0 against it.
        weight: How much it matters.
        values: The numbers of the phrase.
    """

    kind: str
    degree: float
    weight: float = 1.0
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A cause, how well it fits, and why."""

    cause: Cause
    score: float
    signs: tuple[Sign, ...]

    @property
    def weakest(self) -> Sign:
        """What speaks against it most."""
        return min(self.signs, key=lambda sign: (sign.degree**sign.weight, sign.kind))


def ramp(value: float, low: float, high: float) -> float:
    """0 at ``low``, 1 at ``high``, straight between; ``low`` may be the greater one.

    >>> ramp(0.5, 0, 1), ramp(3, 0, 1), ramp(0.25, 1, 0)
    (0.5, 1.0, 0.75)
    """
    return min(1.0, max(0.0, (value - low) / (high - low)))


def weigh(cause: Cause, *signs: Sign) -> Suspect:
    """The suspect of these signs: every one of them is wanted."""
    score = math.prod(max(_NEVER, sign.degree) ** sign.weight for sign in signs)
    return Suspect(cause=cause, score=score, signs=signs)
