"""Worlds: dependencies with the luck that gives the record, and what their runs say together."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from recourse import Policy
from recourse_observe.whatif.fit import Fitted
from recourse_observe.whatif.model import Grounds, checked, model_rows
from recourse_observe.whatif.process import Rules
from recourse_observe.whatif.record import Measured, Record, Tried, recorded_measures
from recourse_observe.whatif.runs import LOAD_BINS, Outcome
from recourse_observe.whatif.series import recorded_series

Maker = Callable[..., Tried]
Recorder = Callable[..., Record]
RULES = Rules(key="k", policies=(Policy("k").normalize(),))


@pytest.fixture
def grounds(tried: Maker, recorded: Recorder) -> Callable[..., Grounds]:
    """Worlds in which so many of 600 calls fail under the recorded policy, at these distances."""
    lost = {"outcome": "retryable", "reason": "http_503"}
    record = recorded([tried(i, i / 10, **(lost if 200 <= i < 300 else {})) for i in range(600)])
    measured = recorded_measures(record)
    series = recorded_series(record)

    def made(*failed: int, apart: tuple[float, ...] = ()) -> Grounds:
        return Grounds(
            record=record,
            fitted=Fitted(fittings=(), series=series, mechanisms=("it is slow",), thin=1),
            recorded=measured,
            worlds=(),
            before=outcomes(measured, *failed),
            apart=apart or (0.1,) * len(failed),
            tried=4,
        )

    def outcomes(like: Measured, *failed: int) -> tuple[Outcome, ...]:
        return tuple(
            Outcome(series=series, measured=replace(like, failed=n), load=(0.0,) * LOAD_BINS)
            for n in failed
        )

    return made


def test_the_middle_is_that_of_worlds_that_give_the_record(grounds: Callable[..., Grounds]) -> None:
    # 100 calls failed.
    some = grounds(100, 95, 300)

    assert some.well == (True, True, False)
    assert some.middle([10.0, 20.0, 90.0]) in {10.0, 20.0}
    assert grounds(300, 300, 300).middle([10.0, 20.0, 90.0]) == 20.0


def test_the_nearer_a_world_is_to_the_record_the_more_it_counts(
    grounds: Callable[..., Grounds],
) -> None:
    near = grounds(100, 100, 100, apart=(0.05, 0.15, 0.15))

    assert near.middle([10.0, 80.0, 90.0]) == 10.0


def test_worlds_that_miss_the_record_are_heard_when_it_is_asked_whether_there_are_fewer(
    grounds: Callable[..., Grounds],
) -> None:
    before = grounds(100, 300, 300, 300)

    rows = {row.name: row for row in model_rows(before, grounds(200, 0, 0, 0).before, RULES)}

    failed = rows["failed_calls"]
    assert failed.candidate == 200
    assert failed.direction is not None
    assert (failed.direction.more, failed.direction.fewer) == (1, 3)
    assert not failed.direction.known
    assert rows["attempts"].direction is None


def test_the_check_tells_how_many_worlds_give_the_record(grounds: Callable[..., Grounds]) -> None:
    well, ill = checked(grounds(100, 300)), checked(grounds(300, 310))

    assert well.passed
    assert well.mechanisms == (
        "it is slow",
        "1 of 4 runs of the recorded policy give what was recorded",
    )
    assert not ill.passed
    assert next(row for row in ill.rows if row.name == "failed_calls").low == 300


def test_the_interval_spans_all_worlds_that_came_near(grounds: Callable[..., Grounds]) -> None:
    before = grounds(100, 100, 200)

    rows = {row.name: row for row in model_rows(before, grounds(100, 100, 20).before, RULES)}

    failed = rows["failed_calls"]
    assert failed.candidate == 100
    assert failed.low is not None
    # Where the third world loses 200 now and 20 then, a tenth of what was recorded remains.
    assert failed.low <= 10
    assert rows["wasted_retries"].high is not None
