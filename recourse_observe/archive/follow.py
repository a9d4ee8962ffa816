"""What is new in an archive since the last look: each row once, while segments become files."""

import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from recourse_observe.archive.errors import ArchiveEmptyError
from recourse_observe.archive.merge import read_file
from recourse_observe.archive.names import FileName
from recourse_observe.archive.reader import Survey, survey
from recourse_observe.archive.schema import TABLES, arrow_schema
from recourse_observe.archive.validate import FoundFile

__all__ = ["Follower"]

_REMEMBERED: Final = 4
"""How many segments of a writer are remembered row by row after they were told whole."""
_IDENTITY: Final[Mapping[str, tuple[str, ...]]] = {
    "calls": ("call_id",),
    "attempts": ("call_id", "attempt", "hedge_index"),
    "budget_decisions": ("call_id", "attempt", "hedge_index", "kind", "decided_at"),
    "hedges": ("call_id", "attempt", "hedge_index"),
    "circuit_transitions": ("key", "changed_at", "generation", "to_state"),
    "policies": ("key", "applied_at", "event", "policy_version"),
    "rollups": ("key", "bucket_at"),
    "recorder": ("recorded_at", "event"),
}

Place = tuple[str, str, int]
"""Table, instance, number of the segment."""


class Follower:
    """Tells what is new, poll by poll.

    A segment's rows are told while it grows. When it has become a file, only rows that were not told
    are; when compaction has swallowed the file before it was seen, its rows are told apart by what
    identifies them.

    Args:
        path: An archive's directory; it may be empty yet.
        tables: Which tables to tell of.
        from_start: Tell what is there already at the first poll.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        tables: Sequence[str] = tuple(TABLES),
        from_start: bool = False,
    ) -> None:
        self._path = path
        self._tables = tuple(tables)
        self._known: Survey | None = None
        self._whole: set[Place] = set()
        self._told: dict[Place, set[tuple[Any, ...]]] = {}
        self._recent: defaultdict[tuple[str, str], deque[set[tuple[Any, ...]]]] = defaultdict(
            lambda: deque(maxlen=_REMEMBERED)
        )
        self._seen_files: set[Path] = set()
        self._is_first = not from_start

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence about each thing that was left out at the last look."""
        return () if self._known is None else self._known.warnings

    def poll(self) -> dict[str, Any]:
        """New rows as Arrow tables, by table; those without new rows are missing.

        Raises:
            ArchiveError: Nothing can be read; an archive that is empty yet is no error.
        """
        try:
            found = survey(self._path, known=self._known)
        except ArchiveEmptyError:
            self._is_first = False
            return {}
        told = {
            table: rows
            for table in self._tables
            if (rows := self._new_rows(table, found)) is not None and rows.num_rows
        }
        self._known = found
        is_first, self._is_first = self._is_first, False
        return {} if is_first else told

    def _new_rows(self, table: str, found: Survey) -> Any:
        parts = [*self._from_files(table, found), *self._from_segments(table, found)]
        return pa.concat_tables(parts) if parts else None

    def _from_files(self, table: str, found: Survey) -> Iterator[Any]:
        files = found.files.get(table, ())
        groups: defaultdict[str, list[FoundFile]] = defaultdict(list)
        for file in files:
            if file.path not in self._seen_files:
                # The parts of a compacted hour stand for the same segments: one names them for all.
                groups[file.metadata.get("recourse.part_of", file.path.name)].append(file)
        for group in groups.values():
            yield from self._from_group(table, group)
        self._seen_files.update(file.path for file in files)

    def _from_group(self, table: str, group: Sequence[FoundFile]) -> Iterator[Any]:
        places = [(table, name.instance, name.sequence) for name in _stands_for(group)]
        unseen = [place for place in places if place not in self._whole]
        # On a first look that tells nothing, the rows need not be read at all.
        if (unseen or not places) and not self._is_first:
            all_new = len(unseen) == len(places)
            for file in group:
                yield self._not_told(table, file, unseen, all_new=all_new)
        own = [FileName.parse(file.path.name) for file in group]
        self._whole.update(
            (table, name.instance, name.sequence) for name in own if name is not None
        )
        self._whole.update(unseen)
        for place in unseen:
            self._recent[table, place[1]].append(self._told.pop(place, set()))

    def _not_told(
        self, table: str, file: FoundFile, unseen: Iterable[Place], *, all_new: bool
    ) -> Any:
        """The rows of a file that no poll has told."""
        rows = _plain(table, read_file(file))
        told = set[tuple[Any, ...]]().union(*(self._told.get(place, ()) for place in unseen))
        instances = {instance for _, instance, _ in unseen}
        if not all_new:  # a compacted file of told and untold segments
            for instance in instances:
                told = told.union(*self._recent[table, instance])
            chosen = pa.array([name in instances for name in rows["instance"].to_pylist()])
            rows = rows.filter(chosen)
        return _without(table, rows, told)[0]

    def _from_segments(self, table: str, found: Survey) -> Iterator[Any]:
        for segment in found.segments:
            place = (table, segment.instance, segment.sequence)
            rows = segment.tables.get(table)
            if rows is None or place in self._whole:
                continue
            new, identities = _without(table, _plain(table, rows), self._told.get(place, set()))
            self._told.setdefault(place, set()).update(identities)
            yield new


def _stands_for(group: Sequence[FoundFile]) -> list[FileName]:
    replaced = [text for file in group for text in sorted(file.replaces)]
    names = map(FileName.parse, replaced or [file.path.name for file in group])
    return [name for name in names if name is not None]


def _plain(table: str, rows: Any) -> Any:
    """The rows in the pinned schema, words as plain texts."""
    schema = arrow_schema(table)
    arrays = [
        rows[one.name].cast(one.type)
        if one.name in rows.column_names
        else pa.nulls(rows.num_rows, one.type)
        for one in schema
    ]
    plain = pa.schema([pa.field(one.name, one.type) for one in schema])
    return pa.Table.from_arrays(arrays, schema=plain)


def _without(table: str, rows: Any, told: set[tuple[Any, ...]]) -> tuple[Any, set[tuple[Any, ...]]]:
    """The rows that were not told, and what identifies them."""
    columns = [rows[name].to_pylist() for name in ("instance", *_IDENTITY[table])]
    identities = list(zip(*columns, strict=True))
    new = [index for index, identity in enumerate(identities) if identity not in told]
    if len(new) < len(identities):
        rows = rows.take(pa.array(new, pa.int64()))
    return rows, {identities[index] for index in new}
