"""`recourse key`: one key over time."""

from dataclasses import asdict

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
from recourse_observe.cli.timeline import key_lines

__all__ = ["key"]

_SECOND_US = 1_000_000
_BY_BUCKET = ("buckets", "reasons", "latencies", "levels")
_CHANGES = ("transitions", "policies")


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
    """Show KEY of ARCHIVE over time: calls, losses and their reasons, latency, budgets, breakers, policies."""
    from recourse_observe.queries.over_time import over_time
    from recourse_observe.queries.statements import literal

    path, name = archive_and(arguments, other, "a policy key")
    with opened(path, timeout) as found:
        scope = found.within(chosen.scope(found).of(name))
        bucket_us = -(-max(scope.span_us // buckets, 1) // _SECOND_US) * _SECOND_US
        known = over_time(found, scope, bucket_us)
        if explained:
            sizes = {"bucket_us": bucket_us, "origin_us": scope.start_unix_us}
            for question in _BY_BUCKET:
                explain(literal(question, scope, **sizes))
            for question in _CHANGES:
                explain(literal(question, scope.during(0, scope.end_unix_us)))
    if as_json:
        write_json("recourse.key/1", {"key": name, **known.to_json()})
    elif form == "table":
        write_lines(key_lines(known))
    else:
        content = [asdict(row) for row in known.buckets]
        names = list(content[0]) if content else ["key"]
        write_rows(names, [list(row.values()) for row in content], form)
    if not known.buckets:
        warn(f"key {name!r} made no call in this scope; take one from `recourse triage`")
    return Exit.OK
