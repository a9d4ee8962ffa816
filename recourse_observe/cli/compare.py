"""`recourse compare`: two windows, archives, keys or policies side by side."""

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from recourse_observe.cli.contrasts import (
    COLUMNS,
    account_lines,
    as_document,
    as_row,
    evidence_lines,
)
from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import (
    Chosen,
    common,
    explain,
    opened,
    scoped,
    the_archive,
    warn,
)
from recourse_observe.cli.output import write_json, write_lines, write_rows, written
from recourse_observe.scope import Scope, ScopeError, parse_instant
from recourse_observe.text import clock, day, printable, zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recourse_observe.queries.account import Account
    from recourse_observe.queries.archive import Archive

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
@click.option(
    "--limit", type=click.IntRange(min=1), default=30, show_default=True, help="Rows at most."
)
@written
@click.option("--explain", "explained", is_flag=True, help="Show the SQL on stderr.")
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
    explained: bool,
) -> int:
    """Compare B with A: two windows or policies of ARCHIVE, two keys, or ARCHIVE with OTHER.

    With only --b, A is as long a stretch just before it, unless --baseline says otherwise.
    """
    named = (archive_b, window_a, key_b, policy_a, policy_b)
    if chosen.baseline is not None and any(one is not None for one in named):
        message = (
            "--baseline says what A is; leave out --a, --key-b, --policy-a, --policy-b and OTHER"
        )
        raise click.UsageError(message, click.get_current_context())
    is_alone = window_b is not None and (archive_b, window_a, key_b) == (None, None, None)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(opened(the_archive(archive, other), timeout))
        second = first if archive_b is None else stack.enter_context(opened(archive_b, timeout))
        b = _side(second, chosen.scope(second), window_b, policy_b)
        if chosen.baseline is not None or (is_alone and policy_a is None):
            told = _against(first, b)
        else:
            a = _side(first, chosen.scope(first), window_a, policy_a)
            told = _of_both((first, a), (second, b if key_b is None else b.of(key_b)))
    found = told.found
    for name, scope, known in (("A", found.a, found.measures_a), ("B", found.b, found.measures_b)):
        if known is None:
            warn(f"{name} has no call: {_scope_told(scope)}")
    if explained:
        explain("\n".join(evidence_lines(told.reading())))
    if as_json:
        write_json("recourse.compare/1", as_document(told, limit))
    elif form == "table":
        write_lines(_lines(told, limit))
    else:
        write_rows(COLUMNS, [as_row(one) for one in found.contrasts[:limit]], form)
    return Exit.OK


def _against(archive: "Archive", b: Scope) -> "Account":
    from recourse_observe.queries.account import account
    from recourse_observe.queries.against import against

    return account(against(archive, b), archive, archive)


def _of_both(a: "tuple[Archive, Scope]", b: "tuple[Archive, Scope]") -> "Account":
    from recourse_observe.queries.account import account
    from recourse_observe.queries.compare import Side, compared

    if a == b:
        message = "A and B are the same; say what differs, for example --b 10:02..10:19"
        raise click.UsageError(message, click.get_current_context())
    found = compared(Side(archive=a[0], scope=a[1]), Side(archive=b[0], scope=b[1]))
    return account(found, a[0], b[0])


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


def _lines(told: "Account", limit: int) -> "Iterator[str]":
    found = told.found
    days = {f"{day(one.start_unix_us)} " for one in (found.a, found.b)}
    for name, scope in (("A", found.a), ("B", found.b)):
        date = f"{day(scope.start_unix_us)} " if len(days) > 1 else ""
        yield f"{name} {date}{_scope_told(scope)}"
    yield ""
    yield from account_lines(told, found.contrasts, limit, ("A", "B"))


def _scope_told(scope: Scope) -> str:
    said = (
        f"{clock(scope.start_unix_us)} to {clock(scope.end_unix_us)} {zone_name(scope.end_unix_us)}"
    )
    key = f"  {scope.key}" if scope.key else "  every key"
    where = f"  where {scope.where}" if scope.where else ""
    return printable(f"{said}{key}{where}")
