"""`recourse call`: one call with its attempts, waits and decisions."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import Chosen, archive_and, common, explain, opened, scoped
from recourse_observe.cli.output import write_json, write_lines
from recourse_observe.text import (
    clock,
    count,
    duration,
    percent,
    plural,
    printable,
    table,
    zone_name,
)

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import AttemptRow, WholeCall
    from recourse_observe.queries.same import SameShape

__all__ = ["call"]

_BAR = 32


@click.command()
@click.argument("arguments", nargs=-1, metavar="[ARCHIVE] CALL_ID")
@common
@scoped
@click.option(
    "--against", metavar="CALL_ID", help="Beside it; `success`: the nearest that went well."
)
@click.option("--same", is_flag=True, help="And how many calls of its key went the same way.")
@click.option("--explain", "explained", is_flag=True, help="Show the SQL on stderr.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def call(  # noqa: PLR0913  # one argument per option
    *,
    arguments: tuple[str, ...],
    other: str | None,
    timeout: float | None,
    chosen: Chosen,
    against: str | None,
    same: bool,
    explained: bool,
    as_json: bool,
) -> int:
    """Show one call of ARCHIVE; the beginning of its id is enough if no other call has it.

    Options of time and filter say among which calls those of the same shape are counted.
    """
    from recourse_observe.queries.beside import beside  # it brings Arrow

    path, call_id = archive_and(arguments, other, "a call's id")
    with opened(path, timeout) as found:
        whole = found.call(call_id)
        second = None if against is None else _second(found, whole, against)
        alike = _alike(found, chosen, whole) if same else None
    if explained:
        for one in (whole, *(() if second is None else (second,))):
            _explain(one)
    if second is None:
        schema, document = "recourse.call/1", {**asdict(whole), **_same_document(alike)}
        lines = (*_lines(whole), *_same_lines(alike))
    else:
        rows = [asdict(row) for row in beside(second, whole)]
        schema, document = (
            "recourse.beside/1",
            {"a": asdict(second), "b": asdict(whole), "rows": rows},
        )
        lines = tuple(_beside(second, whole))
    if as_json:
        write_json(schema, document)
    else:
        write_lines(lines)
    return Exit.OK


def _explain(whole: "WholeCall") -> None:
    """The queries behind a call."""
    from recourse_observe.queries.statements import literal

    place: dict[str, Any] = {
        "call_id": whole.call.call_id,
        "key": whole.call.key,
        "started_us": whole.call.started_unix_us,
    }
    for name in ("call", "call_attempts", "call_budget", "call_hedges"):
        explain(literal(name, **place))


def _alike(found: "Archive", chosen: Chosen, whole: "WholeCall") -> "SameShape":
    from recourse_observe.queries.same import same_shape

    return same_shape(found, chosen.scope(found), whole)


def _same_document(same: "SameShape | None") -> dict[str, Any]:
    if same is None:
        return {}
    counts = {"calls": same.calls, "of_calls": same.of_calls}
    return {"same_shape": {"shape": same.shape, **counts, "where": same.scope.where}}


def _same_lines(same: "SameShape | None") -> Iterator[str]:
    if same is not None:
        yield ""
        of_key = f"{count(same.calls)} of {plural(same.of_calls, 'call')} of its key"
        yield f"same shape: {of_key} ({percent(same.share)})"
        yield f"  --where  {printable(same.scope.where)}"


def _second(found: "Archive", whole: "WholeCall", against: str) -> "WholeCall":
    from recourse_observe.queries.beside import other_call  # it brings Arrow

    second = other_call(found, whole, against)
    if second is None:
        message = f"key {whole.call.key!r} has no call that went well; name one with --against"
        raise click.ClickException(printable(message))
    return second


def _beside(a: "WholeCall", b: "WholeCall") -> Iterator[str]:
    from recourse_observe.queries.beside import beside

    rows = [
        (row.name, printable(row.a), printable(row.b), "◂" if row.differs else "")
        for row in beside(a, b)
    ]
    yield from table(
        ("", printable(a.call.call_id), printable(b.call.call_id), ""), rows, right="llll"
    )


def _lines(whole: "WholeCall") -> Iterator[str]:
    one = whole.call
    won = "unfinished" if one.disposition == "unfinished" else "ok" if one.success else "LOST"
    yield (
        f"{printable(one.key)} {printable(one.call_id)}  {won} {one.disposition} "
        f"({printable(one.final_reason)}) after {plural(one.attempts_run, 'attempt')} "
        f"in {duration(one.duration_us)}"
    )
    yield (
        f"{clock(one.started_unix_us, decimals=6)} {zone_name(one.started_unix_us)}  {printable(one.instance)}  "
        f"policy {printable(one.policy_id)} {printable(one.policy_version)} ({one.policy_source})"
        + (f"  deadline {duration(one.deadline_us)}" if one.deadline_us is not None else "")
    )
    if one.error_type is not None:
        message = f": {printable(one.error_message)}" if one.error_message else ""
        yield f"error {printable(one.error_type)}{message}"
    yield ""
    head = ("ATTEMPT", "AFTER", "TOOK", "", "OUTCOME", "BACKOFF", "BUDGET", "PEER")
    rows = [_row(whole, attempt) for attempt in whole.attempts]
    yield from table(head, rows, right="lrrllrll")
    for hedge in whole.hedges:
        yield (
            f"hedge {hedge.attempt}.{hedge.hedge_index} after {duration(hedge.delay_us)}: "
            f"{hedge.result}"
        )


def _row(whole: "WholeCall", one: "AttemptRow") -> tuple[str, ...]:
    start = whole.call.started_unix_us
    kind = "hedge" if one.is_hedge else "retry" if one.attempt else "original"
    name = f"{one.attempt}.{one.hedge_index}" if one.is_hedge else str(one.attempt)
    status = f" {one.status}" if one.status is not None else ""
    return (
        f"{name} {kind}",
        duration(one.started_unix_us - start),
        duration(one.duration_us) if one.ran else "denied",
        _bar(one.started_unix_us - start, one.ended_unix_us - start, whole.call.duration_us),
        f"{printable(one.reason)}{status}",
        duration(one.backoff_us) if one.backoff_us else "",
        _budget(whole, one),
        printable(one.peer or ""),
    )


def _bar(start_us: int, end_us: int, span_us: int) -> str:
    """Where in the call it ran; even the shortest attempt has a mark."""
    scale = _BAR / max(span_us, 1)
    first = min(_BAR - 1, max(0, int(start_us * scale)))
    last = min(_BAR, max(first + 1, round(end_us * scale)))
    return (" " * first + "█" * (last - first)).ljust(_BAR)


def _budget(whole: "WholeCall", one: "AttemptRow") -> str:
    """What its budget said, with the tokens left where the budget told."""
    place = (one.attempt, one.hedge_index)
    asked = [row for row in whole.budget if (row.attempt, row.hedge_index) == place]
    if not asked:
        return ""
    left = f" {asked[-1].level_after:g} left" if asked[-1].level_after is not None else ""
    answer = "✓" if asked[-1].allowed else f"✗ {printable(asked[-1].reason)}"
    return f"{answer} {printable(asked[-1].budget_name)}{left}"
