"""What is exact is counted, and what is a bound follows from it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from recourse import HedgePolicy, Policy, RetryPolicy
from recourse.policy.model import BudgetRef
from recourse_observe.archive.build import write_archive
from recourse_observe.queries.archive import open_archive
from recourse_observe.whatif.answer import Kind
from recourse_observe.whatif.prefix import budget_prefix, only_cuts, prefix, prefix_rows
from recourse_observe.whatif.record import load_record, recorded_measures

KEY = "shipping.Resolve"
T0 = 1_795_255_200_000_000
WINDOW = (T0, T0 + 60_000_000)


@pytest.mark.slow
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 1 << 30), most=st.integers(1, 4), onset=st.integers(0, 5))
def test_a_prefix_is_what_a_direct_count_gives(
    seed: int, most: int, onset: int, tmp_path_factory: Any, by_hand: Callable[..., Path]
) -> None:
    def fails(call: int, attempt: int) -> bool:
        return (seed * 31 + call * 7919 + attempt * 104_729) % 11 < 5

    path = by_hand(tmp_path_factory.mktemp("p"), 60, fails=fails, most=4)
    with open_archive(path) as archive:
        record = load_record(archive, KEY, WINDOW, (T0 + onset * 1_000_000, T0 + 40_000_000))
        found = prefix(archive, record, most)
        direct = archive.sql(
            f"""
            SELECT
                (SELECT count(*) FROM attempts a JOIN calls c USING (call_id)
                 WHERE a.ran AND a.attempt < {most}
                   AND epoch_us(c.started_at) >= {T0 + onset * 1_000_000}) AS kept,
                (SELECT count(*) FROM calls c WHERE c.success
                   AND epoch_us(c.started_at) >= {T0 + onset * 1_000_000}
                   AND c.attempts_run > {most}) AS given_up
            """  # noqa: S608  # numbers of our own
        ).to_pylist()[0]

    assert (found.kept, found.given_up) == (direct["kept"], direct["given_up"])
    unlimited = Policy(KEY, retry=RetryPolicy(max_attempts=most)).normalize()
    assert budget_prefix(record, unlimited, {}) == found


def test_a_call_whose_first_attempt_is_the_incident_is_counted_in_the_record_and_in_the_prefix(
    tmp_path: Path,
) -> None:
    onset_us = T0 + 20_000_000
    lost = {"success": False, "disposition": "exhausted"}
    call = {"call_id": "1", "key": KEY, "started_at": onset_us - 70, "duration_us": 30_000, **lost}
    bad = {"outcome": "retryable", "reason": "http_503"}
    tried = {"call_id": "1", "key": KEY, "started_at": onset_us, "duration_us": 20_000, **bad}
    path = write_archive(tmp_path, {"calls": [call], "attempts": [tried]})

    with open_archive(path, trusted=True) as archive:
        record = load_record(archive, KEY, WINDOW, (onset_us, T0 + 40_000_000))
        counted = prefix(archive, record, 3)

    assert (recorded_measures(record).failed, counted.failed) == (1, 1)


def test_a_budget_is_asked_in_the_recorded_order_each_process_its_own(
    tmp_path: Path, by_hand: Callable[..., Path]
) -> None:
    path = by_hand(tmp_path, 100, fails=lambda call, attempt: call % 2 == 0 and attempt < 1, most=2)
    policy = Policy(KEY, retry=RetryPolicy(max_attempts=2, budget=BudgetRef("b"))).normalize()
    bucket = {"b": {"kind": "token_bucket", "capacity": 3, "refill_per_s": 0}}
    ratio = {"b": {"kind": "retry_ratio", "ratio": 0.1, "min_retries_per_s": 0}}

    with open_archive(path) as archive:
        record = load_record(archive, KEY, WINDOW, (T0, T0))
        three = budget_prefix(record, policy, bucket)
        tenth = budget_prefix(record, policy, ratio)

    assert (three.attempts, three.kept, three.given_up) == (150, 103, 47)
    assert (tenth.kept, tenth.given_up) == (109, 41)


def test_a_call_that_is_denied_makes_no_later_attempt(
    tmp_path: Path, by_hand: Callable[..., Path]
) -> None:
    path = by_hand(tmp_path, 10, fails=lambda _, attempt: attempt < 2, most=3)
    policy = Policy(KEY, retry=RetryPolicy(max_attempts=3, budget=BudgetRef("b"))).normalize()
    none = {"b": {"kind": "token_bucket", "capacity": 1, "refill_per_s": 0}}

    with open_archive(path) as archive:
        found = budget_prefix(load_record(archive, KEY, WINDOW, (T0, T0)), policy, none)

    assert (found.kept, found.given_up) == (11, 10)


def test_only_a_policy_that_takes_retries_away_leaves_a_prefix() -> None:
    before = Policy(KEY, retry=RetryPolicy(max_attempts=3)).normalize()

    def cut(**retry: Any) -> bool:
        return only_cuts(before, replace(before, retry=replace(before.retry, **retry)))

    assert cut(max_attempts=2)
    assert cut(budget=BudgetRef("b"))
    assert not cut()
    assert not cut(max_attempts=4)
    assert not cut(max_attempts=2, timeout_per_attempt_s=1.0)
    hedged = Policy(KEY, retry=RetryPolicy(max_attempts=3), hedge=HedgePolicy()).normalize()
    assert not only_cuts(hedged, replace(hedged, retry=RetryPolicy(max_attempts=1)))


def test_rows_say_what_is_exact_and_what_is_a_bound(
    tmp_path: Path, by_hand: Callable[..., Path]
) -> None:
    path = by_hand(tmp_path, 100, fails=lambda call, attempt: attempt < call % 4, most=3)

    with open_archive(path) as archive:
        record = load_record(archive, KEY, WINDOW, (T0, T0))
        counted = prefix(archive, record, 2)
    found = prefix_rows(counted, 2)

    # Of 100 calls 50 may be lost, and 75 may make a second attempt: three deviations of luck are more.
    assert [(row.name, row.kind, row.high) for row in found] == [
        ("recorded_attempts_kept", Kind.EXACT, 175),
        ("recorded_rescues_lost", Kind.EXACT, 25),
        ("failed_calls", Kind.BOUND, 50 + 15),
        ("attempts", Kind.BOUND, 175 + 13),
    ]
    assert [row.kind for row in prefix_rows(counted)] == [Kind.EXACT, Kind.EXACT]
    certain = prefix_rows(replace(counted, failed=0, given_up=0, kept=100), 1)
    assert [row.high for row in certain[2:]] == [0, 100]
