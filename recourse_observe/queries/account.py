"""A comparison with all that is said of it: what the screen shows, and what the command prints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recourse_observe.queries.folds import Fold, folds
from recourse_observe.queries.measured import Measured
from recourse_observe.queries.placement import Placement, placements
from recourse_observe.queries.reading import Reading, read
from recourse_observe.queries.spread import spread

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.compare import Comparison

__all__ = ["Account", "account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A comparison, how the calls of both sides spread, and how the attempts of B failed by place."""

    found: "Comparison"
    sides: tuple[Measured, Measured]
    places: Mapping[str, Placement] = field(default_factory=dict)

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The dimensions that hardly differ."""
        return folds(self.found.contrasts, self.found.distinct, self.places)

    def reading(self, names: tuple[str, str] = ("A", "B")) -> Reading:
        """What it says, in sentences; see :func:`read`."""
        return read(self.found, self.sides, self.places, names=names)


def account(found: "Comparison", a: "Archive", b: "Archive") -> Account:
    """All that is said of a comparison; three queries.

    Args:
        found: What was compared.
        a: The archive of A.
        b: That of B, which may be the same.
    """
    return Account(
        found=found,
        sides=(
            Measured(row=found.measures_a, spread=spread(a, found.a)),
            Measured(row=found.measures_b, spread=spread(b, found.b)),
        ),
        places=placements(b, found.b),
    )
