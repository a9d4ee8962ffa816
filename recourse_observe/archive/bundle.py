"""An archive in one file, to hand over: a zip of Parquet, ``recourse.sql`` and notes."""

import glob
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from recourse_observe.archive.asides import forget
from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.errors import ArchiveDamagedError, ArchiveError, ArchiveMissingError
from recourse_observe.archive.files import publish
from recourse_observe.archive.instance import live_folders, segments_of
from recourse_observe.archive.names import LIVE, MARKER
from recourse_observe.archive.reader import survey
from recourse_observe.archive.schema import TABLES
from recourse_observe.archive.sql import SQL

__all__ = ["SUFFIX", "Bundled", "bundle", "is_bundle", "unbundled"]

SUFFIX: Final = ".rarc"
NOTES: Final = "notes.md"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_PART: Final = r"[A-Za-z0-9][A-Za-z0-9._=+%,@-]{0,254}"
_MEMBER: Final = re.compile(
    rf"(?:(?:{'|'.join(TABLES)})/(?:{_PART}/){{0,8}}{_PART}\.parquet"
    rf"|{LIVE}/{_PART}/[0-9]{{6,12}}\.segment"
    rf"|{re.escape(MARKER)}|{re.escape(SQL)}|{re.escape(NOTES)})"
)
_MOST_MEMBERS: Final = 200_000
_MOST_TIMES: Final = 20
"""How much larger than the bundle what is in it may be: Parquet is compressed already."""
_SLACK_BYTES: Final = 16 << 20
_STEP_BYTES: Final = 1 << 20
_TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """What a bundle holds.

    Attributes:
        path: The bundle.
        files: How many files of the archive are in it.
        size_bytes: Of the bundle.
        warnings: One sentence about each file that was left out.
    """

    path: Path
    files: int
    size_bytes: int
    warnings: tuple[str, ...]


def bundle(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    notes: str = "",
    progress: Callable[[int, int], object] = lambda _done, _of: None,
    disk: Disk = DISK,
) -> Bundled:
    """Make one file of an archive; it appears whole or not at all.

    Args:
        path: The archive's directory.
        out: The file to write, by custom with the suffix ``.rarc``.
        notes: What the one who gets it should know.
        progress: Called with how many files are packed, and of how many.
        disk: The file operations.

    Raises:
        ArchiveError: Nothing of the archive can be read, or it is no directory.
        OSError: The bundle cannot be written.
    """
    root, target = Path(path), Path(out)
    forget(target.parent.glob(f"_{glob.escape(target.name)}.*.tmp"), disk)
    for _ in range(_TRIES):
        with suppress(_MovedError):
            return _bundle(root, target, partial(_pack, root, notes, progress), disk)
    problem = "changes faster than it can be packed; try again when nobody compacts it"
    raise ArchiveError(os.fspath(path), problem)


class _MovedError(Exception):
    """A file went into another one before it was packed."""


def _bundle(root: Path, target: Path, pack: Callable[..., None], disk: Disk) -> Bundled:
    with ExitStack() as held:
        segments = _held(root, held)
        found = survey(root)
        if not root.is_dir():
            raise ArchiveError(os.fspath(root), "is no directory; only a directory can be bundled")
        files = [*found.paths, *(segment.path for segment in found.segments)]
        beside = [root / name for name in (MARKER, SQL)]
        extra = [path for path in beside if path.is_file() and not path.is_symlink()]
        publish(target, partial(pack, [*extra, *files], segments), disk=disk)
    return Bundled(
        path=target,
        files=len(files),
        size_bytes=target.stat().st_size,
        warnings=found.warnings,
    )


def _held(root: Path, held: ExitStack) -> dict[Path, BinaryIO]:
    """The segments, open: they can be read although they are published meanwhile."""
    segments: dict[Path, BinaryIO] = {}
    for folder in live_folders(root):
        for _, path in segments_of(folder):
            with suppress(OSError):  # published just now, or too many
                segments[path] = held.enter_context(path.open("rb"))
    return segments


def _pack(
    root: Path,
    notes: str,
    progress: Callable[[int, int], object],
    files: list[Path],
    held: Mapping[Path, BinaryIO],
    aside: Path,
) -> None:
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED, allowZip64=True) as packed:
        packed.writestr(zipfile.ZipInfo(NOTES, _EPOCH), notes)
        for index, file in enumerate(files):
            member = zipfile.ZipInfo(file.relative_to(root).as_posix(), _EPOCH)
            try:
                source = held[file] if file in held else file.open("rb")
            except FileNotFoundError:
                raise _MovedError from None
            with source, packed.open(member, "w", force_zip64=True) as sink:
                shutil.copyfileobj(source, sink, _STEP_BYTES)
            progress(index + 1, len(files))


def is_bundle(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a bundle: a file whose suffix or first bytes say so."""
    place = Path(path)
    if not place.is_file():
        return False
    with place.open("rb") as file:
        return place.suffix == SUFFIX or file.read(4) == b"PK\x03\x04"


@contextmanager
def unbundled(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The archive in a bundle as a directory, which is removed afterwards.

    Raises:
        ArchiveError: It is no bundle of ours, or hides something: a path that leads out, a link,
            much more data than its size allows.
    """
    with tempfile.TemporaryDirectory(prefix="recourse-") as folder:
        _unpack(Path(path), Path(folder))
        yield Path(folder)


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
            _check(path, members)
            for member in members:
                _extract(packed, member, folder)
    except FileNotFoundError:
        raise ArchiveMissingError(os.fspath(path), "does not exist; give a bundle") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        problem = f"is a damaged bundle ({error})"
        raise ArchiveDamagedError(os.fspath(path), problem) from None


def _check(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse a bundle before anything of it is written."""
    allowed = path.stat().st_size * _MOST_TIMES + _SLACK_BYTES
    size = sum(member.file_size for member in members)
    if len(members) > _MOST_MEMBERS or size > allowed:
        problem = f"claims {size >> 20} MiB in {len(members)} files, more than a bundle ever holds"
        raise ArchiveDamagedError(os.fspath(path), problem)
    seen: set[str] = set()
    for member in members:
        is_link = (member.external_attr >> 16) & 0o170000 not in {0, 0o100000}
        if is_link or not _MEMBER.fullmatch(member.filename) or member.filename in seen:
            shown = member.filename[:80].encode("unicode_escape").decode()
            problem = f"is no bundle of an archive: it holds {shown!r}"
            raise ArchiveDamagedError(os.fspath(path), problem)
        seen.add(member.filename)


def _extract(packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    place = folder / member.filename
    place.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(member) as source, place.open("xb") as sink:
        shutil.copyfileobj(source, sink, _STEP_BYTES)
