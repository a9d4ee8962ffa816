"""Incidents in a few lines each: when, what was lost, the cause and our part; and all that is known of one."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len

from recourse_observe.story.changes import by_loss
from recourse_observe.story.narrate import action, cause_name
from recourse_observe.text import clock, count, duration, percent, printable, span, times
from recourse_tui.lines import Ink, Line, Span, cell, inked, joined

if TYPE_CHECKING:
    from recourse_observe.queries.contrast import Contrast
    from recourse_observe.story.asked import Span as Found
    from recourse_observe.story.changes import Change
    from recourse_observe.story.findings import Incident, StoryDocument

__all__ = [
    "VERDICT_ROWS",
    "beside_lines",
    "change_lines",
    "found_lines",
    "incident_lines",
    "rows_of_incidents",
    "side_lines",
]

VERDICT_ROWS: Final = 2
"""Lines below the chosen incident's own."""
_LISTED: Final = 3
_WHY_ROWS: Final = 6
_MUCH: Final = 0.1
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
    numbered = sorted(enumerate(found, 1), key=lambda pair: (-pair[1].lost, pair[0]))
    rows = [
        _Stretch(n, one.keys, one.onset_us, one.end_us, one.ongoing, one.calls, one.lost)
        for n, one in numbered
    ]
    head = inked(Span(f" INCIDENTS {len(found)}", Ink.HEAD), Span("  diagnosing …", Ink.DIM))
    return head, [_incident_row(row, width, about="~") for row in rows]


def incident_lines(story: "StoryDocument", chosen: int, width: int) -> tuple[Line, list[Line]]:
    """The heading, and the incidents, that with most lost calls first; the chosen one with its verdict."""
    if not story.incidents:
        looked = [
            inked("     ", row) for fact in story.looked_at for row in wrap(fact.text, width - 6)
        ]
        return inked(Span(" ● NO INCIDENT", Ink.GOOD), "  what was looked at:"), looked
    rows: list[Line] = []
    for incident in by_loss(story.incidents):
        m = incident.measures
        start_us, end_us = incident.onset_unix_ns // 1_000, incident.end_unix_ns // 1_000
        stretch = _Stretch(
            incident.id, incident.keys, start_us, end_us, incident.ongoing, m.calls, m.lost
        )
        rows.append(_incident_row(stretch, width))
        rows += _verdict(incident) if incident.id == chosen else []
    hidden = len(story.incidents) - _LISTED
    more = f"+{hidden} more · sorted by calls lost" if hidden > 0 else "sorted by calls lost"
    return (Span(joined(f" INCIDENTS {len(story.incidents)}", more, width - 1), Ink.HEAD),), rows


def rows_of_incidents(story: "StoryDocument | None", chosen: int) -> "Mapping[int, int]":
    """The line on which each incident begins, and its number, from the top."""
    rows, row = {}, 0
    for incident in by_loss(story.incidents if story is not None else ()):
        rows[row] = incident.id
        row += 1 + (VERDICT_ROWS if incident.id == chosen else 0)
    return rows


def _incident_row(one: _Stretch, width: int, *, about: str = "") -> Line:
    until = "ongoing " if one.ongoing else clock(one.end_us)
    part = percent(one.lost / max(1, one.calls))
    lost = f"{about}{count(one.lost)} calls lost ({part})"
    length = span(one.end_us - one.start_us)
    text = f"{clock(one.start_us)}→{until}  {length:>7}  {lost:>27}"
    glyph = Span("✗", Ink.BAD) if one.lost else Span("!", Ink.WARN)
    name = _name(one, max(8, width - len(text) - 4))
    return inked(" ", glyph, Span(name, Ink.STRONG), " ", text)


def _name(one: _Stretch, cells: int) -> str:
    """Its keys; where not all of them fit, the first and how many more there are."""
    whole = f"#{one.number} {', '.join(one.keys)}"
    if cell_len(printable(whole)) <= cells or len(one.keys) < 2:  # noqa: PLR2004  # none to leave out
        return cell(whole, cells)
    more = f" +{len(one.keys) - 1}"
    first = cell(f"#{one.number} {one.keys[0]}", cells - len(more)).rstrip()
    return cell(first + more, cells)


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


def beside_lines(
    incident: "Incident | None",
    why: "Sequence[Contrast] | None",
    asked: "Sequence[Line]",
    width: int,
) -> list[Line]:
    """What a wide terminal shows beside the keys: why, then all that is known, as far as there is room."""
    if incident is None:
        return []
    return [*_why_lines(incident, why, width), inked(), *side_lines(incident, width, asked)]


def side_lines(
    incident: "Incident", width: int, asked: "Sequence[Line] | None" = None
) -> list[Line]:
    """All that is known of an incident: amplification, what to change, the facts.

    Args:
        incident: The incident.
        width: Cells of a line.
        asked: What stands above the advice in place of a heading.
    """
    return [
        *_our_lines(incident, width),
        inked(),
        *(asked or [inked(" ", Span("WHAT TO CHANGE", Ink.HEAD))]),
        *_action_lines(incident, width),
        inked(),
        inked(" ", Span("FACTS", Ink.HEAD)),
        *(
            row
            for fact in incident.facts
            for row in _side_item(_when(fact.at_unix_ns), fact.text, width)
        ),
    ]


def change_lines(changes: "Sequence[Change]", width: int) -> list[Line]:
    """What changed around an incident, one moment to a line."""
    return [
        inked(" ", Span(clock(one.at_us), Ink.DIM), " ", cell(one.text, max(8, width - 11)))
        for one in changes
    ]


def _why_lines(
    incident: "Incident", why: "Sequence[Contrast] | None", width: int
) -> "Iterator[Line]":
    """The greatest gains against before and against other keys; what others have too is dim."""
    name = max(8, width - 22)
    head = f"{cell(f'WHY #{incident.id}', name)} DURING BEFORE OTHERS"
    yield inked(" ", Span(head, Ink.HEAD))
    if not why:
        words = "nothing came before it" if why is not None else "looking for differences …"
        yield inked(" ", Span(words, Ink.DIM))
        return
    for one in why[:_WHY_ROWS]:
        said = f"{one.dimension}={'—' if one.entry is None else one.entry}"
        is_mark = one.difference >= _MUCH and not one.is_in_time_only
        shares = "".join(
            f"{percent(share):>7}" for share in (one.share_b, one.share_a, one.share_others)
        )
        yield inked(" ", Span(cell(said, name), Ink.PLAIN if is_mark else Ink.DIM), shares)


def _our_lines(incident: "Incident", width: int) -> list[Line]:
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
    ]


def _action_lines(incident: "Incident", width: int) -> list[Line]:
    return [row for one in incident.actions for row in _side_item("·", action(one), width)]


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
