"""Dimensions whose values hardly differ, as one line each: what is no problem is said once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, TypeAlias

from recourse_observe.queries.contrast import NOTABLE, Contrast
from recourse_observe.queries.placement import Placement, Verdict
from recourse_observe.text import count, percent, plural

__all__ = ["Alike", "Fold", "Row", "folded", "folds"]

_FEW: Final = 3
"""So many values that hardly differ are listed."""
_NOTHING: Final = 0.0005
"""What is below is written as 0.0 points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A dimension of which no value differs by ten points.

    Attributes:
        values: How many of its values were compared, of ``distinct``.
        most: The greatest difference of a share, of one.
        placement: How attempts failed by it; ``None`` when it is no dimension of place.
    """

    dimension: str
    values: int
    distinct: int
    most: float
    placement: Placement | None = None

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The one dimension, as of any folded line."""
        return (self.dimension,)

    @property
    def name(self) -> str:
        """The dimension, with how many values it has."""
        if self.distinct > self.values:
            return f"{self.dimension} ({count(self.values)} of {count(self.distinct)} values)"
        return f"{self.dimension} ({plural(self.values, 'value')})"

    @property
    def told(self) -> str:
        """How little it differs, and whether that clears it."""
        said = f"max |Δ| {100 * self.most:.1f}"
        if self.placement is None:
            return said
        match self.placement.verdict:
            case Verdict.EVEN:
                return f"{said} → not {_a(self.dimension)} problem"
            case Verdict.UNEVEN:
                worst, best = self.placement.places[0], self.placement.places[-1]
                return (
                    f"{said}, but {worst.entry} fails {percent(worst.failing)}, "
                    f"{best.entry} {percent(best.failing)}"
                )
            case Verdict.UNNAMED:
                return f"{said}, but most failed attempts name none"
            case Verdict.OPEN | Verdict.NOTHING_FAILED:
                return said

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "dimension": self.dimension,
            "values": self.values,
            "of_values": self.distinct,
            "max_difference": round(self.most, 6),
            "verdict": None if self.placement is None else self.placement.verdict.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Dimensions that have one and the same value on both sides."""

    dimensions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The dimensions."""
        return ", ".join(self.dimensions)

    @property
    def told(self) -> str:
        """What there is to say of them."""
        return "one value, the same on both sides"


Row: TypeAlias = Contrast | Fold | Alike


def folded(
    contrasts: Sequence[Contrast], hidden: Sequence[Fold], *, unfolded: frozenset[str] = frozenset()
) -> tuple[Row, ...]:
    """The values that differ and those of small dimensions, then a line for each of the others.

    Args:
        contrasts: The greatest difference first.
        hidden: The dimensions that hardly differ.
        unfolded: Those of them of which every value is wanted.
    """
    lines = [one for one in hidden if one.dimension not in unfolded]
    names = {one.dimension for one in lines}
    shown = [one for one in contrasts if one.dimension not in names]
    alike = tuple(one.dimension for one in lines if one.values == 1)
    several = [one for one in lines if one.values > 1]
    return (*shown, *several, *((Alike(dimensions=alike),) if alike else ()))


def folds(
    contrasts: Sequence[Contrast], distinct: Mapping[str, int], places: Mapping[str, Placement]
) -> tuple[Fold, ...]:
    """The dimensions of which hardly any value differs, that which differs most first.

    Args:
        contrasts: Every value of every dimension.
        distinct: How many values each dimension has.
        places: How attempts fail, by the dimensions of place.
    """
    found = _folds(contrasts, distinct, places)
    return tuple(sorted(found, key=lambda one: (-one.most, one.dimension)))


def _folds(
    contrasts: Sequence[Contrast], distinct: Mapping[str, int], places: Mapping[str, Placement]
) -> Iterator[Fold]:
    ordered = sorted(contrasts, key=lambda one: one.dimension)
    for dimension, found in groupby(ordered, key=lambda one: one.dimension):
        values = list(found)
        most = max(abs(one.difference) for one in values)
        if most < NOTABLE and (len(values) > _FEW or most < _NOTHING):
            yield Fold(
                dimension=dimension,
                values=len(values),
                distinct=max(len(values), distinct.get(dimension, 0)),
                most=most,
                placement=places.get(dimension),
            )


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1] in "aeiou" else f"a {noun}"
