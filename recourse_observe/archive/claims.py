"""Does a file say of its rows what they are? By that alone questions pass over what cannot answer them.

Validation believes it: to find out takes reading every row. A damaged page has a wrong checksum; a file of
another writer, or of somebody who hides rows, has right ones and a footer that is wrong.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from recourse_observe.archive.index import read_index
from recourse_observe.archive.validate import FoundFile

__all__ = ["Claims", "index_problem"]

_NONSENSE: Final = (ArithmeticError, LookupError, TypeError, ValueError, OSError, pa.ArrowException)


class Claims:
    """What a file's footer says of its row groups, held against the rows."""

    def __init__(self) -> None:
        self._nulls: dict[tuple[int, str], int] = {}
        self._wrong: set[str] = set()
        self._group = 0
        self._heard = 0

    @property
    def problem(self) -> str:
        """Of which columns it says what is not so, now that all rows were heard; empty when of none."""
        wrong = self._wrong | {name for (_, name), left in self._nulls.items() if left}
        if not wrong:
            return ""
        named = ", ".join(name[:40].encode("unicode_escape").decode() for name in sorted(wrong))
        return f"has statistics of {named[:200]} that are not those of its rows; questions may miss rows"

    def hear(self, footer: Any, rows: Any) -> None:
        """The next rows of the file."""
        while rows.num_rows and self._group < footer.num_row_groups:
            group = footer.row_group(self._group)
            part = rows.slice(0, max(0, group.num_rows - self._heard))
            if part.num_rows:
                self._hear_part(group, part)
            self._heard += part.num_rows
            if self._heard >= group.num_rows:
                self._group, self._heard = self._group + 1, 0
            rows = rows.slice(part.num_rows)

    def _hear_part(self, group: Any, rows: Any) -> None:
        for name, said in _statistics(group):
            if name not in rows.schema.names:
                continue
            try:
                self._compare(name, said, rows[name])
            except _NONSENSE:
                continue  # it bounds nothing

    def _compare(self, name: str, said: Any, column: Any) -> None:
        if said.has_null_count:
            left = self._nulls.get((self._group, name), said.null_count)
            self._nulls[self._group, name] = left - column.null_count
        if not said.has_min_max or column.null_count == len(column):
            return
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        found = pc.call_function("min_max", [plain]).as_py()
        if found["min"] < said.min or found["max"] > said.max:
            self._wrong.add(name)


def _statistics(group: Any) -> Iterator[tuple[str, Any]]:
    for place in range(group.num_columns):
        try:
            chunk = group.column(place)
            name, said = chunk.path_in_schema, chunk.statistics
        except _NONSENSE:
            continue  # a name that is no text is no column's
        if said is not None:
            yield name, said


def index_problem(root: Path, files: Mapping[Path, FoundFile]) -> str:
    """Which file the index describes as another than it is, as a phrase; empty when none."""
    for path, said in read_index(root).items():
        found = files.get(path)
        if found is None or (said.size_bytes, said.modified_ns) != (
            found.size_bytes,
            found.modified_ns,
        ):
            continue  # nobody believes it
        if said != found:
            shown = path.relative_to(root).as_posix().encode("unicode_escape").decode()
            return f"does not say of {shown} what its footer says; questions may miss rows"
    return ""
