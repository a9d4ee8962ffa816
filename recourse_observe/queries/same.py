"""Calls of the same shape as one: what happened in them is the same, attempt by attempt."""

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from recourse_observe.queries.exactly import exactly

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import WholeCall
    from recourse_observe.scope import Scope

__all__ = ["SameShape", "same_shape", "shape_of"]

_NO_ATTEMPT: Final = "no attempt"
_EVERY: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SameShape:
    """How many calls of a scope went as one of them did.

    Attributes:
        shape: What happened, as ``shapes.sql`` tells it.
        of_calls: All calls of its key in the scope.
        scope: Those of the same shape: its filter chooses them and no others.
    """

    shape: str
    calls: int
    of_calls: int
    scope: "Scope"

    @property
    def share(self) -> float:
        """Of all calls of the key, of one."""
        return self.calls / self.of_calls if self.of_calls else 0.0


def shape_of(whole: "WholeCall") -> str:
    """The sequence of what happened in a call."""
    ordered = sorted(whole.attempts, key=lambda one: (one.attempt, one.hedge_index))
    steps = [
        "denied" if not one.ran else f"hedge {one.reason}" if one.is_hedge else one.reason
        for one in ordered
    ]
    return " → ".join(steps) or _NO_ATTEMPT


def same_shape(archive: "Archive", scope: "Scope", whole: "WholeCall") -> SameShape:
    """The calls of a scope that are of the same key, went the same way and ended the same."""
    of_key = scope.of(whole.call.key)
    shape, disposition = shape_of(whole), whole.call.disposition
    rows = archive.shapes(of_key, limit=_EVERY)
    alike = [row for row in rows if (row.shape, row.disposition) == (shape, disposition)]
    terms = shlex.join([f"shape:{exactly(shape)}", f"disposition:{exactly(disposition)}"])
    return SameShape(
        shape=shape,
        calls=sum(row.calls for row in alike),
        of_calls=rows[0].of_calls if rows else 0,
        scope=of_key.matching(f"{scope.where} {terms}".strip()),
    )
