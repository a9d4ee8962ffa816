import subprocess
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings, strategies as st

from recourse_observe import text


@given(st.text())
def test_what_is_printable_has_no_control_character_and_a_limit(value: str) -> None:
    safe = text.printable(value)

    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2066\u200b" for c in safe)
    assert len(safe) <= 4096


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert text.printable("x" * 5000) == "x" * 4095 + "…"


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (None, "—"),
        (0, "0 µs"),
        (999, "999 µs"),
        (1_000, "1.0 ms"),
        (9_960, "10 ms"),
        (486_000, "486 ms"),
        (999_600, "1.00 s"),
        (9_996_000, "10.0 s"),
        (59_970_000, "1m00s"),
        (3_725_000_000, "1h02m05s"),
    ],
)
def test_a_duration_has_its_unit_and_three_digits(micros: int | None, shown: str) -> None:
    assert text.duration(micros) == shown


def test_a_ratio_that_is_not_known_is_a_dash() -> None:
    assert (text.times(None), text.percent(None)) == ("—", "—")


def test_a_sparkline_without_any_value_shows_zeros_and_gaps() -> None:
    assert text.sparkline([0, None, 0]) == "_ _"


def test_a_sparkline_may_share_a_scale() -> None:
    assert text.sparkline([4, 8], top=16) == "▂▄"


@given(st.text(alphabet="aé日\u0301", max_size=8), st.integers(1, 10))
def test_a_fitted_text_fills_its_cells(value: str, cells: int) -> None:
    assert text.width(text.fit(value, cells)) in {cells, cells - 1}


def test_a_text_too_wide_for_one_cell_is_an_ellipsis() -> None:
    assert text.fit("日本", 1) == "…"


def test_the_time_of_day_has_as_many_decimals_as_asked() -> None:
    assert text.clock(36_120_623_456, decimals=1) == "10:02:00.6"


HARMLESS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(HARMLESS, min_size=1, max_size=3))
@settings(max_examples=20, deadline=None)
def test_a_shell_reads_a_command_line_back_and_a_terminal_obeys_none_of_it(
    argv: list[str],
) -> None:
    hostile = [*argv, "a\x1b]52;c;eA==\x07'\\\u202e$(id)`id`\n"]
    line = text.shell(["printf", "%s\\0", *hostile])

    said = subprocess.run(["/bin/bash", "-c", line], check=True, capture_output=True).stdout

    assert said.decode().split("\0")[:-1] == hostile
    assert text.visible(line) == line


def test_times_of_day_are_shown_in_a_zone_until_the_block_ends() -> None:
    here = timezone(timedelta(hours=-5, minutes=-30), "HERE")

    with text.shown_in(here):
        assert (text.day(0), text.clock(0), text.zone_name(0)) == ("1969-12-31", "18:30:00", "HERE")
    assert (text.day(0), text.clock(0), text.zone_name(0)) == ("1970-01-01", "00:00:00", "UTC")
