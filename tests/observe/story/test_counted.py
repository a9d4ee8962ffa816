"""Facts that follow from the counts of phases."""

from collections.abc import Mapping
from typing import Any

from recourse_observe.story.counted import counted
from recourse_observe.story.phase_rows import AttemptsRow, CallsRow, Latency
from recourse_observe.story.phases import Phase
from recourse_observe.story.picture import Picture

S = 1_000_000


def calls(phase: str, key: str, count: int, *, lost: int = 0) -> CallsRow:
    return CallsRow(
        phase=phase, key=key, instance="i-0", disposition="exhausted" if lost else "success",
        policy_source="static", calls=count, attempts=count, admitted=count, retries=0, hedges=0,
        rescued=0, lost_calls=lost,
    )  # fmt: skip


def attempts(phase: str, outcome: str, reason: str, count: int) -> AttemptsRow:
    return AttemptsRow(
        phase=phase, instance="i-0", peer="", kind="first", outcome=outcome, reason=reason, status=0,
        at_limit=False, quick=True, shed=False, hinted=False, lost=False, attempts=count,
    )  # fmt: skip


def told(rows: tuple[CallsRow, ...], *tried: AttemptsRow) -> Mapping[str, Any]:
    """The facts of an incident of ``a.B`` that lasted from second 100 to second 200."""

    def phase(name: str) -> Phase:
        return Phase(
            seconds=100.0,
            calls_rows=[row for row in rows if row.phase == name],
            attempts_rows=[row for row in tried if row.phase == name],
            latency=Latency(phase=name),
        )

    picture = Picture(
        keys=("a.B",), affected=("a.B", "c.D"), onset_us=100 * S, end_us=200 * S, ongoing=False,
        before=phase("before"), during=phase("during"), after=phase("after"), all_calls=rows,
        beats=(), processes=(), policies=(), transitions=(), budget=(), new_keys=(),
    )  # fmt: skip
    return counted(picture, 0)


def test_where_nothing_was_lost_or_tried_there_is_no_fact_of_it() -> None:
    facts = told((calls("during", "a.B", 5),))

    assert [kind for kind, row in facts.items() if row is None] == [
        "disposition",
        "reason",
        "fewer",
    ]
    assert facts["impact"]["calls"] == 5
    assert facts["impact"]["processes_hit"] == 0


def test_the_most_frequent_way_to_be_lost_and_reason_are_told() -> None:
    facts = told(
        (calls("during", "a.B", 5, lost=4), calls("during", "a.B", 2), calls("after", "a.B", 3)),
        attempts("during", "retryable", "http_503", 6),
        attempts("during", "retryable", "http_500", 6),
        attempts("during", "success", "success", 2),
        attempts("before", "retryable", "http_500", 1),
    )

    assert facts["disposition"] == {"disposition": "exhausted", "calls": 4, "of_calls": 4}
    assert facts["reason"] == {
        "reason": "http_500", "attempts": 6, "of_attempts": 14, "attempts_before": 1,
        "of_attempts_before": 1,
    }  # fmt: skip
    assert facts["end"] == {"calls": 3, "lost": 0, "attempts": 3, "admitted": 3}


def test_the_key_that_was_called_least_is_told_unless_it_suffers_too() -> None:
    facts = told(
        (
            calls("before", "c.D", 90), calls("before", "e.F", 90), calls("during", "e.F", 40),
            calls("before", "g.H", 90), calls("during", "g.H", 30), calls("before", "i.J", 20),
            calls("after", "e.F", 99),
        )
    )  # fmt: skip

    assert facts["fewer"] == {
        "policy_key": "g.H", "calls": 30, "seconds": 100.0, "calls_before": 90,
        "seconds_before": 100.0,
    }  # fmt: skip
    assert facts["others"] == {"other_keys": 2, "calls": 70, "lost": 0}
