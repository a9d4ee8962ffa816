"""A small archive with a budget that empties, a breaker that opens and a policy that changes."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.queries.archive import Archive, open_archive

T0 = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
S = 1_000_000

Rows = dict[str, list[dict[str, Any]]]


def made(seed: int, calls: int = 60) -> Rows:
    """Some calls of two keys within a minute, with everything that a replay can show."""
    draw = random.Random(seed)  # noqa: S311  # traffic, no secret
    rows: Rows = {"calls": [], "attempts": [], "budget_decisions": []}
    for number in range(calls):
        key, pod = draw.choice(("payments.Charge", "search.Query")), f"pod-{draw.randrange(2)}"
        start = now = T0 + draw.randrange(60) * S // draw.choice((1, 1, 2))
        tries = draw.randrange(4)
        own = {"call_id": f"c{number:03}", "key": key, "instance": pod}
        for attempt in range(tries):
            took, won = draw.randrange(3) * 400_000, draw.random() < 0.5
            if attempt:
                allowed = draw.random() < 0.6
                rows["budget_decisions"].append(
                    {**own, "decided_at": now, "attempt": attempt, "budget_name": "shared",
                     "allowed": allowed, "kind": "retry", "level_after": float(draw.randrange(9))}
                )  # fmt: skip
                if not allowed:
                    rows["attempts"].append(
                        {**own, "attempt": attempt, "started_at": now, "duration_us": 0,
                         "ran": False, "outcome": "abort", "reason": "budget_denied"}
                    )  # fmt: skip
                    break
            rows["attempts"].append(
                {**own, "attempt": attempt, "started_at": now, "duration_us": took,
                 "outcome": "success" if won else "retryable",
                 "reason": "success" if won else "http_503",
                 "hedge_index": int(attempt == 2), "is_hedge": attempt == 2}
            )  # fmt: skip
            now += took
        good = draw.random() < 0.7
        rows["calls"].append(
            {**own, "started_at": start, "ended_at": now, "success": good,
             "disposition": "success" if good else "exhausted"}
        )  # fmt: skip
    rows["circuit_transitions"] = [
        {"changed_at": T0 + at * S, "key": "search.Query", "instance": "pod-1",
         "from_state": before, "to_state": after, "cause": "threshold", "generation": at}
        for at, before, after in ((20, "closed", "open"), (30, "open", "half_open"))
    ]  # fmt: skip
    rows["policies"] = [
        {"applied_at": T0 + at * S, "key": "payments.Charge", "policy_version": version}
        for at, version in ((0, "v1"), (10, "v1"), (25, "v2"))
    ]
    return rows


@pytest.fixture(scope="session")
def rows() -> Rows:
    return made(1)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> Iterator[Archive]:
    path: Path = tmp_path_factory.mktemp("replay") / "a"
    write_archive(path, rows, service="shop")
    with open_archive(path) as opened:
        yield opened
