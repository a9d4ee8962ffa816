"""What writers have not published yet, as a reader sees it: each row once."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recourse_observe.archive.instance import is_alive, live_folders
from recourse_observe.archive.names import LIVE

if TYPE_CHECKING:
    from recourse_observe.archive.leftovers import Leftover

__all__ = ["FoundSegment", "unpublished_segments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSegment:
    """A segment whose rows are in no file yet.

    Attributes:
        path: Where it is.
        instance: Whose it is.
        sequence: Its number.
        tables: Its rows as Arrow tables of the pinned schema, by table.
        is_alive: Whether its writer lives: then there will be more.
        warning: What could not be read of it, as a sentence; empty when all was.
        is_damaged: No crash explains that.
    """

    path: Path
    instance: str
    sequence: int
    tables: Mapping[str, Any] = field(repr=False)
    is_alive: bool
    warning: str
    is_damaged: bool = False

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.num_rows for table in self.tables.values())


def unpublished_segments(
    root: Path, published: Collection[tuple[str, int]]
) -> Iterator[FoundSegment]:
    """Every segment of an archive but those that are published, given by instance and sequence.

    Calls in flight of a writer that is dead are rows; those of a living one will be.
    """
    for folder in live_folders(root):
        from recourse_observe.archive.leftovers import leftovers  # it brings all that writers need

        alive = is_alive(folder)
        own = {sequence for instance, sequence in published if instance == folder.name}
        for one in leftovers(folder, own, is_dead=not alive):
            tables, problem = _tables(one)
            shown = f"{LIVE}/{folder.name}/{one.path.name} {problem}"
            yield FoundSegment(
                path=one.path,
                instance=folder.name,
                sequence=one.sequence,
                tables=tables,
                is_alive=alive,
                warning=shown if problem else "",
                is_damaged=one.is_damaged,
            )


def _tables(one: "Leftover") -> tuple[Mapping[str, Any], str]:
    """A segment's rows, and what is wrong with it as a phrase."""
    if one.data is None:
        return {}, one.problem
    from recourse_observe.archive.publish import segment_tables  # as above

    try:
        return segment_tables(one.data), one.problem
    except Exception as error:  # its checksums are right and its content is not: it was crafted
        return {}, f"cannot be understood ({type(error).__name__}); it was skipped"
