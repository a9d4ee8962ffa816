"""`recourse why`: what differs between an incident and its baselines, over all columns."""

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
from recourse_observe.cli.options import common, explain, opened, the_archive, warn
from recourse_observe.cli.output import write_json, write_lines, write_rows, written
from recourse_observe.cli.which import incident_option
from recourse_observe.story.named import Reference, incident_named
from recourse_observe.text import clock, printable, zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recourse_observe.queries.account import Account
    from recourse_observe.queries.archive import Archive
    from recourse_observe.story.findings import Incident

__all__ = ["why"]

_HEADS = ("BEFORE", "DURING")


@click.command()
@click.argument("archive", required=False)
@common
@incident_option("Which, if not the worst:")
@click.option("-k", "--key", "only", metavar="KEY", help="One of its keys; else its loudest.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Rows at most."
)
@written
@click.option("--explain", "explained", is_flag=True, help="Show the SQL on stderr.")
def why(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    timeout: float | None,
    incident: Reference | None,
    only: str | None,
    limit: int,
    form: str,
    as_json: bool,
    explained: bool,
) -> int:
    """Show what differs between an incident of ARCHIVE and before it, and other keys meanwhile.

    What changed for other keys alike is marked "in time": it is no mark of this trouble.
    """
    with opened(the_archive(archive, other), timeout) as found:
        about = _incident(found, incident)
        told = _compared(found, about, only)
    if told.found.measures_b is None:
        warn(
            f"key {told.found.b.key!r} made no call during it; take one of {', '.join(about.keys)}"
        )
    if explained:
        explain("\n".join(evidence_lines(told.reading())))
    if as_json:
        write_json("recourse.why/1", {"incident": about.id, **as_document(told, limit)})
    elif form == "table":
        write_lines(_lines(about, told, limit))
    else:
        write_rows(COLUMNS, [as_row(one) for one in told.found.contrasts[:limit]], form)
    return Exit.OK


def _incident(archive: "Archive", reference: Reference | None) -> "Incident":
    from recourse_observe.story.changes import by_loss
    from recourse_observe.story.tell import tell

    story = tell(archive)
    if reference is None and story.incidents:
        return by_loss(story.incidents)[0]
    return incident_named(reference or Reference.read("1"), story)


def _compared(archive: "Archive", incident: "Incident", only: str | None) -> "Account":
    from recourse_observe.queries.account import account
    from recourse_observe.queries.compare import Side, compared, just_before
    from recourse_observe.scope import EVERYTHING

    during = archive.within(
        EVERYTHING.of(only or incident.keys[0]).during(
            incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000
        )
    )
    before = just_before(archive, during)
    found = compared(Side(archive=archive, scope=before), Side(archive=archive, scope=during))
    return account(found, archive, archive)


def _lines(incident: "Incident", told: "Account", limit: int) -> "Iterator[str]":
    a, b = told.found.a, told.found.b
    yield printable(
        f"#{incident.id} {b.key}  {clock(b.start_unix_us)} to {clock(b.end_unix_us)} "
        f"{zone_name(b.end_unix_us)}, "
        f"against {clock(a.start_unix_us)} to {clock(a.end_unix_us)} "
        "and other keys meanwhile"
    )
    yield ""
    ranked = sorted(told.found.contrasts, key=lambda one: one.is_in_time_only)
    yield from account_lines(told, ranked, limit, _HEADS)
