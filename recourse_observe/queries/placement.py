"""Whether attempts fail alike wherever they go: by peer, process, region, service and method.

Equal shares of attempts prove nothing: two of four servers may fail everything and get no more than
their share of what is tried. So it is the failing share of each that is compared, and nothing is said
where the failed attempts have no name of a place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["LIMIT", "Place", "Placement", "Verdict", "placements"]

LIMIT: Final = 200
"""So many values of each dimension are looked at."""
_LEAST_ATTEMPTS: Final = 30
_NAMED_LEAST: Final = 0.9
_EVEN_BELOW: Final = 0.1
_UNEVEN_FROM: Final = 0.3


class Verdict(StrEnum):
    """What the failing shares of the values of a dimension say."""

    EVEN = "even"
    UNEVEN = "uneven"
    OPEN = "open"
    UNNAMED = "unnamed"
    NOTHING_FAILED = "nothing_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One value of a dimension, and how many attempts failed there; ``None`` is not recorded."""

    entry: str | None
    attempts: int
    failed: int

    @property
    def failing(self) -> float:
        """Failed attempts, of one."""
        return self.failed / self.attempts if self.attempts else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The values of one dimension of which enough attempts are known to judge them.

    Attributes:
        places: The one that fails most first.
        failed: Failed attempts, of which ``named`` have a value.
    """

    dimension: str
    places: tuple[Place, ...]
    failed: int
    named: int

    @property
    def apart(self) -> float:
        """By how much the failing shares differ at most."""
        return self.places[0].failing - self.places[-1].failing if self.places else 0.0

    @property
    def verdict(self) -> Verdict:
        """Whether this is a matter of place."""
        if not self.failed:
            return Verdict.NOTHING_FAILED
        if self.named < _NAMED_LEAST * self.failed:
            return Verdict.UNNAMED
        if len(self.places) < 2 or _EVEN_BELOW <= self.apart < _UNEVEN_FROM:  # noqa: PLR2004  # one is alike to itself
            return Verdict.OPEN
        return Verdict.EVEN if self.apart < _EVEN_BELOW else Verdict.UNEVEN


def placements(archive: "Archive", scope: "Scope") -> Mapping[str, Placement]:
    """The dimensions of place of a scope, by name; one query."""
    rows = archive.told("placement", scope, limit=LIMIT).records
    grouped = groupby(rows, key=lambda row: row["dimension"])
    return {
        name: _placement(name, [Place(**_without_dimension(row)) for row in found])
        for name, found in grouped
    }


def _without_dimension(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "dimension"}


def _placement(dimension: str, places: Sequence[Place]) -> Placement:
    named = [place for place in places if place.entry is not None]
    judged = [place for place in named if place.attempts >= _LEAST_ATTEMPTS]
    return Placement(
        dimension=dimension,
        places=tuple(sorted(judged, key=lambda one: (-one.failing, one.entry or ""))),
        failed=_failed(places),
        named=_failed(named),
    )


def _failed(places: Iterable[Place]) -> int:
    return sum(place.failed for place in places)
