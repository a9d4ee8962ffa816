"""A story as lines: headline, facts, sample calls, what was ruled out, what cannot be known, and the proof of a fact."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Final, TypeAlias

from recourse_observe.story.narrate import cause_name
from recourse_observe.text import clock, count, printable
from recourse_tui.lines import Ink, Line, Span, cell, inked

if TYPE_CHECKING:
    from recourse_observe.story.findings import Checked, Evidence, Fact, Incident

    About: TypeAlias = Fact | Evidence | Checked | str
    """What a line on which the cursor may stand is about; a text is one that says why something cannot be known."""

__all__ = ["fact_lines", "headline", "proof", "told"]

_LEAD: Final = 22
_TITLE: Final = 14
_INKS: Final = {
    "ROOT": Ink.BAD,
    "ROOT?": Ink.WARN,
    "IMPACT": Ink.BAD,
    "OURS": Ink.INFO,
    "GUARD": Ink.NOTE,
    "END": Ink.GOOD,
    "LOOKED": Ink.DIM,
}


def headline(incident: "Incident | None", width: int) -> list[Line]:
    """The sentence that says it all, with a blank line above and below."""
    if incident is None:
        return [
            inked(),
            inked(" ", Span("● NO INCIDENT", Ink.GOOD), "  what was looked at:"),
            inked(),
        ]
    rows = wrap(printable(incident.headline), width - 3)
    return [inked(), *(inked(" ", Span(row, Ink.STRONG)) for row in rows), inked()]


def fact_lines(number: int, fact: "Fact", width: int) -> list[Line]:
    """A fact: number, time, role in word and colour, and its sentence on as many lines as it takes."""
    when = "—" if fact.at_unix_ns is None else clock(fact.at_unix_ns // 1_000)
    mark = f"[E{number}]"
    room = max(8, width - _LEAD - len(mark) - 2)
    first, *more = wrap(printable(fact.text), room) or [""]
    lead = (
        Span(f" {number:<3}"),
        Span(cell(when, 10), Ink.DIM),
        Span(cell(fact.role, 8), _INKS.get(fact.role, Ink.PLAIN)),
    )
    return [
        (*lead, Span(cell(first, room)), Span(f" {mark}", Ink.DIM)),
        *(inked(" " * _LEAD, text) for text in more),
    ]


def told(
    facts: "Sequence[Fact]", incident: "Incident | None", width: int
) -> "tuple[list[Line], Mapping[int, About]]":
    """The lines below the headline, and what the lines are about on which the cursor may stand."""
    lines: list[Line] = []
    stops: dict[int, About] = {}
    for number, fact in enumerate(facts, 1):
        stops[len(lines)] = fact
        lines += fact_lines(number, fact, width)
    if incident is None:
        return lines, stops
    samples = [evidence for evidence in incident.evidence if evidence.call_id is not None]
    if samples:
        lines += [inked(), inked(" ", Span("SAMPLE CALLS", Ink.HEAD))]
    for evidence in samples:
        stops[len(lines)] = evidence
        lines.append(
            inked("   ", Span(cell(evidence.call_id or "", 26), Ink.INFO), f" {evidence.why}")
        )
    ruled_out = [(one, f"{cause_name(one.cause)}: {one.ruled_out_by}") for one in incident.checked]
    _add_section("CHECKED", ruled_out, width, lines, stops)
    unknown = [(text, text) for text in incident.cannot_know]
    _add_section("CANNOT KNOW", unknown, width, lines, stops)
    return lines, stops


def proof(number: int, fact: "Fact", width: int) -> list[Line]:
    """What the query of a fact asks in the end, and the numbers that it gave."""
    # Before its last SELECT stands what belongs to the scope, the same for every fact.
    sql = " ".join(fact.sql[max(0, fact.sql.rfind("\nSELECT")) :].split())
    values = "   ".join(f"{name} {_value(value)}" for name, value in fact.values.items())
    title = f"EVIDENCE [E{number}]"
    return [
        inked(
            " ",
            Span(title, Ink.HEAD),
            "  ",
            Span(cell(sql, max(0, width - len(title) - 4)), Ink.DIM),
        ),
        *(inked("   ", row) for row in wrap(printable(values), width - 4)),
    ]


def _add_section(
    title: str,
    entries: "Iterable[tuple[About, str]]",
    width: int,
    lines: list[Line],
    stops: "dict[int, About]",
) -> None:
    """A title with entries beside it; the cursor may stand on each of them, so that it can be scrolled to."""
    for number, (about, text) in enumerate(entries):
        if not number:
            lines.append(inked())
        stops[len(lines)] = about
        for row in wrap(printable(text), width - _TITLE - 2) or [""]:
            named = "" if number or lines[-1] != inked() else title
            lines.append(inked(" ", Span(cell(named, _TITLE), Ink.HEAD), row))


def _value(value: object) -> str:
    match value:
        case None:
            return "not recorded"
        case int():
            return count(value)
        case float():
            return f"{value:,.4g}"
        case _:
            return str(value)
