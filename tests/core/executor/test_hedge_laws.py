"""What holds for every hedged call, whatever its runs do."""

from typing import Any, Final

import pytest
from hypothesis import given, strategies as st

from recourse import (
    BudgetRef,
    ByException,
    HedgePolicy,
    OutcomeKind,
    RetryPolicy,
)
from recourse.budget import Ask, Decision
from recourse.events import (
    AttemptEnd,
    AttemptStart,
    HedgeCancel,
    HedgeSpawn,
)
from recourse.policy.model import Jitter


class Ledger:
    """A budget that counts what it has lent."""

    def __init__(self, denied: frozenset[int]) -> None:
        self.denied = denied
        self.lent = 0
        self.asked = 0
        self.problems: list[str] = []

    def ask(self, request: Ask) -> Decision:
        self.asked += 1
        if self.asked in self.denied:
            return Decision(allowed=False, reason="budget_denied")
        self.lent += 1
        open_ = [True]

        def release() -> None:
            if not open_:
                self.problems.append(f"{request} was released twice")
            open_.clear()
            self.lent -= 1

        return Decision(allowed=True, release=release)

    def __repr__(self) -> str:
        return f"Ledger({self.denied})"


class Value:
    """A value that somebody has to close."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


KINDS: Final = ByException(
    {ValueError: OutcomeKind.NON_RETRYABLE, ZeroDivisionError: OutcomeKind.ABORT}
)
RUN: Final = st.tuples(
    st.sampled_from([0.25, 0.5, 0.75, 1.0, 1.5, 2.0]),
    st.sampled_from([Value, ConnectionError, ValueError, ZeroDivisionError, KeyboardInterrupt]),
    st.booleans(),
)


@st.composite
def groups(draw: st.DrawFn) -> dict[str, Any]:
    """Options of a hedged call: what its policy may say."""
    seconds = st.none() | st.sampled_from([0.75, 1.0, 1.75])
    retry = RetryPolicy(
        max_attempts=2,
        jitter=Jitter.NONE,
        timeout_per_attempt_s=draw(seconds),
        overall_timeout_s=draw(seconds),
        budget=BudgetRef("ledger"),
    )
    hedge = HedgePolicy(
        hedge_delay_s=0.25,
        max_hedges=draw(st.integers(1, 3)),
        cancel_on_first_terminal=draw(st.booleans()),
        budget=BudgetRef("ledger"),
    )
    ledger = Ledger(draw(st.frozensets(st.integers(1, 8), max_size=3)))
    return {"retry": retry, "hedge": hedge, "budgets": {"ledger": ledger}}


@given(
    verb=st.sampled_from(["call", "acall"]),
    runs=st.lists(RUN, min_size=8, max_size=8),
    group=groups(),
)
@pytest.mark.slow
def test_r46_r51_r52_r53_whatever_its_runs_do_a_hedged_call_ends_each_of_them_once(
    side_of: Any, verb: str, runs: list[tuple[float, Any, bool]], group: dict[str, Any]
) -> None:
    side, left, ledger = side_of(verb), iter(runs), group["budgets"]["ledger"]
    values: list[Value] = []

    def operation() -> Any:
        seconds, result, deaf = next(left)
        yield from side.stubborn(seconds, None)() if deaf else iter([seconds])
        if result is not Value:
            raise result
        values.append(Value())
        return values[-1]

    told = side(
        operation,
        **group,
        classifiers={"kinds": KINDS},
        default_classifier="kinds",
        sync_timeout="thread",
        settle_s=30.0,
    )

    started = [(event.attempt, event.hedge_index) for event in told.of(AttemptStart)]
    ended = [
        (event.attempt, event.hedge_index)
        for event in told.events
        if isinstance(event, HedgeCancel) or (isinstance(event, AttemptEnd) and event.ran)
    ]
    spawned = {(event.attempt, event.hedge_index) for event in told.of(HedgeSpawn)}
    ran = [record for record in told.timeline.attempts if record.ran]
    assert len(started) == len(set(started)) <= 2 * (1 + group["hedge"].max_hedges)
    assert spawned == {run for run in started if run[1] > 0}
    assert sorted(ended) == sorted(started)
    assert [(record.attempt, record.hedge_index) for record in ran] == started
    assert told.timeline.attempts_run == len(started)
    assert set(told.names[told.names.index("CallEnd") + 1 :]) <= {"AttemptLate"}
    assert (ledger.lent, ledger.problems, told.complaints) == (0, [], ())
    assert [value.closed for value in values] == [int(value is not told.value) for value in values]
    if told.error is None:
        assert told.timeline.ended_unix_ns == max(record.ended_unix_ns for record in ran)
