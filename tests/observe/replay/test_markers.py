"""Markers of budgets that recover and of incidents."""

from types import SimpleNamespace
from typing import Any

from recourse_observe.replay.markers import Finder, Marker, of_incidents
from recourse_observe.replay.state import Columns


def asked(*answers: tuple[bool, float | None]) -> Columns:
    n = len(answers)
    return Columns(
        range(n), ["budget"] * n, ["k"] * n, ["c"] * n, [1] * n, [0] * n, ["p"] * n, ["b"] * n,
        [allowed for allowed, _ in answers], [level for _, level in answers], [1] * n,
    )  # fmt: skip


def test_a_budget_has_recovered_when_it_is_half_full_again() -> None:
    finder = Finder([])
    finder.hear(
        asked((True, 8.0), (False, 0.0), (True, 1.0), (False, 0.0), (True, 4.0), (False, 0.0))
    )

    assert finder.found == [
        Marker(at_us=1, label="budget b empty"),
        Marker(at_us=4, label="budget b refilled"),
        Marker(at_us=5, label="budget b empty"),
    ]


def test_a_budget_that_does_not_tell_its_level_has_recovered_when_it_allows() -> None:
    finder = Finder([])
    finder.hear(asked((False, None), (True, None)))

    assert [marker.label for marker in finder.found] == ["budget b empty", "budget b refilled"]


def test_incidents_begin_and_end_unless_they_go_on() -> None:
    def incident(number: int, reason: str, *, ongoing: bool) -> Any:
        measures = SimpleNamespace(reason=reason)
        return SimpleNamespace(
            id=number, onset_unix_ns=1_000, end_unix_ns=9_000, ongoing=ongoing, measures=measures
        )

    found = list(
        of_incidents([incident(1, "http_503", ongoing=False), incident(2, "", ongoing=True)])
    )

    assert found == [
        Marker(at_us=1, label="#1 starts: http_503"),
        Marker(at_us=9, label="#1 ends"),
        Marker(at_us=1, label="#2 starts: no reason"),
    ]
