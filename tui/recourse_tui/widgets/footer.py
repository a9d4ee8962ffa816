"""The lines around every screen: where we are above, what can be done below."""

from collections.abc import Sequence

from rich.cells import cell_len

from recourse_tui.actions import footer
from recourse_tui.lines import Ink, Line, Span, cell
from recourse_tui.theme import ascii_text

__all__ = ["breadcrumb", "footer_line", "two_ends"]

_SIGN_KEYS = frozenset("?⏎␣↹/:;←→")


def footer_line(screen: str, width: int, *, in_ascii: bool = False) -> Line:
    """Keys with their labels, as many whole ones as fit; help comes first."""
    spans: list[Span] = [Span(" ")]
    room = width - 1
    for key, label in footer(screen):
        name = _ascii_key(key) if in_ascii else key
        text = label if name in _SIGN_KEYS else f" {label}"
        if (used := cell_len(name + text)) > room:
            break
        spans += [Span(name, Ink.INFO), Span(f"{text}  ", Ink.DIM)]
        room -= used + 2
    return tuple(spans)


def breadcrumb(trail: Sequence[str], facts: str, width: int) -> Line:
    """The way here, and at the right what is known of the archive; the way is cut from its start."""
    room = width - cell_len(facts) - 3
    names = ["recourse", *trail]
    while len(names) > 1 and cell_len(" ▸ ".join(names)) > room:
        names[:2] = ["…"] if len(names) > 2 else [names[1]]  # noqa: PLR2004  # two names and the rest
        if names[0] != "…":
            break
    path = " ▸ ".join(names)
    return (Span(" "), Span(cell(path, max(1, room)), Ink.STRONG), Span(f" {facts} ", Ink.DIM))


def two_ends(left: Span, right: Span, width: int) -> Line:
    """One text at the left end, one at the right; the left one is cut when both do not fit."""
    room = max(0, width - cell_len(right.text) - 3)
    return (Span(" "), Span(cell(left.text, room), left.ink), Span(" "), right)


def _ascii_key(key: str) -> str:
    words = {"⏎": "enter", "␣": "space", "↹": "tab", "←": "left", "→": "right"}
    return words.get(key, ascii_text(key))
