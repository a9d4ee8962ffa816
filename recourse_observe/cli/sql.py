"""`recourse sql`: a query over the archive's tables."""

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import Chosen, archive_and, common, opened, scoped, warn
from recourse_observe.cli.output import FORMATS, write_json, write_rows
from recourse_observe.text import count

__all__ = ["sql"]


@click.command()
@click.argument("arguments", nargs=-1, metavar="[ARCHIVE] QUERY")
@common
@scoped
@click.option("--limit", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def sql(  # noqa: PLR0913  # one argument per option
    *,
    arguments: tuple[str, ...],
    other: str | None,
    timeout: float | None,
    chosen: Chosen,
    limit: int,
    form: str,
    as_json: bool,
) -> int:
    """Answer QUERY, one SELECT, over the tables of ARCHIVE: calls, attempts and the others.

    In it $brush is true for rows of the calls that the options choose.
    """
    from recourse_observe.queries.console import ask  # it brings DuckDB and Arrow

    path, query = archive_and(arguments, other, "a query")
    with opened(path, timeout) as found:
        reply = ask(found, query, chosen.scope(found), limit=limit)
    columns = [column.to_pylist() for column in reply.table.columns]
    names, rows = list(reply.table.column_names), list(zip(*columns, strict=True))
    if as_json:
        documents = [dict(zip(names, row, strict=True)) for row in rows]
        write_json("recourse.rows/1", {"rows": documents, "is_cut": reply.is_cut})
    else:
        write_rows(names, rows, form)
    if reply.is_cut:
        warn(f"the first {count(limit)} rows shown; raise --limit for more")
    return Exit.OK
