"""Is an archive whole? Reads every byte of it, and sets aside what is not."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from recourse_observe.archive.errors import ArchiveDamagedError
from recourse_observe.archive.files import publish
from recourse_observe.archive.leftovers import recover
from recourse_observe.archive.reader import Survey, survey
from recourse_observe.archive.validate import FoundFile

__all__ = ["Checked", "check"]

QUARANTINE: Final = "_quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found.

    Attributes:
        files: Files that are whole.
        rows: Rows in them, and in what is not published yet.
        size_bytes: Of the files.
        damaged: Files that are not whole, with the reason as a phrase.
        warnings: One sentence about everything else that was left out.
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


def check(path: str | os.PathLike[str], *, repair: bool = False) -> Checked:
    """Read every page of every file with its checksum; DuckDB never looks at them.

    Args:
        path: An archive.
        repair: Publish what dead writers left, and move damaged files to ``_quarantine``, each with
            its reason beside it.

    Raises:
        ArchiveError: There is no archive, or nothing of it can be read.
    """
    root = Path(path)
    recovered = sum(recover(root).values()) if repair and root.is_dir() else 0
    found = survey(path)
    damaged = dict(found.damaged)
    for file in (file for files in found.files.values() for file in files):
        if problem := _problem(file):
            damaged[file.path] = problem
    quarantined = [_set_aside(root, bad, why) for bad, why in damaged.items()] if repair else []
    if len(damaged) == _count(found) + found.skipped and not found.segments:
        raise ArchiveDamagedError(os.fspath(path), "has not one file that is whole")
    return Checked(
        files=_count(found) + found.skipped - len(damaged),
        rows=found.rows,
        size_bytes=found.size_bytes,
        damaged=damaged,
        warnings=found.warnings,
        recovered=recovered,
        quarantined=tuple(quarantined),
    )


def _count(found: Survey) -> int:
    return sum(map(len, found.files.values()))


def _problem(file: FoundFile) -> str:
    """What is wrong with a file's data, as a phrase; empty when nothing is."""
    try:
        with pq.ParquetFile(str(file.path), page_checksum_verification=True) as opened:
            rows = sum(batch.num_rows for batch in opened.iter_batches())
    except (OSError, pa.ArrowException) as error:
        return f"has damaged data ({str(error).splitlines()[0][:200]})"
    return "" if rows == file.rows else f"holds {rows} rows and claims {file.rows}"


def _set_aside(root: Path, bad: Path, why: str) -> Path:
    place = root / QUARANTINE / bad.relative_to(root)
    place.parent.mkdir(parents=True, exist_ok=True)
    bad.replace(place)
    reason = place.with_name(place.name + ".reason")
    publish(reason, lambda aside: aside.write_text(f"{bad.name} {why}\n", encoding="utf-8"))
    return place
