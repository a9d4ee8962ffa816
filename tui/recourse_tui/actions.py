"""Everything a key can do, once: the footer, the help, the palette and the bindings are read from here.

A handler is the name of a Textual action: ``app.`` before it means the app has the method, otherwise the screen has it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from textual.binding import Binding

__all__ = ["ACTIONS", "VIEWS", "Action", "bindings", "footer", "key_name", "of_screen"]

VIEWS: Final = (
    "triage", "story", "key", "calls", "call", "compare", "replay", "whatif", "sql", "notes",
)  # fmt: skip
"""The screens, by name."""
_NOT_SQL: Final = tuple(view for view in VIEWS if view != "sql")
_BRUSHED: Final = ("triage", "calls", "compare")
_WITH_TIME: Final = ("triage", "story", "key", "calls", "call", "compare")
_TYPED: Final = tuple(view for view in VIEWS if view not in {"sql", "notes", "whatif"})
_NOT_WHATIF: Final = tuple(view for view in VIEWS if view != "whatif")
_STILL: Final = tuple(view for view in VIEWS if view != "replay")
ANYWHERE: Final = (*VIEWS, "help")
"""The screens and what opens over them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do: where, by which keys, and what it is called."""

    label: str = ""
    """What the footer says; empty keeps it out of the footer."""
    help: str
    keys: tuple[str, ...]
    screens: tuple[str, ...] = VIEWS
    handler: str


_ACTIONS: Final = {
    "help": Action(
        label="help",
        help="all keys",
        keys=("question_mark", "f1"),
        screens=ANYWHERE,
        handler="app.help",
    ),
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
    "baseline": Action(
        label="baseline",
        help="compare with something else",
        keys=("o",),
        screens=("compare",),
        handler="baseline",
    ),
    "play": Action(
        label="play", help="play, or stop", keys=("space",), screens=("replay",), handler="play"
    ),
    "event_after": Action(
        label="event",
        help="the next event",
        keys=("full_stop",),
        screens=("replay",),
        handler="event(1)",
    ),
    "event_before": Action(
        help="the event before", keys=("comma",), screens=("replay",), handler="event(-1)"
    ),
    "second_on": Action(
        label="1 s", help="a second on", keys=("right",), screens=("replay",), handler="seconds(1)"
    ),
    "second_back": Action(
        help="a second back", keys=("left",), screens=("replay",), handler="seconds(-1)"
    ),
    "seconds_on": Action(
        label="10 s",
        help="ten seconds on",
        keys=("shift+right",),
        screens=("replay",),
        handler="seconds(10)",
    ),
    "seconds_back": Action(
        help="ten seconds back", keys=("shift+left",), screens=("replay",), handler="seconds(-10)"
    ),
    "faster": Action(
        label="speed",
        help="faster",
        keys=("greater_than_sign",),
        screens=("replay",),
        handler="speed(1)",
    ),
    "slower": Action(
        help="slower", keys=("less_than_sign",), screens=("replay",), handler="speed(-1)"
    ),
    "marker_after": Action(
        label="marker",
        help="the next marker",
        keys=("right_square_bracket",),
        screens=("replay",),
        handler="marker(1)",
    ),
    "marker_before": Action(
        help="the marker before",
        keys=("left_square_bracket",),
        screens=("replay",),
        handler="marker(-1)",
    ),
    "bisect": Action(
        label="bisect",
        help="when did it hold first",
        keys=("g",),
        screens=("replay",),
        handler="prompt('bisect')",
    ),
    "probe": Action(
        label="probe",
        help="what to know at every moment; typed again, it is forgotten",
        keys=("P",),
        screens=("replay",),
        handler="prompt('probe')",
    ),
    "first_moment": Action(
        help="the first moment", keys=("home",), screens=("replay",), handler="side(-1)"
    ),
    "last_moment": Action(
        help="the last moment", keys=("end",), screens=("replay",), handler="side(1)"
    ),
    "loop": Action(
        help="play from A to B again and again, or the brush",
        keys=("l",),
        screens=("replay",),
        handler="loop",
    ),
    "idle_skip": Action(
        help="pauses over two seconds become two seconds",
        keys=("K",),
        screens=("replay",),
        handler="idle",
    ),
    "quiet_keys": Action(
        help="all keys, or as many as fit", keys=("Q",), screens=("replay",), handler="quiet"
    ),
    "open_event": Action(
        label="call",
        help="the call of the marked event, or the marked key",
        keys=("enter",),
        screens=("replay",),
        handler="open",
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
    "replay_here": Action(
        label="replay",
        help="play from here",
        keys=("space",),
        screens=_WITH_TIME,
        handler="replay",
    ),
    "shape": Action(
        label="shapes",
        help="calls by what happened in them, or each for itself",
        keys=("v",),
        screens=("calls",),
        handler="shape",
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
    ),
    "diff": Action(
        label="diff",
        help="what the candidate changes",
        keys=("d",),
        screens=("whatif",),
        handler="diff",
    ),
    "ask_whatif": Action(
        label="what-if",
        help="the same calls under another policy, the best suggestion first",
        keys=("p",),
        screens=_WITH_TIME,
        handler="app.visit('whatif')",
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
    "open_row": Action(
        label="call or key",
        help="the call, the key or the minute of the marked row",
        keys=("enter",),
        screens=("sql",),
        handler="open",
    ),
    "why": Action(
        label="why",
        help="what differs from before and from other keys",
        keys=("w", "c"),
        screens=("triage", "story", "key", "calls", "call"),
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
        help="a longer brush", keys=("shift+right",), screens=_BRUSHED, handler="brush(1)"
    ),
    "shorter_brush": Action(
        help="a shorter brush", keys=("shift+left",), screens=_BRUSHED, handler="brush(-1)"
    ),
    "zoom": Action(
        help="the bars show the brush alone", keys=("z",), screens=_WITH_TIME, handler="zoom"
    ),
    "no_brush": Action(
        help="all of the archive", keys=("Z",), screens=_WITH_TIME, handler="no_brush"
    ),
    "mark_a": Action(help="this moment is A", keys=("m",), screens=_TYPED, handler="mark(0)"),
    "mark_b": Action(help="this moment is B", keys=("M",), screens=_TYPED, handler="mark(1)"),
    "goto": Action(
        help="go to a moment or an incident",
        keys=("t",),
        screens=_TYPED,
        handler="prompt('time')",
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
        screens=_TYPED,
        handler="filter",
    ),
    "command": Action(label="cmd", help="a command", keys=("colon",), handler="prompt('command')"),
    "ask_sql": Action(
        label="sql",
        help="a query of one line",
        keys=("semicolon",),
        screens=_NOT_SQL,
        handler="prompt('sql')",
    ),
    "bookmark": Action(
        label="bookmark",
        help="keep this place; once more takes it back",
        keys=("b",),
        screens=_NOT_SQL,
        handler="bookmark",
    ),
    "next_bookmark": Action(
        help="the next bookmark", keys=("B",), screens=_NOT_SQL, handler="next_bookmark"
    ),
    "note": Action(label="note", help="write a note", keys=("ctrl+n",), handler="prompt('note')"),
    "export": Action(
        label="export",
        help="write what is seen to a file",
        keys=("x", "ctrl+e"),
        screens=VIEWS,
        handler="export",
    ),
    "link": Action(
        label="link", help="copy the command that shows this", keys=("y",), handler="app.link"
    ),
    "copy_sql": Action(
        label="SQL",
        help="copy the query behind the fact",
        keys=("Y",),
        screens=("story",),
        handler="copy_sql",
    ),
    "triage": Action(
        label="triage", help="incidents and keys", keys=("1",), handler="app.visit('triage')"
    ),
    "story": Action(
        label="story", help="one incident, told", keys=("2",), handler="app.visit('story')"
    ),
    "key": Action(label="key", help="one key over time", keys=("3",), handler="app.visit('key')"),
    "calls": Action(label="calls", help="all calls", keys=("4",), handler="app.visit('calls')"),
    "call": Action(help="one call, attempt by attempt", keys=("5",), handler="app.visit('call')"),
    "compare": Action(help="A against B", keys=("6",), handler="app.visit('compare')"),
    "replay": Action(help="what happened, played", keys=("7",), handler="app.visit('replay')"),
    "whatif": Action(
        help="the same calls under another policy", keys=("8",), handler="app.visit('whatif')"
    ),
    "sql": Action(help="a query of one's own", keys=("9",), handler="app.visit('sql')"),
    "notes": Action(help="bookmarks, notes and queries", keys=("0",), handler="app.visit('notes')"),
    "history_back": Action(
        help="what was seen before",
        keys=("left_square_bracket",),
        screens=_STILL,
        handler="app.history(-1)",
    ),
    "history_on": Action(
        help="what was seen after it",
        keys=("right_square_bracket",),
        screens=_STILL,
        handler="app.history(1)",
    ),
    "last_view": Action(help="the view before", keys=("minus",), handler="app.swap_view"),
    "copy_row": Action(help="copy the marked line", keys=("C",), handler="copy_row"),
    "mouse": Action(
        help="take the mouse, or leave it to the terminal", keys=("f2",), handler="app.mouse"
    ),
    "down": Action(help="down", keys=("j", "down"), screens=ANYWHERE, handler="move(1)"),
    "up": Action(help="up", keys=("k", "up"), screens=ANYWHERE, handler="move(-1)"),
    "page_down": Action(
        help="a page down", keys=("pagedown",), screens=ANYWHERE, handler="page(1)"
    ),
    "page_up": Action(help="a page up", keys=("pageup",), screens=ANYWHERE, handler="page(-1)"),
    "first": Action(help="the first row", keys=("g", "home"), screens=_STILL, handler="edge(-1)"),
    "last": Action(help="the last row", keys=("G", "end"), screens=_STILL, handler="edge(1)"),
    "next_pane": Action(
        help="the next pane", keys=("tab",), screens=_NOT_WHATIF, handler="app.focus_next"
    ),
    "pane_before": Action(
        help="the pane before", keys=("shift+tab",), handler="app.focus_previous"
    ),
    "follow": Action(
        help="show new calls as they come, or stop", keys=("f",), handler="app.follow"
    ),
    "reload": Action(
        help="read the archive again", keys=("r", "f5"), screens=_NOT_SQL, handler="app.reload"
    ),
    "back": Action(
        label="back",
        help="up, or close",
        keys=("escape", "backspace"),
        screens=ANYWHERE,
        handler="app.back",
    ),
    "cancel": Action(
        help="copy what is selected, else stop the query", keys=("ctrl+c",), handler="app.cancel"
    ),
    "quit": Action(label="quit", help="leave", keys=("q",), handler="app.quit"),
}
ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(_ACTIONS)

_NAMES: Final = {
    "question_mark": "?", "enter": "⏎", "space": "␣", "tab": "↹", "left": "←", "right": "→", "up": "↑", "down": "↓",
    "slash": "/", "colon": ":", "semicolon": ";", "left_square_bracket": "[", "right_square_bracket": "]",
    "escape": "esc", "full_stop": ".", "comma": ",", "greater_than_sign": ">", "less_than_sign": "<", "plus": "+",
    "minus": "-", "shift+right": "⇧→", "shift+left": "⇧←", "f2": "F2", "delete": "del", "pagedown": "pgdn", "pageup": "pgup", "shift+tab": "⇧↹", "f1": "F1", "f5": "F5",
}  # fmt: skip


def key_name(key: str) -> str:
    """What a key is called on the screen: ``⏎`` for ``enter``, ``^n`` for ``ctrl+n``."""
    return _NAMES.get(key, key.replace("ctrl+", "^").replace("shift+", "⇧"))


def of_screen(screen: str) -> Iterator[tuple[str, Action]]:
    """The actions of one screen with their names, in the order of the registry."""
    return ((name, action) for name, action in ACTIONS.items() if screen in action.screens)


def bindings(screen: str) -> list[Binding]:
    """What Textual needs to know of a screen's keys."""
    return [
        Binding(
            ",".join(action.keys), action.handler, action.help, show=False, id=f"{screen}.{name}"
        )
        for name, action in of_screen(screen)
    ]


def footer(screen: str) -> list[tuple[str, str]]:
    """Key and label of the actions that a screen's last line names."""
    return [
        (key_name(action.keys[0]), action.label) for _, action in of_screen(screen) if action.label
    ]
