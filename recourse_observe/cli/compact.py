"""`recourse compact`: many small files made into few that read fast."""

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import the_archive
from recourse_observe.cli.output import size, write_json, write_lines
from recourse_observe.cli.progress import Progress
from recourse_observe.text import count, plural

__all__ = ["compact"]


@click.command()
@click.argument("archive", required=False)
@click.option("-a", "--archive", "other", metavar="PATH", help="The archive, as an option.")
@click.option(
    "--rows-per-file",
    type=click.IntRange(1),
    default=5_000_000,
    show_default=True,
    metavar="N",
    help="Where a file ends.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def compact(*, archive: str | None, other: str | None, rows_per_file: int, as_json: bool) -> int:
    """Merge the files of ARCHIVE by table and hour, sorted by key and time, while writers go on.

    At no moment is a row missing or there twice, and it may be interrupted at any. Publishes what
    dead writers left, and writes the index anew.
    """
    from recourse_observe.archive.compact import compact as merge  # it brings DuckDB and Arrow

    path = the_archive(archive, other)
    with Progress("compacting hour") as progress:
        done = merge(path, rows_per_file=rows_per_file, progress=progress.reach)
    if as_json:
        write_json(
            "recourse.compact/1",
            {name: getattr(done, name) for name in type(done).__dataclass_fields__},
        )
    else:
        write_lines(
            [
                f"{plural(done.files_before, 'file')} became {count(done.files_after)}: "
                f"{count(done.rows)} rows, {size(done.bytes_before)} → {size(done.bytes_after)}"
                + (
                    f"; {count(done.recovered)} rows of dead writers first"
                    if done.recovered
                    else ""
                )
            ]
        )
    return Exit.OK
