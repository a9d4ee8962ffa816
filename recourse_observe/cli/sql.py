"""`recourse sql`: a query over the archive's tables."""

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import archive_and, common, opened, warn
from recourse_observe.cli.output import FORMATS, write_json, write_rows
from recourse_observe.text import count

__all__ = ["sql"]


@click.command()
@click.argument("arguments", nargs=-1, metavar="[ARCHIVE] QUERY")
@common
@click.option("--limit", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def sql(  # one argument per option
    *,
    arguments: tuple[str, ...],
    other: str | None,
    timeout: float | None,
    limit: int,
    form: str,
    as_json: bool,
) -> int:
    """Answer QUERY over the tables of ARCHIVE: calls, attempts, policies and the others."""
    path, query = archive_and(arguments, other, "a query")
    with opened(path, timeout) as found:
        answer = found.sql(query)
    names = list(answer.column_names)
    rows = answer.slice(0, limit).to_pylist()
    if as_json:
        write_json("recourse.rows/1", {"total": answer.num_rows, "rows": rows})
    else:
        write_rows(names, [list(row.values()) for row in rows], form)
    if answer.num_rows > limit:
        warn(f"{count(limit)} of {count(answer.num_rows)} rows shown; raise --limit for more")
    return Exit.OK
