from hypothesis import given, strategies as st

from recourse_tui.widgets.sparkline import bars, resampled

COUNTS = st.lists(st.none() | st.integers(0, 1000), max_size=50)


def test_many_values_become_the_means_of_equal_parts() -> None:
    assert resampled([1, 3, None, 5, None, None], 3) == [2, 5, None]


def test_few_values_are_spread_out() -> None:
    assert resampled([1, 2], 4) == [1, 1, 2, 2]


def test_nothing_known_is_no_data() -> None:
    assert resampled([], 3) == [None] * 3
    assert bars([None, 0, 8], 3) == " _█"


def test_rows_may_share_a_scale() -> None:
    assert bars([1, 2], 2) == "▄█"
    assert bars([1, 2], 2, top=8) == "▁▂"


@given(COUNTS, st.integers(1, 80))
def test_a_sparkline_is_as_wide_as_it_is_told(values: list[int | None], cells: int) -> None:
    assert len(bars(values, cells)) == cells
