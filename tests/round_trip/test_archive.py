"""What an archive gives back is what the executor told."""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import recourse
from recourse.events import Event
from recourse.testing import VirtualClock, http
from recourse_observe.archive import ArchiveObserver, open_store, survey

START_NS = 1_795_269_600_000_000_000
POLICIES = [
    recourse.Policy(
        "pay.Charge",
        retry=recourse.RetryPolicy(max_attempts=3, budget="few", timeout_per_attempt_s=1.0),
        idempotent=True,
    ),
    recourse.Policy(
        "user.Get",
        retry=recourse.RetryPolicy(max_attempts=2, overall_timeout_s=0.5),
        circuit=recourse.CircuitPolicy(threshold=2, cooldown_s=1.0),
    ),
    recourse.Policy("db.Query"),
]
results = st.sampled_from(["ok", "500", "404", "429", "slow", "wrong"])
calls = st.tuples(
    st.sampled_from(["pay.Charge", "user.Get", "db.Query", "nobody.Knows"]),
    st.lists(results, min_size=4, max_size=4),
)


class Recorder:
    def __init__(self) -> None:
        self.told: dict[str, list[Event]] = {}

    def on_event(self, event: Event) -> None:
        self.told.setdefault(event.call_id, []).append(event)


def operation(script: list[str], clock: VirtualClock) -> Callable[[], int]:
    left = iter(script)

    def run() -> int:
        clock.advance(0.01)
        match next(left):
            case "ok":
                return 1
            case "slow":
                clock.advance(0.3)
                raise TimeoutError
            case "wrong":
                raise ValueError
            case status:
                raise http(int(status), retry_after_s=0.2 if status == "429" else None)

    return run


def us(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)


def expected(timeline: recourse.Timeline) -> tuple[Any, ...]:
    """A timeline as the archive's columns say it."""
    attempts = [
        (
            a.attempt, a.hedge_index, a.is_hedge, a.ran, a.started_unix_ns // 1000,
            a.ended_unix_ns // 1000, str(a.outcome.kind), a.outcome.reason, a.error_type,
            us(a.backoff_s), us(a.waited_before_s), us(a.timeout_s), a.budget_name or None,
            a.budget_allowed, str(a.budget_reason), a.late, us(a.outcome.retry_after_s),
        )
        for a in timeline.attempts
    ]  # fmt: skip
    return (
        timeline.key,
        timeline.policy_id,
        timeline.attributes["policy_source"],
        timeline.started_unix_ns // 1000,
        timeline.ended_unix_ns // 1000,
        str(timeline.disposition),
        timeline.attempts_run,
        attempts,
    )


def archived(store: Any) -> dict[str, tuple[Any, ...]]:
    attempts: dict[str, list[tuple[Any, ...]]] = {}
    for call_id, *attempt in store.rows(
        """SELECT call_id, attempt, hedge_index, is_hedge, ran, epoch_us(started_at),
        epoch_us(ended_at), outcome, reason, error_type, backoff_us, waited_before_us, timeout_us,
        budget_name, budget_allowed, budget_reason, late, retry_after_us
        FROM attempts ORDER BY call_id, attempt"""
    ):
        attempts.setdefault(call_id, []).append(tuple(attempt))
    return {
        call_id: (*call, attempts.get(call_id, []))
        for call_id, *call in store.rows(
            """SELECT call_id, key, policy_id, policy_source, epoch_us(started_at),
            epoch_us(ended_at), disposition, attempts_run FROM calls"""
        )
    }


@pytest.mark.slow
@given(
    script=st.lists(calls, max_size=8),
    seed=st.integers(0, 9),
    rotate_rows=st.sampled_from([3, 1000]),
)
@settings(max_examples=10)
def test_every_call_comes_back_as_it_was_told(
    script: list[tuple[str, list[str]]], seed: int, rotate_rows: int
) -> None:
    clock, recorder = VirtualClock(START_NS), Recorder()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "archive"
        archive = ArchiveObserver(root, rotate_rows=rotate_rows, flush_interval_s=60.0)
        executor = recourse.Executor(
            policies=POLICIES,
            budgets={"few": recourse.TokenBucket(capacity=2, refill_per_s=1)},
            observers=[recorder, archive],
            clock=clock,
            random=Random(seed),  # noqa: S311  # jitter, no secret
        )
        for key, outcomes in script:
            with contextlib.suppress(Exception):  # whatever it is, the events tell
                executor.call(key, operation(outcomes, clock))
            archive.flush()
        archive.close()

        told = {call: recourse.Timeline.of(events) for call, events in recorder.told.items()}
        if not told:
            assert not root.exists()
            return
        with open_store(survey(root)) as store:
            assert archived(store) == {call: expected(line) for call, line in told.items()}
            assert store.rows(
                "SELECT coalesce(sum(calls), 0), coalesce(sum(attempts), 0) FROM rollups"
            ) == [(len(told), sum(line.attempts_run for line in told.values()))]
