"""An answer as text for a terminal, as Markdown and as JSON; the wording of what-if stands here."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from recourse_observe.text import clock, count, day, duration, plural, printable, table, zone_name
from recourse_observe.whatif.answer import (
    Answer,
    Direction,
    Edit,
    Kind,
    Row,
    Sense,
    Suggestion,
    Unit,
)

__all__ = [
    "LABELS",
    "as_json",
    "as_markdown",
    "as_text",
    "directions",
    "edit_text",
    "label",
    "value",
]

LABELS: Final = {
    "failed_calls": "failed calls",
    "attempts": "attempts",
    "attempts_per_call": "attempts per call",
    "wasted_retries": "wasted retries",
    "rescued_calls": "rescued calls",
    "latency_p50": "latency of calls, p50",
    "latency_p99": "latency of calls, p99",
    "lost_latency_p50": "wait for an error, p50",
    "peak_load": "peak load",
    "time_to_recovery": "time to recovery",
    "recorded_attempts_kept": "recorded attempts kept",
    "recorded_rescues_lost": "recorded rescues lost",
}
_HEAD: Final = ("MEASURE", "RECORDED", "CANDIDATE", "90 % OR BOUND", "KIND")
_RIGHT: Final = "lrrrl"
_THOUSANDS: Final = 1_000
_KINDS: Final = (Kind.EXACT, Kind.BOUND, Kind.MODEL, Kind.REPLAY)


def label(name: str) -> str:
    """What a measure is called."""
    return LABELS.get(name, name)


def value(number: float | None, unit: Unit) -> str:
    """A number with its unit, as short as it can be read; nothing for ``None``."""
    if number is None:
        return ""
    match unit:
        case Unit.SECONDS:
            return duration(number * 1e6)
        case Unit.PER_CALL:
            return f"{number:.2f}"
        case Unit.PER_SECOND:
            return f"{number:.3g}/s" if number < _THOUSANDS else f"{count(round(number))}/s"
        case _:
            return count(round(number))


def as_json(answer: Answer) -> str:
    """The document ``recourse.whatif/1``; ASCII, so that no terminal obeys it."""
    return json.dumps(answer.to_json(), indent=1, default=str)


def as_text(answer: Answer) -> str:
    """The answer as lines of plain text."""
    return "\n".join(_lines(answer)) + "\n"


def as_markdown(answer: Answer) -> str:
    """The answer as Markdown."""
    lines = [f"# {_escaped(_title(answer))}", "", *_listed(map(edit_text, answer.edits))]
    if answer.refusal is not None:
        lines += ["", f"**No model:** {_escaped(answer.refusal)}"]
    lines += ["", *_table_md(_HEAD, [_cells(row) for row in _ordered(answer.rows)])]
    lines += _listed_after(directions(answer.rows))
    if answer.check is not None:
        lines += ["", "## Check on the recorded policy", "", *_table_md(*_checked(answer))]
        lines += ["", *_listed(answer.check.mechanisms)]
    if answer.sweep:
        lines += ["", f"## {_escaped(answer.sweep_field)}", "", *_table_md(*_swept(answer))]
    for number, one in enumerate(answer.suggestions, 1):
        lines += ["", f"## Suggestion {number}", "", *_listed(map(edit_text, one.edits))]
        lines += ["", *_table_md(_HEAD, [_cells(row) for row in one.rows])]
        lines += [*_listed_after(directions(one.rows)), "", _escaped(one.risk)]
    lines += ["", "## What this rests on", "", *_listed(answer.assumes)]
    return "\n".join(lines) + "\n"


def edit_text(edit: Edit) -> str:
    """One change of the policy."""
    return f"{edit.path}: {_plain(edit.before)} → {_plain(edit.after)}"


def directions(rows: Iterable[Row]) -> list[str]:
    """For measures of which worlds say whether there are fewer or more: what they say."""
    return [
        f"{label(row.name)}: {_direction(row.direction)}"
        for row in rows
        if row.direction is not None
    ]


def _direction(direction: Direction) -> str:
    """Whether there are fewer or more, and how many worlds say so."""
    said = {
        Sense.FEWER: direction.fewer,
        Sense.MORE: direction.more,
        Sense.AS_MANY: direction.as_many,
    }
    of = f"of {plural(direction.worlds, 'world')}"
    if direction.known:
        return f"{direction.sense}, {of} {said[direction.sense]} say so"
    each = ", ".join(f"{worlds} say {sense}" for sense, worlds in said.items() if worlds)
    return f"{direction.sense} whether fewer or more: {of} {each}"


def _lines(answer: Answer) -> Iterator[str]:
    yield _title(answer)
    yield from (f"  {printable(edit_text(edit))}" for edit in answer.edits)
    yield ""
    yield from table(_HEAD, [_cells(row) for row in _ordered(answer.rows)], right=_RIGHT)
    yield from (f"direction of {one}" for one in directions(answer.rows))
    if answer.refusal is not None:
        yield ""
        yield f"no model: {printable(answer.refusal)}"
    if answer.check is not None:
        passed = "the fitted dependency reproduces the record"
        failed = "the fitted dependency does not reproduce the record"
        yield ""
        yield f"CHECK  {passed if answer.check.passed else failed}, under the recorded policy"
        head, rows = _checked(answer)
        yield from (f"  {line}" for line in table(head, rows, right="lrrrl"))
        yield from (f"  {printable(one)}" for one in answer.check.mechanisms)
    if answer.sweep:
        head, rows = _swept(answer)
        yield ""
        yield from table(head, rows, right="l" + "r" * (len(head) - 1))
    for number, one in enumerate(answer.suggestions, 1):
        yield ""
        yield from _suggested(number, one)
    yield ""
    yield from (f"assumes: {printable(one)}" for one in answer.assumes)


def _title(answer: Answer) -> str:
    start, end = answer.start_unix_us, answer.end_unix_us
    which = f"incident #{answer.incident}" if answer.incident else "whole archive"
    return (
        f"{printable(answer.key)}  {which} of {printable(answer.archive)}, "
        f"{day(start)} {clock(start)} to {clock(end)} {zone_name(end)}"
    )


def _ordered(rows: Sequence[Row]) -> list[Row]:
    """What is certain first; a measure that nothing is known of is left out."""
    known = [
        row for row in rows if row.candidate is not None or row.high is not None or row.recorded
    ]
    return sorted(known, key=lambda row: _KINDS.index(row.kind))


def _cells(row: Row) -> list[str]:
    unknown = row.candidate is None and row.high is None
    return [
        label(row.name),
        value(row.recorded, row.unit),
        value(row.candidate, row.unit),
        _between(row),
        "not asked" if unknown else str(row.kind),
    ]


def _between(row: Row) -> str:
    if row.high is None:
        return ""
    if row.kind is Kind.BOUND:
        return f"≤ {value(row.high, row.unit)}"
    return f"{value(row.low, row.unit)} … {value(row.high, row.unit)}"


def _checked(answer: Answer) -> tuple[Sequence[str], list[list[str]]]:
    rows = answer.check.rows if answer.check is not None else ()
    cells = [
        [
            label(row.name),
            value(row.recorded, row.unit),
            value(row.modelled, row.unit),
            f"{value(row.low, row.unit)} … {value(row.high, row.unit)}",
            "ok" if row.passed else "missed",
        ]
        for row in rows
    ]
    return ("MEASURE", "RECORDED", "MODELLED", "RANGE", ""), cells


def _swept(answer: Answer) -> tuple[Sequence[str], list[list[str]]]:
    names = ("failed_calls", "attempts_per_call", "peak_load", "time_to_recovery")
    head = [printable(answer.sweep_field).upper(), *(label(name).upper() for name in names)]
    cells = []
    for point in answer.sweep:
        rows = {row.name: row for row in point.rows}
        values = [_with_interval(rows[name]) for name in names if name in rows]
        cells.append([printable(point.value), *values])
    return head, cells


def _with_interval(row: Row) -> str:
    return f"{value(row.candidate, row.unit)} ({_between(row)})"


def _suggested(number: int, one: Suggestion) -> Iterator[str]:
    yield f"SUGGESTION {number}"
    yield from (f"  {printable(edit_text(edit))}" for edit in one.edits)
    yield from (f"  {line}" for line in table(_HEAD, [_cells(r) for r in one.rows], right=_RIGHT))
    yield from (f"  direction of {told}" for told in directions(one.rows))
    yield f"  risk: {printable(one.risk)}"


def _plain(given: object) -> str:
    match given:
        case None | "":
            return "none"
        case bool():
            return str(given).lower()
        case float():
            return f"{given:g}"
        case _:
            return str(given)


def _listed_after(told: Iterable[str]) -> list[str]:
    """Directions below a table."""
    return [line for one in told for line in ("", f"Direction of {_escaped(one)}.")]


def _listed(lines: Iterable[str]) -> list[str]:
    return [f"- {_escaped(line)}" for line in lines]


def _table_md(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruler = "|".join("---" for _ in head)
    body = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", f"|{ruler}|", *body]


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    shown = printable(text)
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in shown)
