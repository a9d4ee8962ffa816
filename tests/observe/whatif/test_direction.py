"""Fewer or more: what worlds say together, and when they do not know."""

import pytest

from recourse_observe.whatif.answer import Sense
from recourse_observe.whatif.direction import direction_of

CALLS = 1_000


@pytest.mark.parametrize(
    ("made", "sense"),
    [
        ((20.0, 40.0, 60.0, 70.0), Sense.FEWER),
        ((130.0, 140.0, 160.0, 99.0), Sense.MORE),
        ((95.0, 100.0, 104.0, 300.0), Sense.AS_MANY),
        ((20.0, 40.0, 160.0, 170.0), Sense.NOT_KNOWN),
        ((100.0, 101.0, 160.0, 170.0), Sense.NOT_KNOWN),
    ],
)
def test_a_direction_is_told_when_three_worlds_in_four_agree(
    made: tuple[float, ...], sense: Sense
) -> None:
    told = direction_of(100.0, CALLS, made, (1.0,) * len(made))

    assert told.sense is sense
    assert told.known is (sense is not Sense.NOT_KNOWN)
    assert told.worlds == told.fewer + told.more + told.as_many == 4


def test_a_world_counts_as_much_as_it_weighs() -> None:
    made = (20.0, 200.0, 200.0)

    assert direction_of(100.0, CALLS, made, (8.0, 1.0, 1.0)).sense is Sense.FEWER
    assert direction_of(100.0, CALLS, made, (1.0, 2.0, 2.0)).sense is Sense.MORE


def test_of_few_calls_a_change_within_chance_is_none() -> None:
    assert direction_of(30.0, 200, (21.0, 39.0), (1.0, 1.0)).sense is Sense.AS_MANY
