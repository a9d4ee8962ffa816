from hypothesis import given, strategies as st

from recourse_observe.queries.rows import LatencyRow
from recourse_tui.lines import Ink, plain
from recourse_tui.widgets.lanes import bar_lane, by_bucket, column, heat_lanes, lane_lines


def latency(bucket: int, power: int, attempts: int) -> LatencyRow:
    return LatencyRow(key="k", bucket=bucket, start_unix_us=0, power=power, attempts=attempts)


def test_a_lane_has_its_name_its_bars_and_the_value_under_the_cursor() -> None:
    lane = bar_lane("lost", [0, 4, 8, None], lambda bucket: f"bucket {bucket}", Ink.BAD)

    (line,) = lane_lines([lane], 2, 4, 43)

    assert plain(line) == " lost             __▄▄██   bucket 2        "
    assert [span.text for span in line if span.ink is Ink.CHOSEN] == ["█"]


def test_rows_are_found_by_their_bucket_and_others_left_out() -> None:
    assert by_bucket([0, 2, 7, -1], lambda row: row, 4) == [0, None, 2, None]


@given(st.integers(0, 119), st.integers(1, 300))
def test_the_cursor_is_always_on_the_lane(bucket: int, cells: int) -> None:
    assert 0 <= column(bucket, 120, cells) < cells


def test_latencies_are_few_rows_the_longest_first_and_darker_where_there_are_more() -> None:
    lanes = heat_lanes(
        [latency(0, 10, 1), latency(1, 10, 8), latency(1, 19, 4), latency(9, 15, 99)], 2
    )

    assert [lane.name for lane in lanes] == ["≥ 524 ms", "≥ 1.0 ms"]
    assert [lane.draw(4) for lane in lanes] == ["  ▒▒", "░░██"]
    assert lanes[1].says(1) == "8 attempts"


def test_without_latencies_there_is_no_row() -> None:
    assert heat_lanes([], 10) == []
