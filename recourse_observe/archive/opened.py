"""An archive in a database of this process, and what becomes of it when files come and go."""

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from recourse_observe.archive.answers import Answer, of_table
from recourse_observe.archive.index import INDEX
from recourse_observe.archive.pages import page_problem
from recourse_observe.archive.reader import Survey, survey, views_of
from recourse_observe.archive.remembered import Remembered, recall, written
from recourse_observe.duck import DamagedError, Store, is_served

__all__ = ["LocalStore"]

_WORTH: Final = 32
"""One new file in so many is worth writing all of them down."""


class LocalStore(Store):
    """The tables of an archive.

    Args:
        path: A directory, one Parquet file, or a pattern.
        sandboxed: Lock the database before it sees a row.
        careful: Read every page of every file first, as after a crash.
        avoid: Files that are not to be opened, and why.
        looking: Called with each file before it is opened.
        memory_bytes: What the database may use.
        keeping: Called with what the next look at the archive need not find out again.

    Raises:
        ArchiveError: Nothing of it can be read.
    """

    def __init__(  # noqa: PLR0913  # every one but the path has its default
        self,
        path: str | os.PathLike[str],
        *,
        sandboxed: bool = False,
        careful: bool = False,
        avoid: Mapping[Path, str] | None = None,
        looking: Callable[[Path], object] = lambda _: None,
        memory_bytes: int | None = None,
        keeping: Callable[[bytes], object] | None = None,
    ) -> None:
        self._path = path
        self._avoid = dict(avoid or {})
        self._looking = looking
        self._looked = threading.Lock()
        self._misstated: dict[Path, str] = {}
        known = Remembered() if careful else recall(path)
        self.found = survey(
            path, remembered=known.files, avoid=self._avoid, looking=looking, indexed=not careful
        )
        super().__init__(views_of(self.found), sandboxed=sandboxed, memory_bytes=memory_bytes)
        whole = {one for one in known.whole if self.found.paths.get(one) is known.files[one]}
        if careful or (sandboxed and self._is_damaged(whole)):
            self._leave_out_damaged()
        elif keeping is not None and self._is_news(known, whole):
            keeping(written(Path(path), self.found.paths.values(), whole))

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence about each thing that was left out."""
        return self.found.warnings

    def arrow(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        lane: str = "",
        ticket: int | None = None,
    ) -> Any:
        """The answer as an Arrow table; a file that turns out to be damaged is left out.

        Raises:
            QueryError: The statement is wrong.
            Superseded: It was interrupted.
            ArchiveError: No file is whole.
        """
        try:
            return super().arrow(sql, params, lane=lane, ticket=ticket)
        except DamagedError:
            if not self._leave_out_damaged():
                raise
        return super().arrow(sql, params, lane=lane, ticket=ticket)

    def answer(
        self,
        sql: str,
        params: Mapping[str, object] | None = None,
        *,
        lane: str = "",
        ticket: int | None = None,
    ) -> Answer:
        """The same as plain values."""
        return of_table(self.arrow(sql, params, lane=lane, ticket=ticket))

    def report(self) -> dict[str, Any]:
        """What the archive consists of, in words that travel: for a check, and for completeness."""
        found = self.found
        segments = {one.path: one.warning for one in found.segments if one.is_damaged}
        damaged = {**found.damaged, **segments}
        return {
            "files": len(found.paths),
            "rows": found.rows,
            "size_bytes": found.size_bytes,
            "damaged": {os.fspath(path): why for path, why in damaged.items()},
            "misstated": {os.fspath(path): why for path, why in self._misstated.items()},
            "undecided": sorted(map(os.fspath, {*found.undecided, *segments})),
            "warnings": list(found.warnings),
            "alive": sorted({one.instance for one in found.segments if one.is_alive}),
            "unpublished": len(found.segments),
        }

    def refresh(self) -> bool:
        """Look at the directory again; whether anything has come, gone or grown."""
        with self._looked:
            found = survey(self._path, known=self.found, avoid=self._avoid, looking=self._looking)
            if _content(found) == _content(self.found):
                return False
            self.found = found
            self.show(views_of(found))
            return True

    def _is_damaged(self, whole: set[Path]) -> bool:
        """Whether one of the small tables is: those are cheap to read, and soon asked for.

        Args:
            whole: Files that need not be read, and those that were and are not damaged.
        """
        for table, view in views_of(self.found).items():
            files = () if is_served(view, sandboxed=True) else self.found.files[table]
            for file in files:
                if file.path not in whole and page_problem(file):
                    return True
                whole.add(file.path)
        return False

    def _is_news(self, known: Remembered, whole: set[Path]) -> bool:
        """Whether so much is new that the next look is spared more than it takes to write it down."""
        if not Path(self._path).is_dir():
            return False
        paths = self.found.paths
        new = sum(known.files.get(path) is not file for path, file in paths.items())
        return new * _WORTH > len(paths) or len(whole - known.whole) * _WORTH > len(paths)

    def _leave_out_damaged(self) -> bool:
        """Read every page that has not been read yet; whether a file had to go."""
        # It brings Arrow's functions, a tenth of what one question costs.
        from recourse_observe.archive.claims import Claims, index_problem

        with self._looked:
            index = Path(self._path) / INDEX
            if problem := index_problem(index.parent, self.found.paths):
                self._misstated[index] = problem
            before = len(self._avoid)
            for file in self.found.paths.values():
                self._looking(file.path)
                claims = Claims()
                if problem := page_problem(file, claims.hear):
                    self._avoid[file.path] = problem
                elif claims.problem:
                    self._misstated[file.path] = claims.problem
            if len(self._avoid) == before:
                return False
            self.found = survey(self._path, known=self.found, avoid=self._avoid)
            self.show(views_of(self.found))
            return True


def _content(found: Survey) -> tuple[object, ...]:
    files = {path: file.size_bytes for path, file in found.paths.items()}
    segments = {(one.instance, one.sequence): one.rows for one in found.segments}
    return files, segments, found.warnings
