from hypothesis import given, strategies as st

from recourse.sliding import SlidingSum


def test_an_amount_counts_until_its_tenth_of_the_window_is_over() -> None:
    window = SlidingSum(10.0)
    window.add(3, 0.9)
    window.add(4, 1.0)

    assert [window.total(now_s) for now_s in (9.9, 10.0, 10.9, 11.0)] == [7, 4, 4, 0]


def test_adding_gives_the_new_total_and_may_take_away() -> None:
    window = SlidingSum(5.0)

    assert [window.add(amount, 1.0) for amount in (5, 2, -3)] == [5, 7, 4]


def test_time_that_goes_back_is_taken_for_the_latest_seen() -> None:
    window = SlidingSum(10.0)
    window.add(1, 50.0)
    window.add(1, 3.0)

    assert [window.total(now_s) for now_s in (3.0, 59.9, 60.0)] == [2, 2, 0]


def test_clearing_forgets_amounts_and_time() -> None:
    window = SlidingSum(10.0)
    window.add(1, 50.0)

    window.clear()

    assert [window.add(2, 3.0), window.total(12.9), window.total(13.0)] == [2, 2, 0]


def test_it_shows_its_window_and_total() -> None:
    window = SlidingSum(10.0)
    window.add(4, 1.0)

    assert repr(window) == "SlidingSum(window_s=10, total=4)"


@given(
    window_s=st.sampled_from([1.0, 10.0, 60.0]),
    steps=st.lists(st.tuples(st.integers(-5, 5), st.floats(0.0, 30.0)), max_size=40),
)
def test_the_sum_holds_all_of_nine_tenths_and_none_beyond_the_window(
    window_s: float, steps: list[tuple[int, float]]
) -> None:
    window = SlidingSum(window_s)
    added: list[tuple[int, float]] = []
    now_s = 0.0
    for amount, step_s in steps:
        now_s += step_s
        window.add(amount, now_s)
        added.append((amount, now_s))

    edge = now_s // (window_s / 10) - 10

    assert window.total(now_s) == sum(a for a, at_s in added if at_s // (window_s / 10) > edge)
