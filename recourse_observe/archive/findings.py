"""What one look at an archive has found so far."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recourse_observe.archive.live import FoundSegment
from recourse_observe.archive.names import FileName
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.validate import BadFileError, FoundFile, RefusedError, validate

__all__ = ["Findings", "escaped", "stands_for"]


@dataclass(slots=True)
class Findings:
    """Files and segments, and what is wrong with others.

    Attributes:
        known: Files that need not be opened again, if they are as they were.
        avoid: Files that are known to be bad, and why.
        looking: Called with each file before it is opened.
        files: Those that can be read, by table.
        warnings: One sentence about each thing that was left out.
        bad: Files that cannot be read.
        segments: What writers have not published yet.
        begun: Segments that were there before any file was looked at.
        is_archive: Whether anything of it belongs to an archive.
    """

    known: dict[Path, FoundFile] = field(default_factory=dict)
    avoid: Mapping[Path, str] = field(default_factory=dict)
    looking: Callable[[Path], object] = lambda _: None
    files: dict[str, list[FoundFile]] = field(default_factory=lambda: {t: [] for t in TABLES})
    warnings: list[str] = field(default_factory=list)
    bad: list[tuple[Path, BadFileError]] = field(default_factory=list)
    segments: list[FoundSegment] = field(default_factory=list)
    begun: set[tuple[str, int]] = field(default_factory=set)
    is_archive: bool = False

    @property
    def has_moved(self) -> bool:
        """Whether rows may have gone from one place to another between two glances.

        A segment that was there at first became files of tables that had been looked at; a file that
        was listed was merged into another before it was opened.
        """
        published = {place for file in self.files["calls"] for place in stands_for(file)}
        read = {
            (one.instance, one.sequence)
            for one in self.segments
            if one.tables or os.path.lexists(one.path)
        }
        return bool(self.begun - published - read) or any(
            isinstance(error, RefusedError) and not os.path.lexists(path)
            for path, error in self.bad
        )

    def take(self, path: Path, shown: str, table: str | None) -> None:
        """Understand a file, or say what is wrong with it, under the name that is shown."""
        try:
            if path in self.avoid:
                raise BadFileError(self.avoid[path])  # noqa: TRY301  # one way for all bad files
            self.looking(path)
            found = self._as_known(path) or validate(path, table)
        except BadFileError as error:
            self.bad.append((path, error))
            self.warnings.append(f"{escaped(shown)} {error}; it was skipped")
        else:
            self.files[found.table].append(found)

    def _as_known(self, path: Path) -> FoundFile | None:
        found = self.known.get(path)
        if found is None:
            return None
        try:
            status = path.stat()
        except OSError:  # it has just gone: opening it says so
            return None
        is_same = (status.st_size, status.st_mtime_ns) == (found.size_bytes, found.modified_ns)
        return found if is_same and found.inode in {0, status.st_ino} else None


def stands_for(file: FoundFile) -> Iterator[tuple[str, int]]:
    """Whose segments a file of ``calls`` stands for."""
    names = [file.name, *map(FileName.parse, file.replaces)]
    return ((name.instance, name.sequence) for name in names if name is not None)


def escaped(text: str) -> str:
    """A name as plain ASCII."""
    return text.encode("unicode_escape").decode("ascii")
