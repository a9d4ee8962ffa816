import threading

import pytest

from recourse_observe.duck import Superseded
from recourse_observe.queries.archive import Archive

ENDLESS = "SELECT sum(a.range * b.range) FROM range(1000000) AS a, range(1000000) AS b"


def test_a_lane_answers_as_the_archive_does(small: Archive) -> None:
    assert small.in_lane("keys").keys() == small.keys()
    assert repr(small.in_lane("keys")) == "Archive('small')"


def test_the_next_question_of_a_lane_stops_the_one_before(small: Archive) -> None:
    first, stopped = small.in_lane("panel"), threading.Event()

    def ask() -> None:
        with pytest.raises(Superseded):
            first.sql(ENDLESS)
        stopped.set()

    asking = threading.Thread(target=ask)
    asking.start()
    second = small.in_lane("panel")
    asking.join(10)

    assert stopped.is_set()
    assert second.sql("SELECT 1 AS one").to_pylist() == [{"one": 1}]
    with pytest.raises(Superseded):
        first.sql("SELECT 1")


def test_another_lane_and_the_archive_itself_go_on(small: Archive) -> None:
    other = small.in_lane("one")
    small.in_lane("two")

    assert other.coverage() == small.coverage()
