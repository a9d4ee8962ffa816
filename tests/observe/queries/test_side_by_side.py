"""Two questions at once."""

import threading

import pytest

from recourse_observe.queries.side_by_side import side_by_side


def test_neither_waits_for_the_other() -> None:
    first, second = threading.Event(), threading.Event()

    def one() -> str:
        first.set()
        return "one" if second.wait(20) else "late"

    def other() -> str:
        second.set()
        return "other" if first.wait(20) else "late"

    assert side_by_side(one, other) == ("one", "other")


def test_what_is_wrong_with_the_second_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda: 1, lambda: 1 // 0)


def test_when_the_first_fails_nobody_waits_for_the_second() -> None:
    goes_on = threading.Event()
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda: 1 // 0, lambda: goes_on.wait(20))
    assert not goes_on.is_set()
    goes_on.set()
