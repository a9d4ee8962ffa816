"""One key over time: buckets, what fails, how long it takes, and what processes follow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.cli import main
from recourse_observe.queries.archive import Archive, open_archive
from recourse_observe.queries.over_time import OverTime, heat, over_time, reason_totals
from recourse_observe.queries.rows import LatencyRow
from recourse_observe.scope import Scope

pytestmark = pytest.mark.slow
S = 1_000_000
T0 = 1_795_255_200 * S
WHOLE = Scope(start_unix_us=T0, end_unix_us=T0 + 40 * S, key="pay")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty seconds of two processes: one takes another policy and opens its breaker in the middle."""
    names = ("calls", "attempts", "budget_decisions", "policies", "circuit_transitions")
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for i in range(40):
        fails = 20 <= i < 30
        common: dict[str, Any] = {"call_id": f"{i:04d}", "key": "pay", "duration_us": 9_000 + 40_000 * fails}  # fmt: skip
        common["started_at"] = T0 + i * S
        ended = {"success": False, "disposition": "exhausted", "final_outcome": "retryable"}
        tables["calls"].append(common | (ended | {"final_reason": "http_503"} if fails else {}))
        reason = "http_503" if i % 2 else "reset"
        tables["attempts"].append(common | ({"outcome": "retryable", "reason": reason} if fails else {}))  # fmt: skip
    for at, level in ((21, 4.0), (25, 0.0)):
        tables["budget_decisions"].append(
            {"decided_at": T0 + at * S, "call_id": f"{at:04d}", "key": "pay", "budget_name": "b",
             "kind": "retry", "allowed": level > 0, "reason": "allowed", "level_after": level}
        )  # fmt: skip
    for at, who, version in ((-5, "p-0", "v1"), (0, "p-1", "v1"), (21, "p-1", "v2")):
        tables["policies"].append(
            {"applied_at": T0 + at * S, "key": "pay", "instance": who, "policy_version": version}
        )
    for at, before, after in ((22, "closed", "open"), (33, "open", "closed")):
        tables["circuit_transitions"].append(
            {"changed_at": T0 + at * S, "key": "pay", "instance": "p-1", "from_state": before,
             "to_state": after, "cause": "failures"}
        )  # fmt: skip
    return write_archive(tmp_path_factory.mktemp("over") / "time", tables)


@pytest.fixture(scope="module")
def archive(place: Path) -> Iterator[Archive]:
    with open_archive(place, trusted=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def known(archive: Archive) -> OverTime:
    return over_time(archive, WHOLE, 10 * S)


def test_a_moment_has_all_that_is_known_of_its_bucket(known: OverTime) -> None:
    moment = known.at(2)

    assert known.count == 4
    assert moment.start_unix_us == T0 + 20 * S
    assert moment.calls is not None
    assert (moment.calls.calls, moment.calls.lost) == (10, 10)
    assert moment.reasons == {"http_503": 5, "reset": 5}
    budget = moment.budgets["b"]
    assert budget is not None
    assert (budget.allowed, budget.denied, budget.lowest_level) == (1, 1, 0.0)
    assert moment.breakers == {"open": 1}
    assert moment.policies == {"v1": 1, "v2": 1}


def test_what_held_before_the_stretch_holds_in_it(known: OverTime) -> None:
    first, last = known.at(0), known.at(3)

    assert (first.breakers, last.breakers) == ({"closed": 1}, {"closed": 1})
    assert (first.policies, first.budgets) == ({"v1": 2}, {"b": None})
    assert [what for _, what, _ in known.changes] == [
        "policy v1", "policy v2", "breaker closed → open", "breaker open → closed",
    ]  # fmt: skip
    assert known.bucket_of(T0 - 1) == -1


def test_buckets_without_calls_are_there_and_empty(archive: Archive) -> None:
    later = over_time(archive, WHOLE.during(T0 + 30 * S, T0 + 60 * S), 10 * S)

    assert [one is None for one in later.calls_by_bucket] == [False, True, True]
    assert later.failures == {}
    assert over_time(archive, WHOLE.during(T0, T0), 10 * S).count == 1


def test_all_attempts_of_a_scope_are_counted_by_how_they_ended(archive: Archive) -> None:
    found = [(row.reason, row.attempts) for row in reason_totals(archive, WHOLE)]

    assert found == [("success", 30), ("http_503", 5), ("reset", 5)]


def latency(bucket: int, power: int, attempts: int) -> LatencyRow:
    return LatencyRow(key="k", bucket=bucket, start_unix_us=0, power=power, attempts=attempts)


def test_durations_are_as_many_ranges_as_there_is_room() -> None:
    rows = [latency(0, 10, 1), latency(1, 10, 8), latency(1, 19, 4), latency(9, 15, 99)]

    assert heat(rows, 2, 4) == [(2**19, [0, 4]), (2**16, [0, 0]), (2**13, [0, 0]), (2**10, [1, 8])]
    assert len(heat(rows, 2, 99)) == 10
    assert heat([], 2, 4) == ()


def test_the_command_prints_what_is_known(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", str(place), "pay", "--buckets", "4", "--trust"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert ["http_503", "5", "__█_"] in lines
    assert [">=", "33", "ms", "10", "__█_"] in lines
    assert ["b", "1", "1", "0", "_"] in lines
    assert ["10:00:22.000", "breaker", "closed", "→", "open", "p-1"] in lines


def test_the_command_says_when_nothing_changed_and_when_there_is_more(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [
        {
            "changed_at": T0 + i,
            "key": "pay",
            "from_state": "closed",
            "to_state": "open",
            "cause": "m",
        }
        for i in range(60)
    ]
    call = {
        "call_id": "1",
        "key": "pay",
        "started_at": T0,
        "duration_us": 10 * S,
        "attempts_run": 0,
    }
    busy = write_archive(tmp_path / "busy", {"calls": [call], "circuit_transitions": changes})
    argv = ["--since", "10:00:35", "--trust"]

    main(["key", str(place), "pay", *argv])
    assert "No policy and no breaker changed in this scope." in capsys.readouterr().out
    main(["key", str(busy), "pay", "--trust"])
    out = capsys.readouterr().out
    assert "more changes; --json has all" in out
    assert "FAILED ATTEMPTS" not in out
