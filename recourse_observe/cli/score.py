"""`recourse lab score`: how good the stories of labelled archives are."""

from pathlib import Path

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.output import write_json, write_lines

__all__ = ["score"]


@click.command(short_help="Compare stories with labels.")
@click.argument(
    "directories",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How it is written.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--worst",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="How many mistakes to show.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="How many processes."
)
@click.option("--exit-code", is_flag=True, help="Exit with 3 when a bound is not kept.")
def score(
    *,
    directories: tuple[Path, ...],
    form: str,
    as_json: bool,
    worst: int,
    jobs: int,
    exit_code: bool,
) -> int:
    """Tell the stories of the labelled archives below DIRECTORIES and compare them with their labels.

    A label is a file `labels.json` in the folder of an archive, or in the one above.
    """
    from recourse_observe.story.score import report  # the story engine brings DuckDB and Arrow
    from recourse_observe.story.score.measures import measured
    from recourse_observe.story.score.run import scored

    cases = scored(directories, jobs=jobs)
    if as_json or form == "json":
        write_json(report.SCHEMA, report.as_document(cases, worst=worst))
    else:
        write_lines(report.as_lines(cases, worst=worst))
    missed = not all(one.is_met for one in measured(cases))
    return Exit.FOUND if exit_code and missed else Exit.OK
