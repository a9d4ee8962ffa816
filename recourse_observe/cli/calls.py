"""`recourse calls`: the calls of a scope, flat or by shape."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import Chosen, common, explain, opened, scoped, the_archive, warn
from recourse_observe.cli.output import write_json, write_lines, write_rows, written
from recourse_observe.text import clock, count, duration, percent, printable, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recourse_observe.queries.rows import CallPage, ShapeRow

__all__ = ["calls"]


@click.command()
@click.argument("archive", required=False)
@common
@scoped
@click.option(
    "--sort",
    type=click.Choice(["start", "total", "attempts", "retries", "hedges"]),
    default="start",
    show_default=True,
    help="All but start are sorted greatest first.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    help="Rows at most.",
)
@click.option("--shapes", is_flag=True, help="Group calls by what happened in them.")
@written
@click.option("--explain", "explained", is_flag=True, help="Show the SQL on stderr.")
def calls(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    timeout: float | None,
    chosen: Chosen,
    sort: str,
    limit: int,
    shapes: bool,
    form: str,
    as_json: bool,
    explained: bool,
) -> int:
    """List the calls of ARCHIVE that the options choose."""
    from recourse_observe.queries.statements import literal

    with opened(the_archive(archive, other), timeout) as found:
        scope = chosen.scope(found)
        if shapes:
            shown = found.shapes(scope, limit=limit)
            if explained:
                explain(literal("shapes", scope, limit=limit))
            _show_shapes(shown, form, as_json=as_json)
            return Exit.OK
        descending = sort != "start"
        page = found.calls(scope, sort=sort, descending=descending, limit=limit)
        if explained:
            order = {"sort": sort, "sign": -1 if descending else 1, "limit": limit, "offset": 0}
            explain(literal("calls", scope, **order))
    _show(page, form, as_json=as_json)
    if page.total > len(page.rows):
        warn(f"{count(len(page.rows))} of {count(page.total)} calls shown; raise --limit for more")
    return Exit.OK


def _show(page: "CallPage", form: str, *, as_json: bool) -> None:
    rows = [asdict(row) for row in page.rows]
    for row in rows:
        del row["total"]
    if as_json:
        write_json("recourse.calls/1", {"total": page.total, "calls": rows})
    elif form != "table":
        names = list(rows[0]) if rows else ["call_id"]
        write_rows(names, [list(row.values()) for row in rows], form)
    else:
        head = ("START", "KEY", "OUTCOME", "REASON", "ATT", "TOTAL", "POLICY", "ID")
        cells = [
            (
                clock(row.started_unix_us, decimals=3),
                printable(row.key),
                row.disposition,
                printable(row.final_reason),
                str(row.attempts_run),
                duration(row.duration_us),
                printable(row.policy_version or row.policy_id),
                printable(row.call_id),
            )
            for row in page.rows
        ]
        write_lines(table(head, cells, right="llllrrll"))


def _show_shapes(rows: "Sequence[ShapeRow]", form: str, *, as_json: bool) -> None:
    content = [asdict(row) for row in rows]
    if as_json:
        write_json("recourse.shapes/1", {"shapes": content})
    elif form != "table":
        names = list(content[0]) if content else ["shape"]
        write_rows(names, [list(row.values()) for row in content], form)
    else:
        head = ("CALLS", "SHARE", "P50", "OUTCOME", "EXAMPLE", "SHAPE")
        write_lines(table(head, [_cells(row) for row in rows], right="rrrlll"))
    if rows and rows[0].shapes > len(rows):
        warn(f"{count(len(rows))} of {count(rows[0].shapes)} shapes shown; raise --limit for more")


def _cells(row: "ShapeRow") -> tuple[str, ...]:
    return (
        count(row.calls),
        percent(row.calls / row.of_calls),
        duration(row.p50_us),
        row.disposition,
        printable(row.example),
        printable(row.shape),
    )
