"""`recourse bundle`: an archive in one file, to hand over."""

from pathlib import Path

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import the_archive, warn
from recourse_observe.cli.output import size, write_json, write_lines
from recourse_observe.cli.progress import Progress
from recourse_observe.text import plural, printable

__all__ = ["bundle"]


@click.command()
@click.argument("archive", required=False)
@click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option.")
@click.option("-o", "--out", metavar="FILE", help="The bundle; ARCHIVE.rarc when left out.")
@click.option("--notes", default="", metavar="TEXT", help="What the reader should know.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def bundle(
    *,
    archive: str | None,
    other: str | None,
    out: str | None,
    notes: str,
    force: bool,
    as_json: bool,
) -> int:
    """Pack ARCHIVE into one file, which every command reads like the directory.

    The file appears whole or not at all; interrupted, nothing is left of it.
    """
    from recourse_observe.archive.bundle import SUFFIX, bundle as pack  # it brings Arrow

    path = the_archive(archive, other)
    target = Path(out or Path(path).resolve().name + SUFFIX)
    if target.exists() and not force:
        message = f"bundle {str(target)!r} is there already; give another -o, or --force"
        raise click.UsageError(message, click.get_current_context())
    with Progress("packing") as progress:
        done = pack(path, target, notes=notes, progress=progress.reach)
    for sentence in done.warnings:
        warn(sentence)
    if as_json:
        counts = {"files": done.files, "size_bytes": done.size_bytes}
        write_json("recourse.bundle/1", {"bundle": str(target), **counts})
        return Exit.OK
    shown = f"{printable(str(target))}: {plural(done.files, 'file')}, {size(done.size_bytes)}"
    write_lines([shown])
    return Exit.OK
