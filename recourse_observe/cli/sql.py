"""`recourse sql`: a query over the archive's tables."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import (
    Chosen,
    archive_and_maybe,
    common,
    explain,
    opened,
    scoped,
    warn,
)
from recourse_observe.cli.output import write_json, write_rows
from recourse_observe.text import count

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.console import Reply, Told
    from recourse_observe.scope import Scope

__all__ = ["sql"]

_BYTES = frozenset(("parquet", "arrow"))
_FORMATS = ("table", "json", "ndjson", "csv", "parquet", "arrow")


@click.command()
@click.argument("arguments", nargs=-1, metavar="[ARCHIVE] [QUERY]")
@common
@scoped
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000_000),
    default=10_000,
    show_default=True,
    help="Rows at most.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="table",
    show_default=True,
    help="How they are written.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--explain", "explained", is_flag=True, help="Show SQL and plan on stderr.")
def sql(  # noqa: PLR0913  # one argument per option
    *,
    arguments: tuple[str, ...],
    other: str | None,
    timeout: float | None,
    chosen: Chosen,
    limit: int,
    form: str,
    as_json: bool,
    explained: bool,
) -> int:
    """Answer QUERY, one SELECT, over the tables of ARCHIVE: calls, attempts and the others.

    Without QUERY a terminal prompts for one after the other, and Tab completes the names of tables
    and columns; anything else is read to its end as the query. In a query $brush is true for rows
    of the calls that the options choose. Parquet and Arrow (an IPC stream) are bytes: send them to
    a file or a pipe.
    """
    path, query = archive_and_maybe(arguments, other, "a query")
    if form in _BYTES and sys.stdout.isatty():
        message = f"format {form!r} is bytes, and this is a terminal; send them to a file"
        raise click.UsageError(message, click.get_current_context())
    asked = _Asked(limit=limit, form="json" if as_json else form, explained=explained)
    if query is None and not sys.stdin.isatty():
        query = _read()
    with opened(path, timeout) as found:
        scope = chosen.scope(found)
        if query is None:
            _prompt(found, scope, asked)
        else:
            asked.answer(found, scope, query)
    return Exit.OK


def _read() -> str:
    """The query on standard input."""
    query, message = "", "give a query, as an argument or on standard input"
    try:
        query = sys.stdin.read()
    except UnicodeDecodeError:
        message = "standard input is no text in UTF-8; give a query"
    if not query.strip():
        raise click.UsageError(message, click.get_current_context())
    return query


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """How queries are answered."""

    limit: int
    form: str
    explained: bool

    def answer(self, archive: "Archive", scope: "Scope", query: str) -> None:
        """Print the answer to one query."""
        from recourse_observe.queries.console import ask, plan, tell, with_brush

        reply = (ask if self.form in _BYTES else tell)(archive, query, scope, limit=self.limit)
        if self.explained:
            explain(with_brush(query, scope))
            explain(plan(archive, query, scope))
        _write(reply, self.form)
        if reply.is_cut:
            warn(f"the first {count(self.limit)} rows shown; raise --limit for more")


def _prompt(archive: "Archive", scope: "Scope", asked: _Asked) -> None:
    from recourse_observe.cli.prompt import Prompt  # it brings Arrow

    Prompt(lambda query: asked.answer(archive, scope, query), archive.store.interrupt).run()


def _write(reply: "Reply | Told", form: str) -> None:
    from recourse_observe.queries.console import Reply

    if isinstance(reply, Reply):
        from recourse_observe.archive.encoded import as_bytes  # it brings Arrow

        sys.stdout.flush()
        sys.stdout.buffer.write(as_bytes(reply.table, form))
    elif form == "json":
        document = {"rows": reply.answer.records, "is_cut": reply.is_cut}
        write_json("recourse.rows/1", document)
    else:
        write_rows(reply.answer.names, reply.answer.rows, form)
