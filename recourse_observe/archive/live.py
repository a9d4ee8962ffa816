"""What writers have not published yet: rows of segments, each of them once."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from recourse_observe.archive.files import LIVE
from recourse_observe.archive.instance import is_alive, live_folders, segments_of
from recourse_observe.archive.publish import segment_tables
from recourse_observe.archive.segment_data import read_segment

__all__ = ["FoundSegment", "unpublished_segments"]

_LARGEST_BYTES: Final = 1 << 30


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
    """

    path: Path
    instance: str
    sequence: int
    tables: Mapping[str, Any] = field(repr=False)
    is_alive: bool
    warning: str = ""

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
        alive = is_alive(folder)
        segments = segments_of(folder)
        newest = max(
            [sequence for sequence, _ in segments]
            + [sequence for instance, sequence in published if instance == folder.name],
            default=0,
        )
        for sequence, path in segments:
            if (folder.name, sequence) not in published:
                unfinished = not alive and sequence == newest
                yield _found(path, folder.name, sequence, alive=alive, unfinished=unfinished)


def _found(
    path: Path, instance: str, sequence: int, *, alive: bool, unfinished: bool
) -> FoundSegment:
    tables: Mapping[str, Any] = {}
    warning = ""
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            warning = f"has {size >> 20} MiB, more than a segment ever has"
        elif size > 0:  # a crash may leave an empty one
            data = read_segment(path)
            tables = segment_tables(data, unfinished=unfinished)
            if data.torn_bytes and not alive:
                warning = f"ends in a torn batch of {data.torn_bytes} bytes, which was left out"
    except OSError as error:
        warning = f"cannot be read ({error.strerror})"
    except ValueError as error:
        warning = f"{error}; it was skipped"
    shown = f"{LIVE}/{instance}/{path.name} {warning}" if warning else ""
    return FoundSegment(
        path=path,
        instance=instance,
        sequence=sequence,
        tables=tables,
        is_alive=alive,
        warning=shown,
    )
