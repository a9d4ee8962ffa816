"""`recourse why`: what differs between an incident and its baselines, over all columns."""

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
from recourse_observe.cli.options import common, opened, the_archive, warn
from recourse_observe.cli.output import write_json, write_lines, write_rows, written
from recourse_observe.text import clock, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.compare import Comparison
    from recourse_observe.story.findings import Incident

__all__ = ["why"]


@click.command()
@click.argument("archive", required=False)
@common
@click.option(
    "-i", "--incident", "number", type=int, metavar="N",
    help="Which; that with most lost calls if left out.",
)  # fmt: skip
@click.option("-k", "--key", "only", metavar="KEY", help="One of its keys; else its loudest.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Rows at most."
)
@written
def why(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    timeout: float | None,
    number: int | None,
    only: str | None,
    limit: int,
    form: str,
    as_json: bool,
) -> int:
    """Show what differs between an incident of ARCHIVE and before it, and other keys meanwhile.

    What changed for other keys alike is marked "in time": it is no mark of this trouble.
    """
    with opened(the_archive(archive, other), timeout) as found:
        incident = _incident(found, number)
        told = _compared(found, incident, only)
    if told.measures_b is None:
        warn(f"key {told.b.key!r} made no call during it; take one of {', '.join(incident.keys)}")
    if as_json:
        write_json("recourse.why/1", {"incident": incident.id, **as_document(told, limit)})
    elif form == "table":
        write_lines(_lines(incident, told, limit))
    else:
        write_rows(COLUMNS, [as_row(one) for one in told.contrasts[:limit]], form)
    return Exit.OK


def _incident(archive: "Archive", number: int | None) -> "Incident":
    from recourse_observe.story.changes import by_loss
    from recourse_observe.story.tell import tell

    incidents = by_loss(tell(archive).incidents)
    chosen = [one for one in incidents if number in {None, one.id}]
    if not chosen:
        message = f"incident {number or 1} is not among the {len(incidents)} of this archive; count from 1"
        raise click.UsageError(message, click.get_current_context())
    return chosen[0]


def _compared(archive: "Archive", incident: "Incident", only: str | None) -> "Comparison":
    from recourse_observe.queries.compare import Side, compared, just_before
    from recourse_observe.scope import EVERYTHING

    during = archive.within(
        EVERYTHING.of(only or incident.keys[0]).during(
            incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000
        )
    )
    before = just_before(archive, during)
    return compared(Side(archive=archive, scope=before), Side(archive=archive, scope=during))


def _lines(incident: "Incident", found: "Comparison", limit: int) -> "Iterator[str]":
    b = found.b
    yield printable(
        f"#{incident.id} {b.key}  {clock(b.start_unix_us)} to {clock(b.end_unix_us)} UTC, "
        f"against {clock(found.a.start_unix_us)} to {clock(found.a.end_unix_us)} "
        "and other keys meanwhile"
    )
    yield ""
    yield from measure_lines(found.measures_a, found.measures_b, ("BEFORE", "DURING"))
    yield ""
    ranked = sorted(found.contrasts, key=lambda one: one.is_in_time_only)
    yield from contrast_lines(ranked[:limit], ("BEFORE", "DURING"))
    yield f"{min(limit, len(ranked))} of {len(ranked)} values"
    if found.policy:
        yield ""
        yield "POLICY  before → during"
        yield from policy_lines(found)
