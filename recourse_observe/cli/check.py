"""`recourse check`: is the archive whole, and what may it be missing?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import common, directory, is_trusted, opened, the_archive, warn
from recourse_observe.cli.output import size, write_json, write_lines
from recourse_observe.cli.progress import Progress
from recourse_observe.text import count, plural, printable

if TYPE_CHECKING:
    from recourse_observe.archive.check import Checked

__all__ = ["check"]


@click.command()
@click.argument("archive", required=False)
@common
@click.option(
    "--repair", is_flag=True, help="Publish what dead writers left; set damaged files aside."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def check(
    *,
    archive: str | None,
    other: str | None,
    timeout: float | None,
    repair: bool,
    as_json: bool,
) -> int:
    """Read every page of every file of ARCHIVE, and say what is damaged and what may be missing.

    Exits with 5 when anything is damaged. Damaged files that --repair sets aside lie in _quarantine,
    each with its reason.
    """
    from recourse_observe.archive.check import check as look  # it brings Arrow
    from recourse_observe.queries.completeness import missing

    path = the_archive(archive, other)
    if repair and Path(path).is_file():
        message = f"archive {path!r} is no directory; --repair needs one"
        raise click.UsageError(message, click.get_current_context())
    with directory(path) as root, Progress("checking") as progress:
        found = look(root, repair=repair, trusted=is_trusted(), looking=progress.step)
        with opened(root, timeout, quietly=True) as archived:
            incomplete = missing(archived)
    for sentence in found.warnings:
        warn(sentence)
    if as_json:
        write_json("recourse.check/1", _content(path, found, incomplete))
    else:
        write_lines(_lines(path, found, incomplete))
    return Exit.OK if found.is_whole else Exit.ARCHIVE


def _content(path: str, found: "Checked", incomplete: tuple[str, ...]) -> dict[str, object]:
    return {
        "archive": path,
        "is_whole": found.is_whole,
        "files": found.files,
        "rows": found.rows,
        "size_bytes": found.size_bytes,
        "damaged": {str(place): why for place, why in found.damaged.items()},
        "missing": list(incomplete),
        "warnings": list(found.warnings),
        "recovered": found.recovered,
        "quarantined": [str(place) for place in found.quarantined],
    }


def _lines(path: str, found: "Checked", incomplete: tuple[str, ...]) -> list[str]:
    shown = f"{printable(path)}: {plural(found.files, 'file')} whole, {count(found.rows)} rows"
    lines = [f"{shown}, {size(found.size_bytes)}"]
    if found.damaged:
        aside = f", {count(len(found.quarantined))} set aside in _quarantine"
        lines.append(
            f"{plural(len(found.damaged), 'file')} damaged{aside if found.quarantined else ''}"
        )
    if found.recovered:
        lines.append(f"{plural(found.recovered, 'row')} of dead writers published")
    lines += [printable(sentence) for sentence in incomplete]
    return lines
