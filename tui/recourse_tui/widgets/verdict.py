"""Incidents in a few lines each: when, what was lost, the cause and our part; and all that is known of one."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Final, NamedTuple

from recourse_observe.story.narrate import action, cause_name
from recourse_observe.text import clock, count, duration, percent, printable, span, times
from recourse_tui.lines import Ink, Line, Span, cell, inked, joined

if TYPE_CHECKING:
    from recourse_observe.story.asked import Span as Found
    from recourse_observe.story.findings import Incident, StoryDocument

__all__ = [
    "VERDICT_ROWS",
    "found_lines",
    "incident_lines",
    "incident_of_row",
    "row_of_incident",
    "side_lines",
]

VERDICT_ROWS: Final = 2
"""Lines below the chosen incident's own."""
_LISTED: Final = 3
_EFFECTS: Final = {"helped": Ink.GOOD, "neutral": Ink.INFO, "harmed": Ink.BAD}


class _Stretch(NamedTuple):
    """What a line about an incident says."""

    number: int
    keys: tuple[str, ...]
    start_us: int
    end_us: int
    ongoing: bool
    calls: int
    lost: int


def found_lines(found: "Sequence[Found]", width: int) -> tuple[Line, list[Line]]:
    """The heading, and the incidents while their causes are still looked for."""
    if not found:
        return inked(Span(" INCIDENTS", Ink.HEAD), Span("  looking for them …", Ink.DIM)), []
    rows = [
        _Stretch(n, one.keys, one.onset_us, one.end_us, one.ongoing, one.calls, one.lost)
        for n, one in enumerate(found, 1)
    ]
    head = inked(Span(f" INCIDENTS {len(found)}", Ink.HEAD), Span("  diagnosing …", Ink.DIM))
    return head, [_incident_row(row, width, about="~") for row in rows]


def incident_lines(story: "StoryDocument", chosen: int, width: int) -> tuple[Line, list[Line]]:
    """The heading, and the incidents; the chosen one with its verdict."""
    if not story.incidents:
        looked = [
            inked("     ", row) for fact in story.looked_at for row in wrap(fact.text, width - 6)
        ]
        return inked(Span(" ● NO INCIDENT", Ink.GOOD), "  what was looked at:"), looked
    rows: list[Line] = []
    for incident in story.incidents:
        m = incident.measures
        start_us, end_us = incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000
        stretch = _Stretch(
            incident.id, incident.keys, start_us, end_us, incident.ongoing, m.calls, m.lost
        )
        rows.append(_incident_row(stretch, width))
        rows += _verdict(incident) if incident.id == chosen else []
    hidden = len(story.incidents) - _LISTED
    more = f"+{hidden} more · in order of time" if hidden > 0 else "in order of time"
    return (Span(joined(f" INCIDENTS {len(story.incidents)}", more, width - 1), Ink.HEAD),), rows


def row_of_incident(number: int, chosen: int) -> int:
    """The line on which an incident begins."""
    return number - 1 + (VERDICT_ROWS if 0 < chosen < number else 0)


def incident_of_row(row: int, chosen: int) -> int:
    """The incident that begins on a line."""
    return row + 1 if row < chosen else row + 1 - VERDICT_ROWS


def _incident_row(one: _Stretch, width: int, *, about: str = "") -> Line:
    until = "ongoing " if one.ongoing else clock(one.end_us)
    part = percent(one.lost / max(1, one.calls))
    lost = f"{about}{count(one.lost)} calls lost ({part})"
    length = span(one.end_us - one.start_us)
    text = f"{clock(one.start_us)}→{until}  {length:>7}  {lost:>27}"
    glyph = Span("✗", Ink.BAD) if one.lost else Span("!", Ink.WARN)
    name = cell(f"#{one.number} {', '.join(one.keys)}", max(8, width - len(text) - 4))
    return inked(" ", glyph, Span(name, Ink.STRONG), " ", text)


def _verdict(incident: "Incident") -> list[Line]:
    m = incident.measures
    effect = str(incident.retry_effect)
    cause = cause_name(incident.cause)
    why = f" · {m.reason} {percent(m.reason_share)} of attempts (was {percent(m.reason_share_before)})"
    ours = f", load {times(incident.amplification)} · {count(m.wasted)} wasted attempts · {count(m.rescued)} rescued"
    return [
        inked("     ", Span("cause     ", Ink.DIM), Span(cause, Ink.BAD), why if m.reason else ""),
        inked("     ", Span("our part  ", Ink.DIM), Span(effect.upper(), _EFFECTS[effect]), ours),
    ]


def side_lines(incident: "Incident | None", width: int) -> list[Line]:
    """What a wide terminal shows beside the keys: amplification, what to change, the facts."""
    if incident is None:
        return []
    m = incident.measures
    retried = max(1, m.retries)
    numbers = [
        ("attempts/call", f"{m.amplification_before:.2f} → {incident.amplification:.2f}"),
        ("retries", count(m.retries)),
        ("  rescued", f"{count(m.rescued)} ({percent(m.rescued / retried)})"),
        ("  wasted", f"{count(m.wasted)} ({percent(m.wasted / retried)})"),
        ("hedges", count(m.hedges)),
        ("denied by budget", count(m.denied)),
        ("refused by breaker", count(m.rejected)),
        ("p99", f"{duration(m.p99_before_us)} → {duration(m.p99_us)}"),
        ("verdict", str(incident.retry_effect).upper()),
    ]
    return [
        inked(" ", Span(f"AMPLIFICATION #{incident.id}", Ink.HEAD)),
        *(
            inked(" ", Span(cell(name, 20), Ink.DIM), cell(value, width - 21))
            for name, value in numbers
        ),
        inked(),
        inked(" ", Span("WHAT TO CHANGE", Ink.HEAD)),
        *(
            row
            for n, one in enumerate(incident.actions, 1)
            for row in _side_item(f"{n}", action(one), width)
        ),
        inked(),
        inked(" ", Span("FACTS", Ink.HEAD)),
        *(
            row
            for fact in incident.facts
            for row in _side_item(_when(fact.at_unix_ns), fact.text, width)
        ),
    ]


def _side_item(mark: str, text: str, width: int) -> list[Line]:
    """A text in as many lines as it takes, beside its mark."""
    lead = len(mark) + 2
    first, *more = wrap(printable(text), width - lead) or [""]
    return [
        inked(" ", Span(mark, Ink.DIM), f" {first}"),
        *(inked(" " * lead, row) for row in more),
    ]


def _when(at_unix_ns: int | None) -> str:
    return cell("—", 8) if at_unix_ns is None else clock(at_unix_ns // 1_000)
