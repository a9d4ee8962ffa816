"""`recourse triage`: incidents and keys at a glance."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from recourse_observe.cli.exits import Exit
from recourse_observe.cli.options import Chosen, common, explain, opened, scoped, the_archive, warn
from recourse_observe.cli.output import write_json, write_lines
from recourse_observe.cli.which import incident_option
from recourse_observe.scope import instant
from recourse_observe.story.named import Reference, incident_named
from recourse_observe.text import (
    clock,
    count,
    day,
    duration,
    percent,
    plural,
    printable,
    signed,
    span,
    sparkline,
    table,
    times,
    zone_name,
)

if TYPE_CHECKING:
    from recourse_observe.queries.archive import Archive
    from recourse_observe.queries.rows import KeyRow
    from recourse_observe.story.changes import Change
    from recourse_observe.story.find import Found
    from recourse_observe.story.findings import Incident, StoryDocument
    from recourse_observe.whatif.glance import Glance

__all__ = ["triage"]

_DEGRADED = 0.01
"""From which share of lost calls on a key that is in no incident is not fine either."""
_GLYPHS = {"closed": "●", "half_open": "◐", "open": "○", "isolated": "⊘", "disabled": "—"}


@click.command()
@click.argument("archive", required=False)
@common
@scoped
@incident_option("Whose changes are told, if not those of the worst:")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--explain", "explained", is_flag=True, help="Show the SQL on stderr.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when an incident was found.")
def triage(  # noqa: PLR0913  # one argument per option
    *,
    archive: str | None,
    other: str | None,
    timeout: float | None,
    chosen: Chosen,
    incident: Reference | None,
    as_json: bool,
    explained: bool,
    exit_code: bool,
) -> int:
    """Show the incidents of ARCHIVE, what changed, and its keys; the one that lost most first."""
    from recourse_observe.queries.completeness import missing
    from recourse_observe.queries.statements import literal
    from recourse_observe.story.find import find  # it brings DuckDB and Arrow
    from recourse_observe.story.tell import tell

    with opened(the_archive(archive, other), timeout) as found:
        scope = chosen.scope(found)
        where = find(found)
        document, keys = tell(found, where), found.keys(scope)
        told = _told(found, document, where, incident)
        for sentence in missing(found, scope):
            warn(sentence)
        if not keys and document.incidents:
            warn("no call starts in this scope; the incidents are those of the whole archive")
        if explained:
            explain(literal("keys", scope))
    if as_json:
        write_json("recourse.triage/1", {**_content(document, keys), **_as_content(told)})
    else:
        write_lines(_lines(document, keys, told))
    return Exit.FOUND if exit_code and document.incidents else Exit.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """An incident of which more is told, what changed around it, and what could be changed."""

    number: int
    changes: "tuple[Change, ...]"
    glance: "tuple[Glance, ...]"


def _told(
    archive: "Archive", document: "StoryDocument", where: "Found", reference: Reference | None
) -> _Told | None:
    from recourse_observe.story.changes import by_loss, changes
    from recourse_observe.whatif.glance import glance

    if reference is not None:
        chosen = incident_named(reference, document)
    elif document.incidents:
        chosen = by_loss(document.incidents)[0]
    else:
        return None
    return _Told(
        number=chosen.id,
        changes=changes(archive, chosen),
        glance=glance(archive, chosen, where.spans[chosen.id - 1]),
    )


def _as_content(told: _Told | None) -> dict[str, Any]:
    if told is None:
        return {"changes_of": None, "changes": [], "what_to_change": []}
    rows = [{"at": instant(one.at_us), "text": one.text} for one in told.changes]
    asked = [asdict(one) for one in told.glance]
    return {"changes_of": told.number, "changes": rows, "what_to_change": asked}


def _content(document: "StoryDocument", keys: "Sequence[KeyRow]") -> dict[str, Any]:
    from recourse_observe.story.changes import by_loss

    story = document.to_json()
    return {
        "archive": story["archive"],
        "window": story["window"],
        "warnings": story["warnings"],
        "incidents": [
            {
                name: one[name]
                for name in (
                    "id",
                    "onset_ns",
                    "end_ns",
                    "ongoing",
                    "keys",
                    "cause",
                    "confidence",
                    "amplification",
                    "retry_effect",
                    "measures",
                    "headline",
                )
            }
            for one in (incident.to_json() for incident in by_loss(document.incidents))
        ],
        "keys": [asdict(row) for row in keys],
    }


def _lines(
    document: "StoryDocument", keys: "Sequence[KeyRow]", told: _Told | None
) -> Iterator[str]:
    from recourse_observe.story.changes import by_loss

    start, end = document.start_unix_ns // 1_000, document.end_unix_ns // 1_000
    calls = sum(row.calls for row in keys)
    yield (
        f"{printable(document.archive)}  {day(start)} {clock(start)} to {clock(end)} "
        f"{zone_name(end)}"
        f"  {plural(calls, 'call')}"
    )
    yield ""
    if not document.incidents:
        yield "No incident."
        yield from (f"  {fact.text}" for fact in document.looked_at)
    else:
        yield f"INCIDENTS {len(document.incidents)}"
    for one in by_loss(document.incidents):
        yield from _incident(one)
    yield ""
    if told is not None:
        yield f"CHANGES #{told.number}"
        yield from (f"  {clock(one.at_us)}  {printable(one.text)}" for one in told.changes)
        yield ""
        yield from _glanced(told)
    yield from _keys(document, keys)


def _glanced(told: _Told) -> Iterator[str]:
    """What could be changed, with what is known of it at once; nothing when nothing is."""
    if not told.glance:
        return
    rows = [
        (
            one.name,
            "…" if one.load is None else signed(one.load),
            str(one.kind),
            "…" if one.lost is None else f"≤{count(one.lost)}",
        )
        for one in told.glance
    ]
    head = (f"WHAT TO CHANGE #{told.number}", "LOAD", "KIND", "LOST")
    yield from table(head, rows, right="lrlr")
    if any(one.load is None for one in told.glance):
        yield "… is what a model tells: recourse whatif --suggest"
    yield ""


def _incident(one: "Incident") -> Iterator[str]:
    from recourse_observe.story.narrate import cause_name

    m = one.measures
    start, end = one.onset_unix_ns // 1_000, one.end_unix_ns // 1_000
    until = "still going on" if one.ongoing else clock(end)
    yield (
        f"✗ #{one.id} {', '.join(printable(key) for key in one.keys)}  {clock(start)} → {until}  "
        f"{span(end - start)}  {plural(m.lost, 'call')} lost ({percent(m.lost_share)})"
    )
    reason = f" · {printable(m.reason)} {percent(m.reason_share)} of attempts" if m.reason else ""
    was = f" (was {percent(m.reason_share_before)})" if m.reason_share else ""
    yield f"     cause     {cause_name(one.cause)} {one.confidence:.2f}{reason}{was}"
    yield (
        f"     our part  {one.retry_effect.upper()}, load {times(one.amplification)} · "
        f"{count(m.wasted)} wasted retries · {count(m.rescued)} rescued"
    )


def _mark(row: "KeyRow", hit: set[str], affected: set[str]) -> str:
    """Whether a key is in an incident, suffers, or is fine."""
    if row.key in hit:
        return "✗"
    return "!" if row.key in affected or row.lost_share > _DEGRADED else "●"


def _keys(document: "StoryDocument", keys: "Sequence[KeyRow]") -> Iterator[str]:
    hit = {key for one in document.incidents for key in one.keys}
    affected = {key for one in document.incidents for key in one.affected_keys}
    head = ("", "KEY", "CALLS", "AMP", "FAIL", "P50", "P99", "DENIED", "BRK", "LOST over time")
    rows = [
        (
            _mark(row, hit, affected),
            printable(row.key),
            count(row.calls),
            times(row.attempts_per_call),
            percent(row.lost_share),
            duration(row.p50_us),
            duration(row.p99_us),
            count(row.denied),
            _GLYPHS.get(row.breaker, "—"),
            sparkline(row.lost_per_bucket),
        )
        for row in keys
    ]
    yield from table(head, rows, right="llrrrrrrll")
