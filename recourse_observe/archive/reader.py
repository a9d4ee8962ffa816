"""What is in an archive: the files that can be read, and one sentence about each that cannot."""

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from recourse_observe.archive.errors import (
    ArchiveDamagedError,
    ArchiveEmptyError,
    ArchiveMissingError,
    ArchiveVersionError,
    NotAnArchiveError,
)
from recourse_observe.archive.findings import Findings, escaped, stands_for
from recourse_observe.archive.foreign import first_bytes, parsed
from recourse_observe.archive.index import read_index
from recourse_observe.archive.instance import live_folders, segments_of
from recourse_observe.archive.live import FoundSegment, unpublished_segments
from recourse_observe.archive.names import LIVE, MARKER
from recourse_observe.archive.once import each_once
from recourse_observe.archive.schema import MAJOR, TABLES, Kind
from recourse_observe.archive.validate import (
    FoundFile,
    NewerMajorError,
    RefusedError,
)
from recourse_observe.duck import Files, Store, View

__all__ = ["Survey", "open_store", "survey", "view_of", "views_of"]

_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+%,@-]{0,254}")
_DEEPEST: Final = 8
_LOOKS: Final = 5
"""Writers and compactors go on meanwhile: then what moved is looked at again, so many times."""
_MARKER_BYTES: Final = 4096
_WORDS: Final = {
    name: frozenset(column.name for column in table.columns if column.kind is Kind.WORD)
    for name, table in TABLES.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What can be read of an archive, and what cannot.

    Attributes:
        path: The archive as it was given.
        files: Readable files of every table, in the order of their names.
        segments: What writers have not published yet.
        warnings: One sentence about each thing that was left out.
        damaged: Files of a table's folder that cannot be read, with the reason as a phrase.
        undecided: Those of them that may be whole: a newer reader, or another user, may read them.
    """

    path: str
    files: Mapping[str, tuple[FoundFile, ...]]
    segments: tuple[FoundSegment, ...] = ()
    warnings: tuple[str, ...] = ()
    damaged: Mapping[Path, str] = field(default_factory=dict)
    undecided: frozenset[Path] = frozenset()

    @property
    def paths(self) -> dict[Path, FoundFile]:
        """All files by where they are."""
        return {file.path: file for files in self.files.values() for file in files}

    @property
    def skipped(self) -> int:
        """How many files were left out."""
        return len(self.damaged)

    @property
    def rows(self) -> int:
        """Rows of all files and segments together."""
        in_files = sum(file.rows for files in self.files.values() for file in files)
        return in_files + sum(segment.rows for segment in self.segments)

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size_bytes for files in self.files.values() for file in files)


def survey(
    path: str | os.PathLike[str],
    *,
    known: Survey | None = None,
    remembered: Mapping[Path, FoundFile] | None = None,
    avoid: Mapping[Path, str] | None = None,
    looking: Callable[[Path], object] = lambda _: None,
    indexed: bool = True,
) -> Survey:
    """Look at every file of an archive without reading its rows.

    Args:
        path: A directory, one Parquet file, or a pattern such as ``runs/*``.
        known: An earlier look at it: a file that is there as it was is not opened again, because
            files appear whole and never change.
        remembered: Files of a look of long ago, which count in the same way.
        avoid: Files that are known to be bad, and why; they are not opened.
        looking: Called with each file before it is opened.
        indexed: Believe the archive's index of files that have not changed since it was written.

    Raises:
        ArchiveError: Nothing of it can be read; the message says why in one sentence.
    """
    given = os.fspath(path)
    understood = dict(remembered or {}) if known is None else {**known.paths, **(remembered or {})}
    indexed = known is None and indexed
    findings = Findings(known=understood, avoid=avoid or {}, looking=looking)
    _look(given, findings, indexed=indexed)
    for _ in range(_LOOKS):
        if not findings.has_moved:
            break
        understood |= {file.path: file for files in findings.files.values() for file in files}
        findings = Findings(known=understood, avoid=avoid or {}, looking=looking)
        _look(given, findings, indexed=indexed)
    if not any(findings.files.values()) and not any(s.rows for s in findings.segments):
        raise _nothing_readable(given, findings)
    unpublished = {(segment.instance, segment.sequence) for segment in findings.segments}
    return Survey(
        path=given,
        files={table: each_once(found, unpublished) for table, found in findings.files.items()},
        segments=tuple(findings.segments),
        warnings=tuple(findings.warnings),
        damaged={path: str(error) for path, error in findings.bad},
        undecided=frozenset(
            path
            for path, error in findings.bad
            if isinstance(error, NewerMajorError | RefusedError)
        ),
    )


def _look(given: str, findings: Findings, *, indexed: bool) -> None:
    for root in _roots(given):
        if root.is_dir():
            findings.known = (read_index(root) if indexed else {}) | findings.known
            _look_into(root, findings)
        else:
            findings.is_archive = True
            findings.take(root, root.name, None)


def open_store(found: Survey, *, sandboxed: bool = False) -> Store:
    """The archive's tables as views of a database; a table without rows is there and empty.

    Args:
        found: What :func:`survey` saw.
        sandboxed: Copy every row into the database first and lock it, for an archive of somebody
            else: then no statement reaches a file, the network or a setting.
    """
    return Store(views_of(found), sandboxed=sandboxed)


def views_of(found: Survey) -> dict[str, View]:
    """What each of the archive's tables is."""
    return {
        table: view_of(
            table,
            found.files.get(table, ()),
            [segment.tables[table] for segment in found.segments if table in segment.tables],
        )
        for table in TABLES
    }


def view_of(table: str, files: Sequence[FoundFile], live: Sequence[Any] = ()) -> View:
    """A table's view over files, however each of them stores it, and over Arrow tables."""

    def shape(file: FoundFile) -> tuple[object, ...]:
        return file.columns, sorted(file.renamed.items())

    parts = [_part(tuple(group)) for _, group in groupby(sorted(files, key=shape), key=shape)]
    return View(
        columns={column.name: column.kind.sql for column in TABLES[table].columns},
        parts=(*parts, *live),
    )


def _part(files: Sequence[FoundFile]) -> Files:
    return Files(
        paths=tuple(file.path for file in files),
        columns=frozenset(dict(files[0].columns)),
        renamed=files[0].renamed,
        words=_WORDS[files[0].table],
        bounds=tuple(file.bounds for file in files),
        rows=sum(file.rows for file in files),
    )


def _roots(given: str) -> list[Path]:
    path = Path(given)
    if path.exists():
        return [path]
    found = [Path(name) for name in sorted(glob.glob(given, recursive=True))]  # noqa: PTH207  # a pattern may be absolute
    if not found:
        raise ArchiveMissingError(given, "does not exist; give a directory or a Parquet file")
    return found


def _look_into(root: Path, findings: Findings) -> None:
    if root.resolve().name in TABLES and not (root / MARKER).exists():
        findings.is_archive = True
        _look_into_table(root, root.resolve().name, findings)
        return
    findings.begun |= {
        (folder.name, sequence)
        for folder in live_folders(root)
        for sequence, _ in segments_of(folder)
    }
    links = [name for name in (*TABLES, LIVE) if (root / name).is_symlink()]
    findings.warnings += [f"{name} is a link and was not followed" for name in links]
    tables = [name for name in TABLES if (root / name).is_dir() and name not in links]
    loose = [p for p in sorted(root.glob("*.parquet")) if _SAFE.fullmatch(p.name)]
    _check_marker(root, findings, expected=bool(tables))
    for path in loose:
        if path.is_file() and not path.is_symlink():
            findings.take(path, path.name, None)
    for name in tables:
        findings.is_archive = True
        _look_into_table(root / name, name, findings)
    _look_into_live(root, findings)


def _look_into_live(root: Path, findings: Findings) -> None:
    published = {place for file in findings.files["calls"] for place in stands_for(file)}
    for segment in unpublished_segments(root, published):
        findings.segments.append(segment)
        if segment.warning:
            findings.warnings.append(segment.warning)


def _check_marker(root: Path, findings: Findings, *, expected: bool) -> None:
    marker = root / MARKER
    try:
        said = parsed(first_bytes(marker, _MARKER_BYTES))
        major = said["major"]
        if said["format"] != "recourse.archive" or not isinstance(major, int):
            raise ValueError  # noqa: TRY301  # a foreign marker is an unreadable one
    except FileNotFoundError:
        if expected:
            findings.warnings.append(f"{MARKER} is missing; the directory was read as it is")
    except (OSError, ValueError, TypeError, LookupError):
        findings.is_archive = True
        findings.warnings.append(f"{MARKER} cannot be understood; the directory was read as it is")
    else:
        findings.is_archive = True
        if major != MAJOR:
            problem = (
                f"was written by schema {str(major)[:40]} and this reader knows {MAJOR}; "
                "upgrade recourse-observe"
            )
            raise ArchiveVersionError(os.fspath(root), problem)


def _look_into_table(folder: Path, table: str, findings: Findings) -> None:
    odd: list[str] = []
    for path in _parquet_files(folder, odd, _DEEPEST):
        findings.take(path, f"{table}/{path.relative_to(folder)}", table)
    if odd:
        findings.warnings.append(
            f"{table}: {len(odd)} links or odd names were not followed, "
            f"for example {escaped(odd[0])}"
        )


def _parquet_files(folder: Path, odd: list[str], depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        odd.append(folder.name)
        return
    for entry in listed:
        if entry.name.startswith(("_", ".")):
            continue
        safe = not entry.is_symlink() and _SAFE.fullmatch(entry.name)
        if safe and entry.is_dir(follow_symlinks=False) and depth:
            yield from _parquet_files(folder / entry.name, odd, depth - 1)
        elif safe and entry.is_file(follow_symlinks=False) and entry.name.endswith(".parquet"):
            yield folder / entry.name
        else:
            odd.append(entry.name)


def _nothing_readable(given: str, findings: Findings) -> Exception:
    if not findings.is_archive and not findings.bad:
        return NotAnArchiveError(
            given, "is no recourse archive; it has none of the folders calls, attempts, …"
        )
    if not findings.bad:
        return ArchiveEmptyError(given, "is empty; nothing has been recorded in it yet")
    if all(isinstance(error, NewerMajorError) for _, error in findings.bad):
        return ArchiveVersionError(given, str(findings.bad[0][1]))
    if len(findings.bad) == 1:
        return ArchiveDamagedError(given, f"cannot be read: {findings.warnings[-1]}")
    return ArchiveDamagedError(
        given, f"has no readable file among {len(findings.bad)}; the first: {findings.warnings[0]}"
    )
