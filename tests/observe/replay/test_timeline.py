"""A state is exact at every moment and after every event, from wherever one comes."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from recourse_observe.queries.archive import Archive
from recourse_observe.replay import timeline
from recourse_observe.replay.load import load
from recourse_observe.replay.state import Columns, EventKind, State, fold
from recourse_observe.replay.timeline import Replay, build
from recourse_observe.scope import EVERYTHING, ScopeError

Rows = dict[str, list[dict[str, Any]]]
T0, S = 1_795_255_200_000_000, 1_000_000


def in_flight(rows: Sequence[dict[str, Any]], at: int, key: str) -> int:
    """Rows that have begun and not ended, counted without a replay."""
    return sum(
        row["key"] == key
        and row.get("ran", True)
        and row["started_at"] <= at < row.get("ended_at", row["started_at"] + row.get("duration_us", 0))
        for row in rows
    )  # fmt: skip


@pytest.fixture(scope="module")
def replay(archive: Archive) -> Replay:
    return load(archive, EVERYTHING)


def test_the_state_at_any_moment_is_what_the_rows_say(replay: Replay, rows: Rows) -> None:
    moments = [row["started_at"] for row in rows["calls"]] + [T0 + n * 700_000 for n in range(90)]
    random.Random(2).shuffle(moments)  # noqa: S311  # an order, no secret

    for at in moments:
        if replay.start_us <= at <= replay.end_us:
            state = replay.at(at)
            for key in ("payments.Charge", "search.Query"):
                counts = state.key(key)
                assert counts.calls_open == in_flight(rows["calls"], at, key)
                assert counts.attempts_open == in_flight(rows["attempts"], at, key)
                assert counts.calls == sum(
                    c["key"] == key and c["started_at"] <= at for c in rows["calls"]
                )


def test_budgets_breakers_and_policies_are_those_of_the_last_row(
    replay: Replay, rows: Rows
) -> None:
    state = replay.at(T0 + 26 * S)
    denied = sum(not a.get("ran", True) for a in rows["attempts"])

    assert replay.at(T0 + 19 * S).breaker("search.Query") is None
    assert state.breaker("search.Query") == "open"
    assert state.policies == {"payments.Charge": "v2"}
    assert replay.at(replay.end_us).key(None).denied == denied
    assert replay.at(replay.end_us).breaker("search.Query") == "half_open"


def test_what_held_before_a_stretch_is_known_in_it(archive: Archive, replay: Replay) -> None:
    begun = T0 + 28 * S
    part = load(archive, EVERYTHING.during(begun, T0 + 40 * S))

    for at in (begun, begun + 1, begun + 3 * S, begun + 8 * S + 500_000):
        whole, own = replay.at(at), part.at(at)
        assert own.breakers == whole.breakers
        assert own.policies == whole.policies
        levels = {name: budget.level for name, budget in whole.budgets.items()}
        assert {name: budget.level for name, budget in own.budgets.items()} == levels
        for key in replay.keys:
            assert own.key(key)[:2] == whole.key(key)[:2]


def test_a_replay_of_one_key_is_that_of_all_keys_for_it(archive: Archive, replay: Replay) -> None:
    one = load(archive, EVERYTHING.of("search.Query"))

    assert one.keys == ("search.Query",)
    for at in range(T0, T0 + 60 * S, 5 * S):
        assert one.at(at).key("search.Query") == replay.at(at).key("search.Query")


def test_events_are_in_order_and_one_can_step_between_them(replay: Replay) -> None:
    events = list(replay.events(0, len(replay)))

    assert [event.at_us for event in events] == sorted(event.at_us for event in events)
    assert replay.after(0).events == 0
    assert replay.after(10**9).events == len(replay) == replay.at(replay.end_us).events
    for event in events[:40]:
        assert replay.after(event.number).events == event.number
        assert replay.first_at(event.at_us) <= event.number < replay.index(event.at_us)
    first = next(event for event in events if event.call_id == "c000")
    assert first.kind is EventKind.CALL_START
    chosen = replay.numbers(lambda call_id: call_id == "c000")
    assert {replay.event(number).call_id for number in chosen} == {"c000"}


def test_no_attempt_ends_before_it_starts(replay: Replay) -> None:
    for number in range(len(replay)):
        counts = replay.after(number).key(None)
        assert counts.calls_open >= 0
        assert counts.attempts_open >= 0


def test_markers_are_the_moments_of_change(replay: Replay) -> None:
    labels = [marker.label for marker in replay.markers]

    assert "policy change payments.Charge" in labels
    assert labels.count("policy change payments.Charge") == 1
    assert "breaker open search.Query" in labels
    assert any(label.startswith("first hedge") for label in labels)
    assert any(label == "budget shared empty" for label in labels)
    first = replay.marker(replay.start_us - 1, 1)
    assert first == replay.markers[0]
    assert first is not None
    assert replay.marker(first.at_us, -1) is None
    assert replay.marker(replay.end_us, -1) == replay.markers[-1]
    assert replay.marker(replay.end_us, 1) is None


def test_too_many_events_are_refused_with_how_far_one_would_come(archive: Archive) -> None:
    with pytest.raises(ScopeError, match="the first 50 events end at 2026-11-21T10:00:"):
        load(archive, EVERYTHING, most=50)


def test_an_archive_without_events_is_a_replay_of_nothing() -> None:
    replay = build(State(at_us=5), Listed([]), 5)

    assert len(replay) == 0
    assert (replay.start_us, replay.end_us, replay.keys) == (5, 5, ())
    assert replay.at(9) == State(at_us=5)
    assert replay.index(5) == 0
    assert repr(replay) == "Replay(0 events, 5..5)"


class Listed:
    """Events from a list of moments: each is the start of a call of one of three keys."""

    def __init__(self, moments: Sequence[int]) -> None:
        self.moments = sorted(moments)

    def __len__(self) -> int:
        return len(self.moments)

    def part(self, first: int, last: int) -> Columns:
        at = self.moments[first:last]
        n = len(at)
        keys = [f"k{moment % 3}" for moment in at]
        return Columns(at, ["call_start"] * n, keys, keys, [-1] * n, [0] * n, ["p"] * n,
                       ["v"] * n, [True] * n, [None] * n, [1] * n)  # fmt: skip


@given(
    st.lists(st.integers(0, 200), max_size=80),
    st.lists(st.integers(0, 220), min_size=1, max_size=12),
    st.integers(2, 9),
)
def test_frames_change_nothing(moments: list[int], visits: list[int], frame: int) -> None:
    usual = timeline.FRAME
    timeline.FRAME = frame  # type: ignore[misc]  # smaller, so that there are many
    try:
        events = Listed(moments)
        replay = build(State(at_us=0), events, 220)
        for at in visits:
            naive = fold(State(at_us=0), events.part(0, sum(m <= at for m in events.moments)), at)
            assert replay.at(at) == naive
            assert replay.index(at) == naive.events
            number = min(at, len(events))
            assert replay.after(number).keys == fold(State(at_us=0), events.part(0, number)).keys
        assert replay.samples[-1].at_us == 220
    finally:
        timeline.FRAME = usual  # type: ignore[misc]  # as it was


def test_only_a_few_parts_are_kept(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "FRAME", 7)
    replay = load(archive, EVERYTHING)

    states: Callable[[], list[State]] = lambda: [replay.after(n) for n in range(0, len(replay), 5)]  # noqa: E731  # said twice
    assert states() == states()
    assert len(replay._parts) == 8
