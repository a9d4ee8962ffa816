"""A table of the database: which columns it has, where its rows are, and the SQL that says so."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Files", "View", "as_view", "nothing", "scan", "select"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Parquet files that have the same columns.

    Attributes:
        paths: Validated before: one bad file fails a query over all of them.
        columns: Names of the view's columns that they have; ``None`` means all.
        renamed: What the files call columns that they know by another name.
        words: Those of the view's columns in which few texts repeat.
        bounds: For each path what is known of its columns: the least and the greatest value. A
            question that asks for others does not open the file.
        rows: How many there are in all.
    """

    paths: tuple[Path, ...]
    columns: frozenset[str] | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    bounds: tuple[Mapping[str, tuple[Any, Any]], ...] = ()
    rows: int = 0

    def theirs(self, column: str) -> str:
        """What the files call a column of the view."""
        return self.renamed.get(column, column)

    @property
    def known(self) -> Iterator[tuple[Path, Mapping[str, tuple[Any, Any]]]]:
        """Each file with what is known of it."""
        return zip(self.paths, self.bounds or ({},) * len(self.paths), strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One table of the database: its columns with their DuckDB types, and where its rows are.

    Attributes:
        columns: In order; every row has all of them, null where a part lacks one.
        parts: Files, or Arrow tables, which are copied into the database.
    """

    columns: Mapping[str, str]
    parts: tuple[Any, ...] = field(default=())

    @property
    def files(self) -> list[Files]:
        """The parts that are files."""
        return [part for part in self.parts if isinstance(part, Files)]


def as_view(given: View | Sequence[Path] | Any) -> View:
    """A view of whatever a store was given."""
    if isinstance(given, View):
        return given
    if isinstance(given, Sequence):
        return View(columns={}, parts=(Files(paths=tuple(given)),) if given else ())
    return View(columns={}, parts=(given,))


def select(columns: Mapping[str, str], part: Any, source: str) -> str:
    """The statement that reads a part of a view from where it is."""
    files = part if isinstance(part, Files) else Files(paths=())
    present = files.columns if isinstance(part, Files) else frozenset(part.column_names)
    chosen = ", ".join(
        f'{_name(files.theirs(column))}::{kind} AS "{column}"'
        if present is None or column in present
        else f'NULL::{kind} AS "{column}"'
        for column, kind in columns.items()
    )
    return f"SELECT {chosen or '*'} FROM {source}"  # noqa: S608  # names are pinned or quoted


def nothing(columns: Mapping[str, str]) -> str:
    """The statement that reads a view without parts."""
    chosen = ", ".join(f'NULL::{kind} AS "{column}"' for column, kind in columns.items())
    return f"SELECT {chosen or 'NULL AS nothing'} WHERE false"


def scan(files: Files) -> str:
    """The files as DuckDB reads them itself."""
    listed = ", ".join(_quoted(_literal(path)) for path in files.paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _literal(path: Path) -> str:
    """The path, as a pattern that matches nothing else: DuckDB globs whatever it is given."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
