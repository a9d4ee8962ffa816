"""Colours that colour-blind people can tell apart, on dark, on light and with high contrast; and a screen in ASCII.

Colour is the third signal, after glyph and word. The palette is Okabe and Ito's; the light theme darkens it until text
can be read on white.
"""

from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

__all__ = ["ANSI_VARIABLES", "DARK", "THEMES", "AsciiOnly", "ascii_text"]

DARK: Final = Theme(
    name="recourse",
    primary="#0072B2",
    secondary="#56B4E9",
    success="#1FB58C",
    warning="#E69F00",
    error="#F2743C",
    accent="#CC79A7",
    foreground="#E4E7EB",
    background="#0F1317",
    surface="#151A20",
    panel="#1D242C",
    variables={
        "dim": "#9CA8B4",
        "cursor": "#232D38",
        "chosen": "#0B4F78",
        "chosen-foreground": "#FFFFFF",
    },
)
LIGHT: Final = Theme(
    name="recourse-light",
    primary="#0072B2",
    secondary="#005F94",
    success="#00664A",
    warning="#7A5200",
    error="#A63D00",
    accent="#8F3A6A",
    foreground="#1B1F24",
    background="#FBFBF8",
    surface="#F2F2EE",
    panel="#E7E7E1",
    dark=False,
    variables={
        "dim": "#565E67",
        "cursor": "#E3E9EF",
        "chosen": "#BFDDF1",
        "chosen-foreground": "#10151A",
    },
)
CONTRAST: Final = Theme(
    name="recourse-contrast",
    primary="#56B4E9",
    secondary="#7CC8F5",
    success="#3FE0B0",
    warning="#FFC23D",
    error="#FF9966",
    accent="#F0A6CE",
    foreground="#FFFFFF",
    background="#000000",
    surface="#000000",
    panel="#000000",
    variables={
        "dim": "#D0D0D0",
        "cursor": "#262600",
        "chosen": "#FFFFFF",
        "chosen-foreground": "#000000",
    },
)
THEMES: Final = (DARK, LIGHT, CONTRAST)
ANSI_VARIABLES: Final = {
    "dim": "ansi_bright_black",
    "cursor": "ansi_blue",
    "chosen": "ansi_cyan",
    "chosen-foreground": "ansi_black",
}
"""Our own variables in Textual's themes, which use the terminal's colours."""

# ruff: noqa: RUF001  # the table is about look-alikes
# One cell for one cell, so that nothing moves.
GLYPHS: Final = {
    "●": "o", "○": ".", "◐": "~", "✗": "x", "✓": "*", "▸": ">", "▶": ">", "⚑": "*", "⚠": "!", "⊘": "!",
    "↻": "~", "⇉": "=", "┊": ":", "│": "|", "─": "-", "━": "=", "├": "|", "┤": "|", "…": ".", "·": ".",
    "—": "-", "–": "-", "−": "-", "×": "x", "→": ">", "←": "<", "↑": "^", "↓": "v", "▲": "^", "▼": "v",
    "◀": "<", "≤": "<", "≥": ">", "≈": "~", "±": "~", "Δ": "d", "µ": "u", "∞": "*", "░": ".", "▒": ":", "▓": "=",
    "█": "#", "▇": "#", "▆": "#", "▅": "#", "▄": "=", "▃": "=", "▂": "-", "▁": "-",
    "▉": "#", "▊": "#", "▋": "#", "▌": "|", "▍": "|", "▎": "|", "▏": "|",
}  # fmt: skip
_TABLE: Final = str.maketrans(GLYPHS)


def ascii_text(text: str) -> str:
    """``text`` in ASCII and of the same width; a character without a stand-in becomes ``?``."""
    drawn = text.translate(_TABLE)
    if drawn.isascii():
        return drawn
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in drawn)


class AsciiOnly(LineFilter):
    """Draws every strip in ASCII, for terminals and fonts that have nothing else."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, with ASCII stand-ins for glyphs."""
        del background
        return [Segment(ascii_text(s.text), s.style, s.control) for s in segments]
