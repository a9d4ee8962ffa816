"""Why, in a few lines: of each dimension the value that gained most, against before and against other keys."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from recourse_observe.queries.compare import just_before
from recourse_observe.queries.contrast import Contrast, contrast

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.scope import Scope

__all__ = ["differences", "telling"]

_SAYS_THE_SAME: Final = {"outcome", "status"}
"""What ``reason`` says already, with other words."""


def differences(archive: "Archive", scope: "Scope") -> tuple[Contrast, ...]:
    """A scope of one key against as long a stretch before it, and against other keys meanwhile.

    Nothing, when nothing came before: then there is no difference to speak of.
    """
    during = archive.within(scope)
    before = just_before(archive, during)
    was = archive.dimensions(before) if before.span_us else ()
    if not was:
        return ()
    return contrast(was, archive.dimensions(during), archive.dimensions(during.of(None)))


def telling(found: Iterable[Contrast]) -> tuple[Contrast, ...]:
    """Of each dimension the value that gained most, the greatest gain first.

    A dimension of which no value gained is left out; so is what the reason says already.
    """
    most: dict[str, Contrast] = {}
    for one in found:
        known = most.get(one.dimension)
        is_more = known is None or one.difference > known.difference
        if is_more and one.difference > 0 and one.dimension not in _SAYS_THE_SAME:
            most[one.dimension] = one
    return tuple(sorted(most.values(), key=lambda one: (-one.difference, one.dimension)))
