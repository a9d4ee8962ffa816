import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.theme import Theme

from recourse_tui.theme import CONTRAST, GLYPHS, THEMES, AsciiOnly, ascii_text


def luminance(color: Color) -> float:
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_ink_can_be_read_on_the_background_and_on_the_cursor(theme: Theme) -> None:
    least = 7.0 if theme is CONTRAST else 4.5
    inks = [
        theme.foreground,
        theme.secondary,
        theme.success,
        theme.warning,
        theme.error,
        theme.accent,
    ]
    inks.append(theme.variables["dim"])

    for ground in (theme.background, theme.variables["cursor"]):
        assert min(contrast(str(ink), str(ground)) for ink in inks) >= least
    chosen = contrast(theme.variables["chosen-foreground"], theme.variables["chosen"])
    assert chosen >= least


@given(st.text())
def test_ascii_text_is_ascii_and_as_wide_as_the_text(text: str) -> None:
    drawn = ascii_text(text)

    assert drawn.isascii()
    assert cell_len(drawn) <= cell_len(text)


def test_each_glyph_has_one_ascii_character_of_the_same_width() -> None:
    assert {
        glyph for glyph, sign in GLYPHS.items() if len(sign) != 1 or cell_len(glyph) != 1
    } == set()


def test_states_stay_apart_in_ascii() -> None:
    assert len({ascii_text(glyph) for glyph in "●◐○✗"}) == 4
    assert ascii_text("日 ✗ é") == "?? x ?"


def test_the_filter_draws_every_segment_in_ascii() -> None:
    assert AsciiOnly().apply([Segment("✗ lost")], Color(0, 0, 0)) == [Segment("x lost")]
