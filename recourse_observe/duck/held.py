"""Columns that a question has read: they stay in memory, so that the next one does not decode them."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["FEW", "Held"]

FEW: Final = 64
"""In more files than this row groups are not looked at: that takes longer than it saves."""
_MOST_ROWS: Final = 2_000_000
_MOST_BYTES: Final = 512 << 20
_PART: Final = 8
"""Who wants less than such a part of the rows does not have the others decoded."""
_SMALL_ROWS: Final = 2_048
"""Where more than a few files hold less, opening them is what costs: they are read once, whole."""
_MOST_ROWS_OF_SMALL: Final = 200_000
_TROUBLE: Final = (MemoryError, OSError, pa.ArrowException)


class Held:
    """Columns of files.

    Args:
        files: A dataset of them.
        rows: How many they have in all.
    """

    def __init__(self, files: Any, rows: int) -> None:
        count = len(files.files)
        self._files = files
        self._rows = rows
        self._are_small = count > FEW and rows < count * _SMALL_ROWS
        self._gives_up = rows > (_MOST_ROWS_OF_SMALL if self._are_small else _MOST_ROWS)
        self._reading = threading.Lock()
        self._columns: dict[str, Any] = {}
        self._starts: dict[tuple[str, int], int] = {}

    @property
    def is_whole(self) -> bool:
        """Whether all that the files hold is here."""
        return self._are_small and bool(self._columns)

    def rows(self, names: Sequence[str], fragments: Sequence[Any] | None = None) -> Any:
        """Columns as a table; ``None`` where it is better to read them from the files.

        Args:
            names: Of the columns.
            fragments: The parts of the files with all rows that are wanted; nothing wants all. The
                table may have others as well.
        """
        with self._reading:
            missing = [name for name in names if name not in self._columns]
            if missing and not (self._is_worth(fragments) and self._reads(missing)):
                return None
            table = pa.table({name: self._columns[name] for name in names})
        if fragments is None or self._are_small:
            return table
        return pa.concat_tables([table.slice(0, 0), *self._parts(table, fragments)])

    def _is_worth(self, fragments: Sequence[Any] | None) -> bool:
        """Whether so much is wanted that the rest may come along."""
        if self._gives_up or fragments is None:
            return not self._gives_up
        if self._are_small:
            return len(fragments) > FEW
        wanted: int = sum(group.num_rows for one in fragments for group in one.row_groups)
        return wanted * _PART >= self._rows

    def _reads(self, missing: list[str]) -> bool:
        """Read columns; whether they could be read, and fit."""
        try:
            if self._are_small:
                read = self._files.to_table().unify_dictionaries().combine_chunks()
            else:
                parts = [self._columns_of(one, missing) for one in self._files.get_fragments()]
                read = pa.concat_tables(parts).unify_dictionaries()
        except _TROUBLE:  # whoever reads some of the files may have less to do with it
            self._gives_up = True
            return False
        self._columns |= zip(read.column_names, read.columns, strict=True)
        if sum(column.nbytes for column in self._columns.values()) > _MOST_BYTES:
            self._gives_up = True
            self._columns.clear()
        return not self._gives_up

    def _columns_of(self, file: Any, names: list[str]) -> Any:
        """Columns of one file, by one thread: the others have questions to answer."""
        words = [one.name for one in self._files.schema if pa.types.is_dictionary(one.type)]
        with pq.ParquetFile(
            file.path,
            metadata=file.metadata,
            read_dictionary=words,
            page_checksum_verification=True,
        ) as opened:
            return opened.read(columns=names, use_threads=False)

    def _parts(self, table: Any, fragments: Sequence[Any]) -> Iterator[Any]:
        """The rows of row groups."""
        if not self._starts:
            start = 0
            for one in self._files.get_fragments():
                for group in one.row_groups:
                    self._starts[one.path, group.id] = start
                    start += group.num_rows
        for one in fragments:
            for group in one.row_groups:
                yield table.slice(self._starts[one.path, group.id], group.num_rows)
