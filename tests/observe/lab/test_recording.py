"""Archives of the laboratory: ordinary, honest about what was lost, and the same every time."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive import survey
from recourse_observe.lab import (
    ClockSkew,
    Deploy,
    How,
    Outage,
    Recorded,
    RecorderGap,
    Scenario,
    run,
)
from recourse_observe.lab.recording import record
from recourse_observe.queries.archive import open_archive

World = Callable[..., Scenario]
_DIGEST = """
import sys
from dataclasses import replace
from pathlib import Path
from recourse_observe.lab.recording import record
from recourse_observe.lab.scenarios.make import draft_of
record(replace(draft_of("budget_missing", 2).scenario, duration_s=30.0), Path(sys.argv[1]))
"""


def rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    with open_archive(root, trusted=True) as archive:
        return [tuple(row.values()) for row in archive.sql(query).to_pylist()]


def digest(root: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        whole.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return whole.hexdigest()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", _DIGEST, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )

    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_the_archive_tells_what_happened(world: World, tmp_path: Path) -> None:
    outage = Outage(start_s=20.0, end_s=40.0, dependency="stock")
    deploy = Deploy(start_s=30.0, end_s=31.0, service="web", restarted_s=(30.0, None, None))

    done = record(world(stock={"tells_peer": True}, faults=(outage, deploy)), tmp_path)

    assert done == run(world(stock={"tells_peer": True}, faults=(outage, deploy)))
    (told,) = rows(
        tmp_path,
        "SELECT count(*), count(*) FILTER (success) AS good, count(DISTINCT instance) AS own "
        "FROM calls",
    )
    (attempts,) = rows(tmp_path, "SELECT count(*), count(DISTINCT peer) AS peers FROM attempts")
    assert told == (len(done.calls), sum(c.succeeded for c in done.calls), 4)
    assert attempts == (len(done.attempts), 3)
    assert survey(tmp_path).warnings == ()


def test_what_was_under_way_at_the_end_is_unfinished(world: World, tmp_path: Path) -> None:
    silence = Outage(start_s=0.0, end_s=60.0, dependency="stock", how=How.SILENCE)
    key = {"traffic": Recorded(arrivals_s=(58.0,))}
    scenario = world(key=key, faults=(silence,), drain_s=0.5, duration_s=58.2)

    record(scenario, tmp_path)

    query = "SELECT disposition FROM calls WHERE key = 'stock.Reserve'"
    assert rows(tmp_path, query) == [("unfinished",)]


@pytest.mark.parametrize("silent", [True, False])
def test_a_gap_loses_calls_and_either_counts_them_or_is_dead(
    world: World, tmp_path: Path, *, silent: bool
) -> None:
    gap = RecorderGap(start_s=20.0, end_s=40.0, processes=(0,), silent=silent)

    done = record(world(faults=(gap,)), tmp_path)

    lost = [c for c in done.calls if c.process == 0 and 20.0 <= c.started_s < 40.0]
    (calls,) = rows(tmp_path, "SELECT count(*) FROM calls")
    (beats,) = rows(
        tmp_path,
        "SELECT count(*), max(dropped_events) AS dropped FROM recorder "
        "WHERE instance = 'web-0' AND event = 'heartbeat'",
    )
    assert calls == (len(done.calls) - len(lost),)
    assert beats == ((4, 5 * len(lost)) if silent else (6, 5 * len(lost)))


def test_a_wrong_clock_moves_the_times_of_its_process(world: World, tmp_path: Path) -> None:
    skew = ClockSkew(start_s=0.0, end_s=60.0, service="web", process=0, ahead_s=0.5)
    key = {"traffic": Recorded(arrivals_s=(1.0, 2.0), processes=(0, 1))}

    record(world(key=key, faults=(skew,)), tmp_path)

    told = rows(
        tmp_path,
        "SELECT instance, epoch_us(started_at) % 60000000 AS at_us FROM calls "
        "WHERE key = 'stock.Reserve' ORDER BY instance",
    )
    assert told == [("web-0", 1_500_000), ("web-1", 2_000_000)]


def test_a_sample_stands_for_all_calls(world: World, tmp_path: Path) -> None:
    done = record(world(sample=5), tmp_path)

    (calls,) = rows(tmp_path, "SELECT count(*), sum(sample_weight) AS told FROM calls")
    (counted,) = rows(tmp_path, "SELECT sum(calls) AS told FROM rollups")
    assert calls[0] < len(done.calls) / 3
    assert calls[1] == pytest.approx(len(done.calls), rel=0.1)
    assert counted == (len(done.calls),)
    assert rows(tmp_path, "SELECT DISTINCT detail FROM recorder WHERE event = 'started'") == [
        ('{"sample": 5}',)
    ]
