"""What one screen alone can do."""

from collections.abc import Mapping
from typing import Final

from recourse_tui.actions.action import Action

__all__ = ["OWN"]

OWN: Final[Mapping[str, Action]] = {
    "open_story": Action(
        label="story",
        help="the story of the incident, or the calls of the key",
        keys=("enter",),
        screens=("triage",),
        handler="open",
    ),
    "open_evidence": Action(
        label="evidence",
        help="the calls behind the fact",
        keys=("enter",),
        screens=("story",),
        handler="open",
    ),
    "open_call": Action(
        label="call", help="the marked call", keys=("enter",), screens=("calls",), handler="open"
    ),
    "previous_call": Action(
        label="previous",
        help="the call before",
        keys=("left",),
        screens=("call",),
        handler="step(-1)",
    ),
    "next_call": Action(
        label="next", help="the call after", keys=("right",), screens=("call",), handler="step(1)"
    ),
    "open_like": Action(
        label="same shape",
        help="the calls in which the same happened",
        keys=("enter",),
        screens=("call",),
        handler="open",
    ),
    "beside": Action(
        label="compare",
        help="beside the call marked with m, or the nearest that went well",
        keys=("c",),
        screens=("call",),
        handler="beside",
    ),
    "open_moment": Action(
        label="calls",
        help="the calls of that moment",
        keys=("enter",),
        screens=("key",),
        handler="open",
    ),
    "earlier": Action(help="earlier", keys=("left",), screens=("key",), handler="time(-1)"),
    "later": Action(help="later", keys=("right",), screens=("key",), handler="time(1)"),
    "much_earlier": Action(
        help="much earlier", keys=("shift+left",), screens=("key",), handler="time(-10)"
    ),
    "much_later": Action(
        help="much later", keys=("shift+right",), screens=("key",), handler="time(10)"
    ),
    "open_value": Action(
        label="calls",
        help="the calls with the marked value",
        keys=("enter",),
        screens=("compare",),
        handler="open",
    ),
    "exclude": Action(
        label="exclude",
        help="the calls without the marked value",
        keys=("e",),
        screens=("compare",),
        handler="exclude",
    ),
    "swap": Action(
        label="swap", help="swap A and B", keys=("s",), screens=("compare",), handler="swap"
    ),
    "rank": Action(
        label="why",
        help="what other keys show as well goes to the end, and back",
        keys=("w",),
        screens=("compare",),
        handler="rank",
    ),
    "baseline": Action(
        label="baseline",
        help="compare with something else",
        keys=("o",),
        screens=("compare",),
        handler="baseline",
    ),
    "policies": Action(
        label="policies",
        help="what the policies of A and B say differently",
        keys=("d",),
        screens=("compare",),
        handler="diff",
    ),
    "open_note": Action(
        label="open",
        help="what the note is about",
        keys=("enter",),
        screens=("notes",),
        handler="open",
    ),
    "forget_note": Action(
        label="take back",
        help="take the marked note back",
        keys=("d", "delete"),
        screens=("notes",),
        handler="forget",
    ),
    "shape": Action(
        label="shapes",
        help="calls by what happened in them, or each for itself",
        keys=("v",),
        screens=("calls",),
        handler="shape",
    ),
    "same_scale": Action(
        help="one scale for all keys, or one for each",
        keys=("S",),
        screens=("triage",),
        handler="scale",
    ),
    "edit": Action(
        label="edit",
        help="type what the candidate changes",
        keys=("e",),
        screens=("whatif",),
        handler="edit",
        opens_prompt=True,
    ),
    "preset": Action(
        label="preset",
        help="the next of the usual changes",
        keys=("tab",),
        screens=("whatif",),
        handler="preset",
    ),
    "replay_incident": Action(
        label="replay",
        help="play the incident",
        keys=("enter",),
        screens=("whatif",),
        handler="open",
    ),
    "sweep": Action(
        label="sweep",
        help="one value of a field after the other",
        keys=("s",),
        screens=("whatif",),
        handler="sweep",
        opens_prompt=True,
    ),
    "diff": Action(
        label="diff",
        help="what the candidate changes",
        keys=("d",),
        screens=("whatif",),
        handler="diff",
    ),
    "run": Action(
        label="run", help="run the query", keys=("ctrl+j", "f5"), screens=("sql",), handler="run"
    ),
    "snippet": Action(
        label="snippets",
        help="the next kept query, or one of those behind the screens",
        keys=("ctrl+g",),
        screens=("sql",),
        handler="snippet",
    ),
    "schema": Action(
        label="tables",
        help="the tables and their columns",
        keys=("ctrl+t",),
        screens=("sql",),
        handler="schema",
    ),
    "chart": Action(
        label="chart",
        help="bars of the last column of numbers, or none",
        keys=("g",),
        screens=("sql",),
        handler="chart",
    ),
    "open_row": Action(
        label="call or key",
        help="the call, the key or the minute of the marked row",
        keys=("enter",),
        screens=("sql",),
        handler="open",
    ),
}
"""Actions of one screen, by name."""
