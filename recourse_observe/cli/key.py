"""`recourse key`: one key over time."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import (
    Chosen,
    archive_and,
    common,
    explain,
    opened,
    scoped,
    warn,
)
from recourse_observe.cli.output import write_json, write_lines, write_rows, written
from recourse_observe.text import clock, count, duration, percent, table, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recourse_observe.queries.rows import BucketRow

__all__ = ["key"]

_SECOND_US = 1_000_000


@click.command()
@click.argument("arguments", nargs=-1, metavar="[ARCHIVE] KEY")
@common
@scoped
@click.option(
    "--buckets",
    type=click.IntRange(1, 100_000),
    default=30,
    show_default=True,
    help="Rows at most.",
)
@written
@click.option("--explain", "explained", is_flag=True, help="Show the SQL on stderr.")
def key(  # noqa: PLR0913  # one argument per option
    *,
    arguments: tuple[str, ...],
    other: str | None,
    timeout: float | None,
    chosen: Chosen,
    buckets: int,
    form: str,
    as_json: bool,
    explained: bool,
) -> int:
    """Show KEY of ARCHIVE over time: calls, losses, attempts per call, latency."""
    from recourse_observe.queries.statements import literal

    path, name = archive_and(arguments, other, "a policy key")
    with opened(path, timeout) as found:
        scope = found.within(chosen.scope(found).of(name))
        bucket_us = -(-max(scope.span_us // buckets, 1) // _SECOND_US) * _SECOND_US
        rows = found.buckets(scope, bucket_us=bucket_us)
        if explained:
            sizes = {"bucket_us": bucket_us, "origin_us": scope.start_unix_us}
            explain(literal("buckets", scope, **sizes))
    _show(name, rows, form, as_json=as_json)
    if not rows:
        warn(f"key {name!r} made no call in this scope; take one from `recourse triage`")
    return Exit.OK


def _show(name: str, rows: "Sequence[BucketRow]", form: str, *, as_json: bool) -> None:
    content = [asdict(row) for row in rows]
    if as_json:
        write_json("recourse.key/1", {"key": name, "buckets": content})
    elif form != "table":
        names = list(content[0]) if content else ["key"]
        write_rows(names, [list(row.values()) for row in content], form)
    else:
        head = ("TIME", "CALLS", "LOST", "FAIL", "AMP", "HEDGES", "DENIED", "REFUSED", "P50", "P99")
        cells = [
            (
                clock(row.start_unix_us),
                count(row.calls),
                count(row.lost),
                percent(row.lost / row.calls),
                times(row.attempts / row.calls),
                count(row.hedges),
                count(row.denied),
                count(row.rejected),
                duration(row.p50_us),
                duration(row.p99_us),
            )
            for row in rows
        ]
        write_lines(table(head, cells, right="lrrrrrrrrr"))
