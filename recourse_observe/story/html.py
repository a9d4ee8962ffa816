"""A story as one HTML file: no script, nothing loaded from anywhere, every text escaped."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from recourse_observe.story import narrate
from recourse_observe.story.charts import Curves
from recourse_observe.story.findings import Incident, StoryDocument
from recourse_observe.story.render import at, pointer, title
from recourse_observe.story.svg import drawn
from recourse_observe.text import printable

__all__ = ["as_html"]

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --paper: #fff; --line: #d1d9e0;
  --one: #0b62a4; --two: #b35900; --during: #f6d5d5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --paper: #0d1117;
  --line: #3d444d; --one: #6cb6ff; --two: #f0a35e; --during: #4a2226; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; } h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; } small, .at { color: var(--dim); } .lead { font-size: 1.05rem; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top; }
figure { margin: 1rem 0; } figcaption { margin-top: .6rem; } svg { display: block; width: 100%; }
svg:not(.axis) { height: 4rem; border-bottom: 1px solid var(--line); }
polyline { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
polyline.c0 { stroke: var(--one); } polyline.c1 { stroke: var(--two); }
rect.c0 { fill: var(--one); } rect.during { fill: var(--during); } text { fill: var(--dim); font-size: 11px; }
span.c0 { color: var(--one); } span.c1 { color: var(--two); }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .6rem; font-size: 12px; }
"""


def as_html(document: StoryDocument, shown: Mapping[int, Curves]) -> str:
    """The story with its charts.

    Args:
        document: The story.
        shown: The curves of its incidents, by their numbers.
    """
    return "\n".join(_page(document, shown)) + "\n"


def _page(document: StoryDocument, shown: Mapping[int, Curves]) -> Iterator[str]:
    name = _safe(title(document))
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{name}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{name}</h1>"
    if not document.incidents:
        yield "<p>No incident.</p>"
        yield from _list(_safe(fact.text) for fact in document.looked_at)
    for incident in document.incidents:
        yield from _incident(incident, shown.get(incident.id))
    yield "</body></html>"


def _incident(one: Incident, shown: Curves | None) -> Iterator[str]:
    yield f"<h2>Incident {one.id}: {_safe(', '.join(one.keys))}</h2>"
    yield f'<p class="lead">{_safe(one.headline)}</p>'
    if shown is not None:
        yield "<figure>"
        yield from drawn(shown)
        yield "</figure>"
    yield "<h3>What happened</h3><table>"
    for fact in one.facts:
        yield f'<tr><td class="at">{at(fact)}</td><td>{fact.role}</td><td>{_safe(fact.text)}</td></tr>'
    yield "</table><h3>Why</h3><table>"
    for ranked in one.causes:
        name = narrate.cause_name(ranked.cause)
        yield f"<tr><td>{name}</td><td>{ranked.confidence:.2f}</td></tr>"
    for checked in one.checked:
        name = narrate.cause_name(checked.cause)
        yield f"<tr><td>not {name}</td><td>{_safe(checked.ruled_out_by)}</td></tr>"
    yield f"</table><h3>Our part: {one.retry_effect}</h3>"
    yield from _list(f"<b>{action}</b>: {_safe(narrate.action(action))}" for action in one.actions)
    yield "<h3>What this archive cannot tell</h3>"
    yield from _list(_safe(line) for line in one.cannot_know)
    yield "<h3>Evidence</h3>"
    rows = ((row.table, pointer(row.to_json()), row.why) for row in one.evidence)
    yield from _list(_safe(f"{table} {where}: {why}") for table, where, why in rows)
    for number, fact in enumerate(one.facts, 1):
        sql = _safe(" ".join(fact.sql.split()))
        yield f"<details><summary>Query of fact {number}: {_safe(fact.text)}</summary><pre>{sql}</pre></details>"


def _list(items: Iterator[str]) -> Iterator[str]:
    yield "<ul>"
    yield from (f"<li>{item}</li>" for item in items)
    yield "</ul>"


def _safe(text: str) -> str:
    return escape(printable(text))
