"""Fewer or more: what worlds say together, and when they do not know."""

import json

import pytest

from recourse_observe.whatif.answer import Answer, Direction, Kind, Row, Sense, Suggestion, Unit
from recourse_observe.whatif.direction import direction_of
from recourse_observe.whatif.render import as_json, as_markdown, as_text, directions

CALLS = 1_000


@pytest.mark.parametrize(
    ("middle", "made", "sense"),
    [
        (50.0, (20.0, 40.0, 60.0, 170.0), Sense.FEWER),
        (50.0, (20.0, 40.0, 160.0, 170.0), Sense.NOT_KNOWN),
        (150.0, (130.0, 140.0, 160.0, 99.0), Sense.MORE),
        (150.0, (20.0, 40.0, 60.0, 170.0), Sense.NOT_KNOWN),
        (101.0, (95.0, 100.0, 104.0, 109.0), Sense.AS_MANY),
        (101.0, (95.0, 100.0, 104.0, 300.0), Sense.NOT_KNOWN),
    ],
)
def test_a_direction_is_told_when_most_worlds_say_what_the_middle_says(
    middle: float, made: tuple[float, ...], sense: Sense
) -> None:
    told = direction_of(100.0, CALLS, middle, made, (1.0,) * len(made))

    assert told.sense is sense
    assert told.known is (sense is not Sense.NOT_KNOWN)
    assert told.worlds == told.fewer + told.more + told.as_many == 4


def test_a_world_counts_as_much_as_it_weighs() -> None:
    made = (20.0, 200.0, 200.0)

    assert direction_of(100.0, CALLS, 20.0, made, (8.0, 1.0, 1.0)).sense is Sense.FEWER
    assert direction_of(100.0, CALLS, 20.0, made, (1.0, 2.0, 2.0)).sense is Sense.NOT_KNOWN


def test_of_few_calls_a_change_within_chance_is_none() -> None:
    assert direction_of(30.0, 200, 35.0, (21.0, 39.0), (1.0, 1.0)).sense is Sense.AS_MANY


def row(direction: Direction | None) -> Row:
    return Row(
        name="failed_calls",
        recorded=100.0,
        candidate=90.0,
        low=10.0,
        high=110.0,
        kind=Kind.MODEL,
        unit=Unit.CALLS,
        direction=direction,
    )


def test_a_direction_reads_the_same_in_text_markdown_and_json() -> None:
    split = Direction(sense=Sense.NOT_KNOWN, worlds=5, fewer=3, more=0, as_many=2)
    clear = Direction(sense=Sense.FEWER, worlds=1, fewer=1, more=0, as_many=0)
    better = Suggestion(edits=(), rows=(row(clear),), quiet_rows=(), risk="none", toml="")
    answer = Answer(
        archive="a",
        key="k",
        incident=1,
        start_unix_us=0,
        end_unix_us=9,
        edits=(),
        rows=(row(split),),
        suggestions=(better,),
    )
    not_known = (
        "failed calls: not known whether fewer or more: of 5 worlds 3 say fewer, 2 say as many"
    )

    text, markdown = as_text(answer), as_markdown(answer)
    document = json.loads(as_json(answer))

    assert f"\ndirection of {not_known}\n" in text
    assert "\n  direction of failed calls: fewer, of 1 world 1 say so\n" in text
    assert f"\n\nDirection of {not_known}.\n" in markdown
    assert "Direction of failed calls: fewer, of 1 world 1 say so." in markdown
    assert document["rows"][0]["direction"] == {
        "sense": "not known",
        "worlds": 5,
        "fewer": 3,
        "more": 0,
        "as_many": 2,
    }
    assert directions([row(None)]) == []
