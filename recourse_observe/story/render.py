"""A story as text for a terminal and as Markdown; the wording is narrate's."""

import json
from collections.abc import Iterable, Iterator
from functools import partial

from recourse_observe.story import narrate
from recourse_observe.story.findings import Evidence, Fact, Incident, StoryDocument
from recourse_observe.text import clock, day, plural, printable, zone_name

__all__ = ["as_json", "as_markdown", "as_text", "at", "pointer", "title"]


def as_json(document: StoryDocument) -> str:
    """The pinned document, indented, keys in its order; ASCII, so that no terminal obeys it."""
    return json.dumps(document.to_json(), indent=1)


def as_text(document: StoryDocument, width: int = 80) -> str:
    """The story as lines of plain text, none longer than ``width`` unless a word is."""
    lines = [title(document), ""]
    if not document.incidents:
        lines += ["No incident.", *(f"  {fact.text}" for fact in document.looked_at)]
    for incident in document.incidents:
        lines += [*_incident_text(incident, width), ""]
    return "\n".join(lines).rstrip() + "\n"


def as_markdown(document: StoryDocument) -> str:
    """The story as Markdown, with the query of every fact."""
    lines = [f"# {_escaped(title(document))}", ""]
    if not document.incidents:
        lines += ["No incident.", "", *(f"- {_escaped(fact.text)}" for fact in document.looked_at)]
    for incident in document.incidents:
        lines += [*_incident_markdown(incident), ""]
    return "\n".join(lines).rstrip() + "\n"


def title(document: StoryDocument) -> str:
    """The archive, when it was, and how many incidents it has."""
    start, end = document.start_unix_ns // 1_000, document.end_unix_ns // 1_000
    found = plural(len(document.incidents), "incident")
    return (
        f"{printable(document.archive)}  {day(start)} "
        f"{clock(start)} to {clock(end)} {zone_name(end)}, {found}"
    )


def _incident_text(one: Incident, width: int) -> Iterator[str]:
    wrapped = partial(_wrapped, width)
    yield from wrapped(f"#{one.id} ", one.headline)
    yield ""
    for fact in one.facts:
        yield from wrapped(f"  {at(fact):<10}  {fact.role:<7} ", fact.text)
    yield ""
    also = [key for key in one.affected_keys if key not in one.keys]
    if also:
        yield from wrapped("  also hit   ", ", ".join(printable(key) for key in also))
    if one.instances:
        yield from wrapped("  processes  ", ", ".join(printable(name) for name in one.instances))
    if len(one.causes) > 1:
        others = (f"{narrate.cause_name(r.cause)} {r.confidence:.2f}" for r in one.causes[1:])
        yield from wrapped("  or         ", ", ".join(others))
    for action in one.actions:
        yield from wrapped(f"  change     {action}: ", narrate.action(action))
    for checked in one.checked[:5]:
        yield from wrapped(
            f"  not        {narrate.cause_name(checked.cause)}: ", checked.ruled_out_by
        )
    for line in one.cannot_know:
        yield from wrapped("  unknown    ", line)
    for row in one.evidence[:4]:
        yield from wrapped(
            "  see        ", f"{row.table} {printable(pointer(row.to_json()))}: {row.why}"
        )


def _incident_markdown(one: Incident) -> Iterator[str]:
    yield f"## Incident {one.id}: {_escaped(', '.join(one.keys))}"
    yield ""
    yield _escaped(one.headline)
    yield ""
    for number, fact in enumerate(one.facts, 1):
        yield f"{number}. `{at(fact)}` **{fact.role}** {_escaped(fact.text)}"
    yield ""
    yield "| cause | confidence |"
    yield "| --- | --- |"
    for ranked in one.causes:
        yield f"| `{ranked.cause}` | {ranked.confidence:.2f} |"
    yield ""
    changes = (f"`{action}`: {narrate.action(action)}" for action in one.actions)
    yield from _section(f"Our part: **{one.retry_effect}**. What to change:", changes)
    ruled_out = (f"`{other.cause}`: {_escaped(other.ruled_out_by)}" for other in one.checked)
    yield from _section("Ruled out:", ruled_out)
    yield from _section("What this archive cannot tell:", one.cannot_know)
    yield from _section("Evidence:", map(_evidence_markdown, one.evidence))
    for number, fact in enumerate(one.facts, 1):
        yield from _query_markdown(number, fact)


def _section(heading: str, items: Iterable[str]) -> Iterator[str]:
    yield heading
    yield ""
    yield from (f"- {item}" for item in items)
    yield ""


def _evidence_markdown(row: Evidence) -> str:
    return f"{row.table} {_escaped(pointer(row.to_json()))}: {_escaped(row.why)}"


def _query_markdown(number: int, fact: Fact) -> Iterator[str]:
    """What a reader unfolds who wants to ask again."""
    yield f"<details><summary>Query of fact {number}</summary>"
    yield ""
    yield "```sql"
    yield printable(" ".join(fact.sql.split()))
    yield "```"
    yield ""
    yield "</details>"
    yield ""


def at(fact: Fact) -> str:
    """When it was, as a time of day."""
    return "—" if fact.at_unix_ns is None else clock(fact.at_unix_ns // 1_000, decimals=1)


def pointer(row: dict[str, object]) -> str:
    """Where a row is, in short."""
    call = row.get("call_id")
    if call is not None:
        tail = f" attempt {row['attempt']}" if "attempt" in row else ""
        return f"{call}{tail}"
    return f"{row.get('key', '')} {row.get('instance', '')}".strip()


def _wrapped(width: int, head: str, text: str) -> Iterator[str]:
    """A paragraph with a hanging indent."""
    line, indent = head, " " * len(head)
    for word in text.split(" "):
        if len(line) + len(word) > width and line.strip() and line != indent:
            yield line.rstrip()
            line = indent
        line += word + " "
    yield line.rstrip()


def _escaped(text: str) -> str:
    """Text that Markdown and HTML leave as it is."""
    safe = printable(text).replace("&", "&amp;").replace("<", "&lt;")
    for mark in ("\\", "`", "*", "_", "[", "]", "|", "#"):
        safe = safe.replace(mark, "\\" + mark)
    return safe
