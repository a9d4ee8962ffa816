"""What several screens can do: ask, choose a time, find, keep."""

from collections.abc import Mapping
from typing import Final

from recourse_tui.actions.action import BRUSHED, EVIDENT, NOT_SQL, TYPED, VIEWS, WITH_TIME, Action

__all__ = ["SHARED"]

SHARED: Final[Mapping[str, Action]] = {
    "replay_here": Action(
        label="replay",
        help="play from here",
        keys=("space",),
        screens=WITH_TIME,
        handler="replay",
    ),
    "failure_after": Action(
        help="the next failure", keys=("e",), screens=("calls", "replay"), handler="failure(1)"
    ),
    "failure_before": Action(
        help="the failure before", keys=("E",), screens=("calls", "replay"), handler="failure(-1)"
    ),
    "add_to_story": Action(
        help="add the marked event to the story",
        keys=("plus",),
        screens=("call", "replay"),
        handler="add",
    ),
    "ask_whatif": Action(
        label="what-if",
        help="the same calls under another policy, the best suggestion first",
        keys=("p",),
        screens=WITH_TIME,
        handler="app.visit('whatif')",
    ),
    "why": Action(
        label="why",
        help="what differs from before and from other keys",
        keys=("w",),
        screens=("triage", "story", "key", "calls", "call"),
        handler="app.visit('compare')",
    ),
    "compare_before": Action(
        help="the brush against what was before it",
        keys=("c",),
        screens=("triage", "story", "key", "calls"),
        handler="app.visit('compare')",
    ),
    "amplification": Action(
        label="amp",
        help="our part in the incident, and what to change",
        keys=("a",),
        screens=("triage", "story", "key", "calls", "compare"),
        handler="app.amplification",
    ),
    "longer_brush": Action(
        help="a longer brush", keys=("shift+right",), screens=BRUSHED, handler="brush(1)"
    ),
    "shorter_brush": Action(
        help="a shorter brush", keys=("shift+left",), screens=BRUSHED, handler="brush(-1)"
    ),
    "zoom": Action(
        help="the bars show the brush alone", keys=("z",), screens=WITH_TIME, handler="zoom"
    ),
    "no_brush": Action(
        help="all of the archive", keys=("Z",), screens=WITH_TIME, handler="no_brush"
    ),
    "mark_a": Action(help="this moment is A", keys=("m",), screens=TYPED, handler="mark(0)"),
    "mark_b": Action(help="this moment is B", keys=("M",), screens=TYPED, handler="mark(1)"),
    "local": Action(
        help="the brush on your own clock beside UTC, or not",
        keys=("u",),
        handler="local",
    ),
    "goto": Action(
        help="go to a moment or an incident",
        keys=("t",),
        screens=TYPED,
        handler="prompt('time')",
        opens_prompt=True,
    ),
    "incident": Action(
        label="incident",
        help="the next incident",
        keys=("i",),
        screens=("triage", "story", "key", "compare"),
        handler="incident(1)",
    ),
    "incident_before": Action(
        help="the incident before",
        keys=("I",),
        screens=("triage", "story", "key", "compare"),
        handler="incident(-1)",
    ),
    "sort": Action(
        label="sort",
        help="sort by the next column",
        keys=("s",),
        screens=("calls",),
        handler="sort",
    ),
    "filter": Action(
        label="filter",
        help="show only calls that match",
        keys=("slash",),
        screens=TYPED,
        handler="filter",
        opens_prompt=True,
    ),
    "match_after": Action(
        help="the next call that the filter chooses",
        keys=("n",),
        screens=TYPED,
        handler="match(1)",
    ),
    "match_before": Action(help="the one before", keys=("N",), screens=TYPED, handler="match(-1)"),
    "command": Action(
        label="cmd",
        help="a command",
        keys=("colon",),
        handler="prompt('command')",
        opens_prompt=True,
    ),
    "ask_sql": Action(
        label="sql",
        help="a query of one line",
        keys=("semicolon",),
        screens=NOT_SQL,
        handler="prompt('sql')",
        opens_prompt=True,
    ),
    "bookmark": Action(
        label="bookmark",
        help="keep this place; once more takes it back",
        keys=("b",),
        screens=NOT_SQL,
        handler="bookmark",
    ),
    "next_bookmark": Action(
        help="the next bookmark", keys=("B",), screens=NOT_SQL, handler="next_bookmark"
    ),
    "note": Action(
        label="note",
        help="write a note",
        keys=("ctrl+n",),
        handler="prompt('note')",
        opens_prompt=True,
    ),
    "export": Action(
        label="export",
        help="write what is seen to a file",
        keys=("x", "ctrl+e"),
        screens=VIEWS,
        handler="export",
        opens_prompt=True,
    ),
    "link": Action(
        label="link", help="copy the command that shows this", keys=("y",), handler="app.link"
    ),
    "copy_sql": Action(
        label="SQL",
        help="copy the query behind what is seen",
        keys=("Y",),
        screens=EVIDENT,
        handler="copy_sql",
    ),
}
"""Actions of several screens, by name."""
