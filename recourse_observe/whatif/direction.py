"""Whether a candidate is better: told as far as the worlds that come near the record agree."""

from collections.abc import Sequence
from typing import Final

from recourse_observe.whatif.answer import Direction, Sense

__all__ = ["direction_of"]

# A smaller change is none: of all calls a part, and more than chance.
_NOTICED: Final = (0.01, 10.0)
# The part of the weight of all worlds that has to say the same: that nothing changes is soon in doubt.
_AGREE: Final = {Sense.FEWER: 0.7, Sense.MORE: 0.7, Sense.AS_MANY: 0.9}


def direction_of(
    recorded: float, calls: int, middle: float, made: Sequence[float], weights: Sequence[float]
) -> Direction:
    """What worlds say of a number of calls.

    Args:
        recorded: How many were recorded.
        calls: Of how many.
        middle: How many there most likely are under the candidate.
        made: How many each world makes of it.
        weights: How much each world counts.
    """
    part, least = _NOTICED
    noticed = max(least, part * calls)
    senses = [_sense(one - recorded, noticed) for one in made]
    sense = _sense(middle - recorded, noticed)
    agree = sum(weight for one, weight in zip(senses, weights, strict=True) if one is sense)
    return Direction(
        sense=sense if agree >= _AGREE[sense] * sum(weights) else Sense.NOT_KNOWN,
        worlds=len(senses),
        fewer=senses.count(Sense.FEWER),
        more=senses.count(Sense.MORE),
        as_many=senses.count(Sense.AS_MANY),
    )


def _sense(change: float, noticed: float) -> Sense:
    if abs(change) < noticed:
        return Sense.AS_MANY
    return Sense.FEWER if change < 0 else Sense.MORE
