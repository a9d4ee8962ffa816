"""How two scopes differ: each value of each dimension with its share in both, the greatest difference first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from recourse_observe.queries.rows import DimensionRow

__all__ = ["NOTABLE", "Contrast", "contrast"]

NOTABLE: Final = 0.1
"""From so much of all attempts on a difference is worth a mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One value in two scopes A and B, and in what else went on during B.

    Attributes:
        entry: One value of the dimension; ``None`` where nothing was recorded.
        share_a: Of the attempts of A, those that have it; of one.
        share_others: Of the attempts of other keys during B; ``None`` when there were none.
    """

    dimension: str
    entry: str | None
    share_a: float
    share_b: float
    share_others: float | None

    @property
    def difference(self) -> float:
        """What B has more."""
        return self.share_b - self.share_a

    @property
    def lift(self) -> float | None:
        """How many times more frequent it is in B; ``None`` when A had none."""
        return self.share_b / self.share_a if self.share_a else None

    @property
    def is_in_time_only(self) -> bool:
        """It changed with time, and for other keys alike: no mark of this key's trouble."""
        if self.share_others is None or abs(self.difference) < NOTABLE:
            return False
        return abs(self.share_b - self.share_others) < NOTABLE


def contrast(
    a: Sequence[DimensionRow], b: Sequence[DimensionRow], everything_in_b: Sequence[DimensionRow]
) -> tuple[Contrast, ...]:
    """The values of two scopes, side by side.

    A dimension of which neither scope recorded anything is left out.

    Args:
        a: What B is compared with.
        b: The scope in question, of one key.
        everything_in_b: The same stretch of time, of all keys; the others are what is left.
    """
    shares_a, shares_b = _shares(a), _shares(b)
    others = _shares(_without(everything_in_b, b))
    known = {row.dimension for row in (*a, *b) if row.entry is not None}
    found = [
        Contrast(
            dimension=dimension,
            entry=entry,
            share_a=shares_a.get((dimension, entry), 0.0),
            share_b=shares_b.get((dimension, entry), 0.0),
            share_others=others.get((dimension, entry), 0.0) if others else None,
        )
        for dimension, entry in dict.fromkeys((*shares_b, *shares_a))
        if dimension in known
    ]
    return tuple(sorted(found, key=lambda c: (-abs(c.difference), c.dimension, c.entry or "")))


def _shares(rows: Iterable[DimensionRow]) -> dict[tuple[str, str | None], float]:
    return {
        (row.dimension, row.entry): row.attempts / row.of_attempts
        for row in rows
        if row.of_attempts
    }


def _without(whole: Sequence[DimensionRow], part: Sequence[DimensionRow]) -> list[DimensionRow]:
    attempts = {(row.dimension, row.entry): row.attempts for row in part}
    totals = {row.dimension: row.of_attempts for row in part}
    return [
        DimensionRow(
            dimension=row.dimension,
            entry=row.entry,
            attempts=row.attempts - attempts.get((row.dimension, row.entry), 0),
            of_attempts=row.of_attempts - totals.get(row.dimension, 0),
            distinct_entries=row.distinct_entries,
        )
        for row in whole
    ]
