"""Is an archive whole? Reads every byte of it, and sets aside what is not."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from recourse_observe.archive.asides import asides_of, forget
from recourse_observe.archive.disk import DISK, Disk
from recourse_observe.archive.files import publish, write_parquet
from recourse_observe.archive.findings import escaped
from recourse_observe.archive.index import write_index
from recourse_observe.archive.leftovers import recover
from recourse_observe.archive.limits import Limits
from recourse_observe.archive.merge import read_file
from recourse_observe.archive.names import LIVE, QUARANTINE
from recourse_observe.archive.opened import LocalStore
from recourse_observe.archive.reader import survey
from recourse_observe.archive.remote import RemoteStore
from recourse_observe.archive.schema import TABLES

__all__ = ["Checked", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found.

    Attributes:
        files: Files that are whole.
        rows: Rows in them, and in what is not published yet.
        size_bytes: Of the files.
        damaged: Files that are not whole, with the reason as a phrase.
        warnings: One sentence about everything that was left out.
        recovered: With ``repair``: rows of dead writers that were published.
        quarantined: With ``repair``: where damaged files were moved.
    """

    files: int
    rows: int
    size_bytes: int
    damaged: Mapping[Path, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    recovered: int = 0
    quarantined: tuple[Path, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damaged


def check(
    path: str | os.PathLike[str],
    *,
    repair: bool = False,
    trusted: bool = False,
    limits: Limits | None = None,
    looking: Callable[[str], object] = lambda _: None,
    disk: Disk = DISK,
) -> Checked:
    """Read every page of every file with its checksum, and hold what the file says of its rows against them.

    DuckDB looks at no checksum, and all readers believe the statistics by which they pass over rows.
    Interrupted, it has set aside some damaged files and not others; run again, it goes on.

    Args:
        path: An archive.
        repair: Publish what dead writers left, and move damaged files to ``_quarantine``, each with
            its reason beside it; then write the index anew. A file whose statistics are wrong is
            written anew, and a copy set aside. A file stays that a newer reader, or another user,
            may be able to read.
        trusted: Read it in this process, for an archive of your own making.
        limits: What the worker that reads any other may use.
        looking: Called with each file, as it is looked at.
        disk: The file operations.

    Raises:
        ArchiveError: There is no archive, or nothing of it can be read.
    """
    root = Path(path)
    can_repair = repair and root.is_dir()
    kept_before = _kept(root)
    if can_repair:
        forget(asides_of(root), disk)
    recovered = sum(recover(root, disk).values()) if can_repair else 0
    kept = sorted(_kept(root) - kept_before)
    report = _report(root, trusted=trusted, limits=limits, looking=looking)
    damaged = {Path(place): why for place, why in report["damaged"].items()}
    bad = damaged.keys() - {Path(place) for place in report["undecided"]} if can_repair else ()
    quarantined = [_set_aside(root, one, damaged[one], disk) for one in sorted(bad)]
    misstated = {Path(place): why for place, why in report["misstated"].items()}
    damaged |= dict.fromkeys(kept, "is damaged; what could be read of it was published") | misstated
    if can_repair:
        quarantined += _written_anew(root, misstated, disk)
        write_index(root, survey(root, indexed=False).paths.values(), disk)
    return Checked(
        files=report["files"],
        rows=report["rows"],
        size_bytes=report["size_bytes"],
        damaged=damaged,
        warnings=(*report["warnings"], *_sentences(root, misstated)),
        recovered=recovered,
        quarantined=(*kept, *quarantined),
    )


def _report(
    root: Path, *, trusted: bool, limits: Limits | None, looking: Callable[[str], object]
) -> dict[str, Any]:
    if trusted:
        return LocalStore(
            root, careful=True, looking=lambda place: looking(os.fspath(place))
        ).report()
    with RemoteStore(root, careful=True, limits=limits, looking=looking) as store:
        store.wait()
        return store.report()


def _kept(root: Path) -> set[Path]:
    """Damaged segments that were set aside when what could be read of them was published."""
    return set((root / QUARANTINE / LIVE).glob("*/*.segment"))


def _sentences(root: Path, misstated: Mapping[Path, str]) -> Iterator[str]:
    for path, why in misstated.items():
        inside = path.relative_to(root) if path.is_relative_to(root) else path
        yield f"{escaped(os.fspath(inside))} {why}"


def _written_anew(root: Path, misstated: Mapping[Path, str], disk: Disk) -> Iterator[Path]:
    """Write files anew from their rows, and set a copy of each aside first; the copies."""
    for path, file in survey(root, indexed=False).paths.items():
        if path not in misstated:
            continue
        rows = read_file(file)
        yield _set_aside(root, path, f"{misstated[path]}; it was written anew", disk, copied=True)
        spec = TABLES[file.table]
        publish(
            path, partial(write_parquet, rows=rows, spec=spec, metadata=file.metadata), disk=disk
        )


def _set_aside(root: Path, bad: Path, why: str, disk: Disk, *, copied: bool = False) -> Path:
    place = root / QUARANTINE / bad.relative_to(root)
    disk.folder(place.parent)
    if place.exists():  # nothing that was set aside is ever written over
        place = place.with_name(f"{bad.name}.{secrets.token_hex(4)}")
    reason = place.with_name(place.name + ".reason")
    text = f"{bad.name} {why}\n"
    publish(reason, lambda aside: aside.write_text(text, encoding="utf-8"), disk=disk)
    if copied:
        publish(place, partial(shutil.copyfile, bad), disk=disk)
    else:
        disk.rename(bad, place)
    return place
