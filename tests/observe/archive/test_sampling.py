"""Sampling keeps what matters, says what it stands for, and never touches the counts."""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st

import recourse
from recourse import Executor, HedgePolicy, Policy, RetryPolicy
from recourse.testing import VirtualClock
from recourse_observe import open_archive
from recourse_observe.archive import ArchiveObserver
from recourse_observe.archive.sampling import Sampling

RETRY = RetryPolicy(max_attempts=2, initial_backoff_s=0.01, jitter="none")


class Traffic:
    """Calls of one key: most take 10 ms and succeed."""

    def __init__(self, root: Path, sample: int) -> None:
        self.clock = VirtualClock()
        self.recorder = ArchiveObserver(root, sample=sample, clock=self.clock)
        self.executor = Executor(
            policies=[Policy("search.Query", retry=RETRY)],
            observers=[self.recorder],
            clock=self.clock,
        )

    def call(self, *, takes_s: float = 0.01, fails: int = 0, peer: str | None = None) -> None:
        failures = iter(range(fails))

        def operation() -> int:
            self.clock.advance(takes_s)
            if peer is not None:
                attempt = recourse.current_attempt()
                assert attempt is not None
                attempt.annotate(peer=peer, method="GET")
            if next(failures, None) is not None:
                raise ConnectionResetError
            return 1

        with suppress(ConnectionResetError):
            self.executor.call("search.Query", operation)

    def end(self) -> None:
        self.executor.close()
        self.recorder.close()


def ask(root: Path, sql: str) -> Any:
    with open_archive(root, trusted=True) as archive:
        return [tuple(row.values()) for row in archive.sql(sql).to_pylist()]


def test_of_calls_that_went_well_one_in_n_is_kept_and_stands_for_them(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path, 10)
    for _ in range(200):
        traffic.call()
    traffic.end()

    weights = "SELECT count(*), sum(sample_weight)::BIGINT, min(sample_weight) FROM "
    assert ask(tmp_path, weights + "calls") == [(20, 200, 10)]
    assert ask(tmp_path, weights + "attempts") == [(20, 200, 10)]
    assert ask(tmp_path, "SELECT sum(calls)::INT, sum(attempts)::INT FROM rollups") == [(200, 200)]


def test_every_call_that_failed_or_was_retried_is_kept(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path, 50)
    for i in range(100):
        traffic.call(fails=1 if i % 10 == 3 else 2 if i % 10 == 7 else 0)
    traffic.end()

    kept = ask(
        tmp_path,
        "SELECT disposition, attempts_run, count(*), sum(sample_weight)::INT FROM calls "
        "GROUP BY ALL ORDER BY ALL",
    )
    assert kept == [("exhausted", 2, 10, 10), ("success", 1, 2, 100), ("success", 2, 10, 10)]
    rollup = "SELECT sum(calls)::INT, sum(successes)::INT, sum(attempts)::INT, sum(retries)::INT"
    assert ask(tmp_path, rollup + " FROM rollups") == [(100, 90, 120, 20)]


def test_a_call_that_was_slow_is_kept(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path, 1000)
    for i in range(100):
        traffic.call(takes_s=0.5 if i == 60 else 0.01)
    traffic.end()

    assert ask(tmp_path, "SELECT duration_us, sample_weight FROM calls") == [(500_000, 1)]


def test_what_an_operation_notes_is_kept_with_its_attempt(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path, 4)
    for _ in range(8):
        traffic.call(peer="10.0.0.7")
    traffic.end()

    sql = "SELECT peer, sample_weight FROM attempts"
    assert ask(tmp_path, sql) == [("10.0.0.7", 4)] * 2
    assert ask(tmp_path, "SELECT method, sample_weight FROM calls") == [("GET", 4)] * 2


def test_the_archive_says_that_it_is_sampled(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path, 4)
    traffic.call()
    traffic.end()

    started = "SELECT detail FROM recorder WHERE event = 'started'"
    assert ask(tmp_path, started) == [('{"flush_ms": 50.0, "sample": 4}',)]


def test_hedged_calls_are_kept(tmp_path: Path) -> None:
    clock = VirtualClock()
    with ArchiveObserver(tmp_path, sample=1000, clock=clock) as recorder:
        policy = Policy("user-service.GetUser", hedge=HedgePolicy(hedge_delay_s=0.1))
        executor = Executor(policies=[policy], observers=[recorder], clock=clock)
        delays = iter([5.0, 0.05])

        async def operation() -> None:
            await asyncio.sleep(next(delays))  # noqa: TID251  # of the virtual loop

        clock.run(executor.acall("user-service.GetUser", operation))

    assert ask(tmp_path, "SELECT hedges, sample_weight FROM calls") == [(1, 1)]
    assert ask(tmp_path, "SELECT count(*) FROM attempts") == [(2,)]


@pytest.mark.parametrize("sample", [0, -1, 1.5, True, "10"])
def test_a_sample_must_be_a_whole_number(tmp_path: Path, sample: Any) -> None:
    with pytest.raises(ValueError, match=r"sample .* is not allowed; give N"):
        ArchiveObserver(tmp_path, sample=sample)


@given(every=st.integers(2, 40), calls=st.integers(1, 400), draw=st.randoms(use_true_random=False))
def test_weights_add_up_to_the_calls_but_for_one_group(
    every: int, calls: int, draw: Random
) -> None:
    sampling = Sampling(every)

    told = sum(sampling.weight("k", draw.randrange(10_000, 11_000)) for _ in range(calls))

    assert abs(told - calls) < every
    assert sampling.is_on


def test_keys_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recourse_observe.archive.sampling._MOST_KEYS", 1)
    sampling = Sampling(2)

    assert [sampling.weight(key, 1) for key in "kakk"] == [2, 2, 2, 0]


def test_a_call_that_was_seen_in_flight_and_left_out_is_not_unfinished(
    tmp_path: Path, teller: Any
) -> None:
    begun, *rest = teller.success()
    with ArchiveObserver(tmp_path, sample=1000) as recorder:
        for event in [begun, *rest[:2]]:
            recorder.on_event(event)
        recorder.flush()
        for event in rest[2:]:
            recorder.on_event(event)

    assert ask(tmp_path, "SELECT count(*) FROM calls") == [(0,)]
    assert ask(tmp_path, "SELECT calls, attempts FROM rollups") == [(1, 1)]


def test_a_call_of_which_more_is_heard_after_its_success_is_kept(
    tmp_path: Path, teller: Any
) -> None:
    *begun, ended = teller.success(method="GET")
    allowed = teller.allowed(ended.call, 1)
    with ArchiveObserver(tmp_path, sample=1000) as recorder:
        for event in [*begun, allowed, ended]:
            recorder.on_event(event)

    assert ask(tmp_path, "SELECT method, sample_weight FROM calls") == [("GET", 1)]
    assert ask(tmp_path, "SELECT reason, sample_weight FROM attempts") == [("success", 1)]
