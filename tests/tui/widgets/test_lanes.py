from hypothesis import given, strategies as st

from recourse_tui.lines import Ink, plain
from recourse_tui.widgets.brush import Histogram
from recourse_tui.widgets.lanes import axis_line, bar_lanes, column, heat_lanes, lane_lines


def test_a_lane_has_its_name_its_bars_and_the_cursor() -> None:
    (line,) = lane_lines(bar_lanes("lost", [0, 4, 8, None], Ink.BAD), 2, 4, 27)

    assert plain(line) == " lost             __▄▄██  "
    assert [span.text for span in line if span.ink is Ink.CHOSEN] == ["█"]


def test_a_tall_lane_is_named_where_it_stands() -> None:
    lines = lane_lines(bar_lanes("lost", [0, 4, 8, None], rows=2), 0, 4, 23)

    assert [plain(line) for line in lines] == ["                    █ ", " lost             _██ "]


def test_the_axis_stands_over_the_lanes() -> None:
    minute = 60_000_000
    data = Histogram(start_unix_us=0, end_unix_us=10 * minute, counts=(), chosen=(3 * minute, 6 * minute))  # fmt: skip

    line = plain(axis_line(data, 80))

    assert len(line) == 79
    assert "00:03▲" in line
    assert line.index("00:00") == 18


@given(st.integers(0, 119), st.integers(1, 300))
def test_the_cursor_is_always_on_the_lane(bucket: int, cells: int) -> None:
    assert 0 <= column(bucket, 120, cells) < cells


def test_latencies_are_darker_where_there_were_more() -> None:
    lanes = heat_lanes([(2**19, [0, 4]), (2**10, [1, 8])])

    assert [lane.name for lane in lanes] == ["≥ 524 ms", "≥ 1.0 ms"]
    assert [lane.draw(4) for lane in lanes] == ["  ▒▒", "░░██"]


def test_without_latencies_there_is_no_row() -> None:
    assert heat_lanes([]) == []
