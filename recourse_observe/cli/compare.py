"""`recourse compare`: two windows, archives, keys or policies side by side."""

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from recourse_observe.cli.contrasts import (
    COLUMNS,
    as_document,
    as_row,
    contrast_lines,
    measure_lines,
    policy_lines,
)
from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import Chosen, common, opened, scoped, the_archive
from recourse_observe.cli.output import FORMATS, write_json, write_lines, write_rows
from recourse_observe.scope import Scope, ScopeError, parse_instant
from recourse_observe.text import clock, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.compare import Comparison

__all__ = ["compare"]


@click.command()
@click.argument("archive", required=False)
@click.argument("archive_b", required=False, metavar="[OTHER]")
@common
@scoped
@click.option("--a", "window_a", metavar="T1..T2", help="The window of A.")
@click.option("--b", "window_b", metavar="T1..T2", help="The window of B.")
@click.option("--key-b", metavar="KEY", help="The key of B; that of A is -k.")
@click.option("--policy-a", metavar="VERSION", help="Only calls of A under this policy.")
@click.option("--policy-b", metavar="VERSION", help="Only calls of B under this policy.")
@click.option("--limit", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def compare(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    archive_b: str | None,
    other: str | None,
    timeout: float | None,
    chosen: Chosen,
    window_a: str | None,
    window_b: str | None,
    key_b: str | None,
    policy_a: str | None,
    policy_b: str | None,
    limit: int,
    form: str,
    as_json: bool,
) -> int:
    """Compare B with A: two windows or policies of ARCHIVE, two keys, or ARCHIVE with OTHER.

    With only --b, A is as long a stretch just before it.
    """
    from recourse_observe.queries.compare import Side, compared, just_before

    with contextlib.ExitStack() as stack:
        first = stack.enter_context(opened(the_archive(archive, other), timeout))
        second = first if archive_b is None else stack.enter_context(opened(archive_b, timeout))
        b = _side(second, chosen.scope(second), window_b, policy_b)
        b = b if key_b is None else b.of(key_b)
        if window_a is None and window_b is not None and archive_b is None and key_b is None:
            a = just_before(first, b)
        else:
            a = _side(first, chosen.scope(first), window_a, policy_a)
        if (archive_b, a) == (None, b):
            message = "A and B are the same; say what differs, for example --b 10:02..10:19"
            raise click.UsageError(message, click.get_current_context())
        found = compared(Side(archive=first, scope=a), Side(archive=second, scope=b))
    if as_json:
        write_json("recourse.compare/1", as_document(found, limit))
    elif form == "table":
        write_lines(_lines(found, limit))
    else:
        write_rows(COLUMNS, [as_row(one) for one in found.contrasts[:limit]], form)
    return Exit.OK


def _side(archive: "Archive", scope: Scope, window: str | None, policy: str | None) -> Scope:
    """The scope of one side, within its archive."""
    if policy is not None:
        scope = replace(scope, where=f"{scope.where} 'policy:{policy}'".strip())
    if window is not None:
        scope = scope.during(*_window(window, archive.coverage().first_unix_us))
    return archive.within(scope)


def _window(text: str, first_unix_us: int) -> tuple[int, int]:
    start, dots, end = text.partition("..")
    if not dots:
        raise ScopeError(text, "window", "two moments, for example 10:02..10:19")
    return parse_instant(start, day_unix_us=first_unix_us), parse_instant(
        end, day_unix_us=first_unix_us
    )


def _lines(found: "Comparison", limit: int) -> "Iterator[str]":
    yield f"A {_told(found.a)}"
    yield f"B {_told(found.b)}"
    yield ""
    yield from measure_lines(found.measures_a, found.measures_b, ("A", "B"))
    yield ""
    yield from contrast_lines(found.contrasts[:limit], ("A", "B"))
    yield f"{min(limit, len(found.contrasts))} of {len(found.contrasts)} values"
    if found.policy:
        yield ""
        yield "POLICY  A → B"
        yield from policy_lines(found)


def _told(scope: Scope) -> str:
    said = f"{clock(scope.start_unix_us)} to {clock(scope.end_unix_us)} UTC"
    key = f"  {scope.key}" if scope.key else "  every key"
    where = f"  where {scope.where}" if scope.where else ""
    return printable(f"{said}{key}{where}")
