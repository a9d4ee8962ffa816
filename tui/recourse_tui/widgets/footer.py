"""The lines around every screen: where we are above, what can be done below."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Final

from rich.cells import cell_len

from recourse_observe.text import printable
from recourse_tui.actions import ACTIONS, Action, footer
from recourse_tui.lines import Ink, Line, Span, cell
from recourse_tui.theme import ascii_text

__all__ = ["breadcrumb", "footer_line", "sentence", "two_ends"]

_GAPS: Final = 3
"""Cells around the two ends of a line."""

_SIGN_KEYS = frozenset("?⏎␣↹/:;←→")


def footer_line(
    screen: str,
    width: int,
    *,
    in_ascii: bool = False,
    actions: Mapping[str, Action] = ACTIONS,
) -> Line:
    """Keys with their labels, as many whole ones as fit; help comes first."""
    spans: list[Span] = []
    room = width
    for key, label in footer(screen, actions):
        name = _ascii_key(key) if in_ascii else key
        text = label if name in _SIGN_KEYS else f" {label}"
        gap = "  " if spans else " "
        room -= cell_len(gap + name + text)
        if room < 0:
            break
        spans += [Span(gap), Span(name, Ink.INFO), Span(text, Ink.DIM)]
    return tuple(spans)


def breadcrumb(trail: Sequence[str], facts: str, width: int) -> Line:
    """The way here, and at the right what is known of the archive; the way is cut from its start."""
    room = width - cell_len(facts) - 3
    names = ["recourse", *(_clipped(name, max(8, room // 2)) for name in trail)]
    while len(names) > 2 and cell_len(" ▸ ".join(names)) > room:  # noqa: PLR2004  # an ellipsis and the last
        names[:2] = ["…"]
    path = " ▸ ".join(names)
    return (Span(" "), Span(cell(path, max(1, room)), Ink.STRONG), Span(f" {facts} ", Ink.DIM))


def two_ends(left: Span, right: Span, width: int) -> Line:
    """One text at the left end, one at the right; the left one is cut when both do not fit."""
    room = max(0, width - cell_len(right.text) - 3)
    return (Span(" "), Span(cell(left.text, room), left.ink), Span(" "), right)


def sentence(said: str, note: str, width: int, rows: int) -> tuple[list[str], str]:
    """What was said, on as many lines as it needs and has, and the note beside it unless it takes its room."""
    text = f"> {printable(said)}"
    if cell_len(f"{text}{printable(note)}") <= width - _GAPS:
        return [text], note
    first, *more = wrap(text, width - _GAPS) if said and rows > 1 else [text]
    return [first, "  " + " ".join(more)] if more else [first], "" if said else note


def _clipped(name: str, width: int) -> str:
    return name if cell_len(name) <= width else cell(name, width)


def _ascii_key(key: str) -> str:
    words = {"⏎": "enter", "␣": "space", "↹": "tab", "←": "left", "→": "right"}
    return words.get(key, ascii_text(key))
