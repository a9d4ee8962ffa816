"""What can be done while the archive is played again."""

from collections.abc import Mapping
from typing import Final

from recourse_tui.actions.action import Action

__all__ = ["REPLAYING"]

REPLAYING: Final[Mapping[str, Action]] = {
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
        opens_prompt=True,
    ),
    "probe": Action(
        label="probe",
        help="what to know at every moment; typed again, it is forgotten",
        keys=("P",),
        screens=("replay",),
        handler="prompt('probe')",
        opens_prompt=True,
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
}
"""Actions of the replay, by name."""
