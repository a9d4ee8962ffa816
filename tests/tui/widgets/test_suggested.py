"""What to change, in a table as narrow as the side of Triage."""

import pytest

from recourse_observe.whatif.answer import Edit, Kind, Row, Suggestion, Unit
from recourse_observe.whatif.glance import Glance
from recourse_tui.lines import Line, plain
from recourse_tui.widgets.suggested import suggestion_lines

MINUS = "\N{MINUS SIGN}"
COUNTED = Glance(name="max_attempts 2", kind=Kind.EXACT, load=-0.2331, lost=20_534)


def texts(lines: list[Line]) -> list[str]:
    return [plain(line) for line in lines]


def test_load_kind_and_lost_calls_stand_together() -> None:
    modelled = Glance(name="breaker", kind=Kind.MODEL, load=0.014, lost=985)

    assert texts(suggestion_lines((COUNTED, modelled), (), 38)) == [
        " WHAT TO CHANGE     LOAD KIND     LOST",
        f" 1 max_attempts 2   {MINUS}23% EXACT  ≤20.5k",
        " 2 breaker           +1% MODEL    ~985",
    ]


def test_what_is_not_known_yet_says_so() -> None:
    unknown = Glance(name="a name that is much too long", kind=Kind.MODEL)

    assert texts(suggestion_lines(None, (), 38))[1] == " counting …"
    *_, row, then = texts(suggestion_lines((COUNTED, unknown), (), 38))
    assert row == " 2 a name that is…     … MODEL       …"
    assert then == " … not computed yet: p asks the model"


@pytest.mark.parametrize("width", [38, 40, 58])
def test_it_is_as_wide_as_its_place(width: int) -> None:
    assert {len(text) for text in texts(suggestion_lines((COUNTED,), (), width))} == {width}


def test_what_a_search_found_takes_the_place_of_what_was_not_known() -> None:
    unknown = Glance(name="breaker", kind=Kind.MODEL)
    rows = tuple(
        Row(name=name, recorded=100, candidate=39, kind=Kind.MODEL, unit=Unit.CALLS)
        for name in ("attempts", "failed_calls")
    )
    edits = (Edit(path="circuit.kind", before=None, after="failure_rate"),)
    found = Suggestion(edits=edits, rows=rows, quiet_rows=(), risk="", toml="")

    assert texts(suggestion_lines((COUNTED, unknown), (found,), 38))[2:] == [
        f" 2 breaker          {MINUS}61% MODEL     ~39"
    ]
