"""What one event does to a state."""

from recourse_observe.replay.state import Budget, Columns, KeyCounts, State, fold


def happened(*rows: tuple[object, ...]) -> Columns:
    """Events of (time, kind, word, good, number), all of one call in one process."""
    columns = list(zip(*rows, strict=True))
    count = len(rows)
    return Columns(
        at_us=columns[0], kind=columns[1], key=["k"] * count, call_id=["c"] * count,
        attempt=[0] * count, hedge_index=[0] * count, instance=["p"] * count, word=columns[2],
        good=columns[3], number=columns[4], weight=[1] * count,
    )  # fmt: skip


def test_a_call_is_in_flight_until_it_ends_and_so_are_its_attempts() -> None:
    start = fold(
        State(at_us=0),
        happened((1, "call_start", "v1", True, None), (2, "attempt_start", "", True, None)),
    )
    end = fold(
        start,
        happened((5, "attempt_end", "http_503", False, 3.0), (6, "call_end", "lost", False, 5.0)),
    )

    assert start.keys["k"] == KeyCounts(calls_open=1, attempts_open=1, calls=1, attempts=1)
    assert end.keys["k"] == KeyCounts(calls=1, ended=1, lost=1, attempts=1, answered=1, failed=1)
    assert (start.at_us, end.at_us, end.events) == (2, 6, 4)
    assert end.keys["k"].since(start.keys["k"]).failed_share == 1.0
    assert end.keys["k"].since(start.keys["k"]).attempts_per_call is None


def test_a_budget_is_empty_since_its_first_denial_after_the_last_grant() -> None:
    state = State(at_us=0)
    since = []
    for at, allowed in ((1, True), (2, False), (3, False), (4, True), (5, False)):
        state = fold(state, happened((at, "budget", "b", allowed, 0.5)))
        since.append(state.budgets["b", "p"].empty_since_us)

    assert since == [None, 2, 2, None, 5]


def test_several_processes_are_added_and_the_worst_breaker_is_told() -> None:
    state = State(
        at_us=0,
        keys={"a": KeyCounts(calls=1, attempts=2), "b": KeyCounts(calls=1)},
        budgets={
            ("b", "1"): Budget(3.0, allowed=True, empty_since_us=None),
            ("b", "2"): Budget(None, allowed=False, empty_since_us=7),
        },
        breakers={("k", "1"): "closed", ("k", "2"): "half_open"},
    )

    assert state.budget("b") == Budget(3.0, allowed=False, empty_since_us=7)
    assert state.budget("other") is None
    assert (state.breaker("k"), state.breaker("other")) == ("half_open", None)
    assert state.key(None).attempts_per_call == 1.0
    assert state.key("none") == KeyCounts()
    assert KeyCounts().failed_share is None


def test_no_event_leaves_a_state_at_its_moment() -> None:
    nothing = Columns(*[()] * len(Columns._fields))

    assert fold(State(at_us=3), nothing) == State(at_us=3)
    assert fold(State(at_us=3), nothing, 9) == State(at_us=9)
