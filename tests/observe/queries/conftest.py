"""A small archive whose every number is known."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.queries.archive import Archive, open_archive

T0 = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
S = 1_000_000
MS = 1_000


def attempt(call_id: str, number: int, at: int, took: int, **more: Any) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "key": "payments.Charge",
        "attempt": number,
        "started_at": T0 + at,
        "duration_us": took,
        **more,
    }


FAILED = {"outcome": "retryable", "reason": "http_503", "status": 503}
CALLS = [
    # won at once
    {"call_id": "c1", "started_at": T0, "duration_us": 20 * MS, "attributes": {"tenant": "acme"}},
    # rescued on the second attempt; its first attempt starts after a wait for the policy
    {
        "call_id": "c2",
        "started_at": T0 + 9 * S,
        "duration_us": 1_200 * MS,
        "attempts_run": 2,
        "retries": 1,
        "final_reason": "success",
    },
    # lost: its retry was denied
    {
        "call_id": "c3",
        "started_at": T0 + 20 * S,
        "duration_us": 300 * MS,
        "success": False,
        "disposition": "budget_denied",
        "final_outcome": "retryable",
        "final_reason": "http_503",
        "error_type": "UpstreamError",
    },
    # refused by the breaker: no attempt
    {
        "call_id": "d1",
        "started_at": T0 + 30 * S,
        "duration_us": 50,
        "success": False,
        "disposition": "circuit_open",
        "final_outcome": "abort",
        "final_reason": "circuit_open",
        "attempts_run": 0,
    },
    # in flight when its process died
    {
        "call_id": "d2",
        "started_at": T0 + 40 * S,
        "duration_us": 5 * MS,
        "success": False,
        "disposition": "unfinished",
        "final_outcome": "abandoned",
        "final_reason": "unfinished",
    },
    # hedged, another key, another process
    {
        "call_id": "e1",
        "key": "search.Query",
        "instance": "pod-2",
        "started_at": T0 + 50 * S,
        "duration_us": 90 * MS,
        "attempts_run": 2,
        "hedges": 1,
    },
]
ATTEMPTS = [
    attempt("c1", 0, 100, 19 * MS),
    attempt("c2", 0, 10 * S, 100 * MS, **FAILED, backoff_us=80 * MS),
    attempt("c2", 1, 10 * S + 180 * MS, 20 * MS, waited_before_us=80 * MS, timeout_us=S),
    attempt("c3", 0, 20 * S, 100 * MS, **FAILED, peer="payments-1"),
    attempt(
        "c3",
        1,
        20 * S + 300 * MS,
        0,
        ran=False,
        outcome="abandoned",
        reason="budget_denied",
        budget_allowed=False,
        budget_reason="budget_denied",
    ),
    attempt("d2", 0, 40 * S, 5 * MS, outcome="abandoned", reason="unfinished"),
    attempt("e1", 0, 50 * S, 90 * MS, key="search.Query", outcome="cancelled", reason="hedge_lost"),
    attempt("e1", 0, 50 * S + 50 * MS, 40 * MS, key="search.Query", hedge_index=1, is_hedge=True),
]


@pytest.fixture(scope="session")
def small_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archives") / "small"
    return write_archive(
        path,
        {
            "calls": [{"key": "payments.Charge", **call} for call in CALLS],
            "attempts": ATTEMPTS,
            "budget_decisions": [
                {
                    "decided_at": T0 + 20 * S + 300 * MS,
                    "call_id": "c3",
                    "key": "payments.Charge",
                    "attempt": 1,
                    "budget_name": "retries",
                    "allowed": False,
                    "reason": "budget_denied",
                    "level_after": 0.5,
                }
            ],
            "hedges": [
                {
                    "call_id": "e1",
                    "key": "search.Query",
                    "attempt": 0,
                    "hedge_index": 1,
                    "spawned_at": T0 + 50 * S + 50 * MS,
                    "ended_at": T0 + 50 * S + 90 * MS,
                    "delay_us": 50 * MS,
                }
            ],
            "circuit_transitions": [
                {
                    "changed_at": T0 + 25 * S,
                    "key": "payments.Charge",
                    "from_state": "closed",
                    "to_state": "open",
                    "cause": "failure_threshold",
                    "generation": 1,
                }
            ],
            "policies": [{"applied_at": T0 - S, "key": "payments.Charge", "policy_version": "v1"}],
            "recorder": [
                {"recorded_at": T0, "event": "started"},
                {"recorded_at": T0 + 200 * S, "event": "dropped", "dropped_events": 3},
            ],
        },
    )


@pytest.fixture(scope="session")
def small(small_path: Path) -> Iterator[Archive]:
    with open_archive(small_path, trusted=True) as archive:
        yield archive
