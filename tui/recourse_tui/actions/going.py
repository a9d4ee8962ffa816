"""What every screen can do: go to another one, move, leave."""

from collections.abc import Mapping
from typing import Final

from recourse_tui.actions.action import ANYWHERE, NOT_SQL, NOT_WHATIF, STILL, Action

__all__ = ["GOING"]

GOING: Final[Mapping[str, Action]] = {
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
        screens=STILL,
        handler="app.history(-1)",
    ),
    "history_on": Action(
        help="what was seen after it",
        keys=("right_square_bracket",),
        screens=STILL,
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
    "first": Action(help="the first row", keys=("home",), screens=STILL, handler="edge(-1)"),
    "top": Action(
        help="the first row",
        keys=("g",),
        screens=tuple(view for view in STILL if view != "sql"),
        handler="edge(-1)",
    ),
    "last": Action(help="the last row", keys=("G", "end"), screens=STILL, handler="edge(1)"),
    "next_pane": Action(
        help="the next pane", keys=("tab",), screens=NOT_WHATIF, handler="app.focus_next"
    ),
    "pane_before": Action(
        help="the pane before", keys=("shift+tab",), handler="app.focus_previous"
    ),
    "follow": Action(
        help="show new calls as they come, or stop", keys=("f",), handler="app.follow"
    ),
    "reload": Action(
        help="read the archive again", keys=("r", "f5"), screens=NOT_SQL, handler="app.reload"
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
    "suspend": Action(
        help="to the shell; fg comes back", keys=("ctrl+z",), handler="app.suspend_process"
    ),
    "quit": Action(label="quit", help="leave", keys=("q",), handler="app.quit"),
}
"""Actions of all screens, by name."""
