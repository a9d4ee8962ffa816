"""What `recourse compare` and `why` say in words, and the queries that they show for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.cli import main

pytestmark = pytest.mark.slow
S = 1_000_000
T0 = 1_795_255_200 * S
HOSTILE = "\x1b]52;c;ZXZpbA==\x07[/red]\u202e"


@pytest.fixture(scope="module")
def rollout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that takes a policy of one attempt after a minute, and texts that want something of a terminal."""
    tables: dict[str, list[dict[str, Any]]] = {"calls": [], "attempts": [], "policies": []}
    for i in range(120):
        version = "v1" if i < 60 else HOSTILE
        common: dict[str, Any] = {"call_id": f"{i:04d}", "key": "a.Get", "policy_version": version}
        common |= {"started_at": T0 + i * S, "duration_us": 9_000, "instance": f"p-{i % 5}"}
        lost = {"success": False, "disposition": "exhausted", "final_outcome": "retryable"}
        tables["calls"].append(common | (lost | {"final_reason": HOSTILE} if i >= 60 else {}))
        failed = {"outcome": "retryable", "reason": HOSTILE}
        tables["attempts"].append(common | {"peer": HOSTILE} | (failed if i >= 60 else {}))
    for version, at, attempts in (("v1", T0, 2), (HOSTILE, T0 + 60 * S, 1)):
        tables["policies"].append(
            {"applied_at": at, "key": "a.Get", "policy_version": version, "max_attempts": attempts,
             "budget_name": HOSTILE if attempts == 1 else None}
        )  # fmt: skip
    return write_archive(tmp_path_factory.mktemp("reading") / "rollout", tables, service="shop")


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[str, str]:
    assert main([*(str(one) for one in argv), "--trust"]) == 0
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_policies_and_sentences_are_told_below_the_values(
    rollout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = run(capsys, "compare", rollout, "-k", "a.Get", "--b", "+60s..+120s", "--explain")

    assert "POLICY  A v1 → B ·]52;c;ZXZpbA==·[/red]·" in out
    assert "  max_attempts      2 → 1" in out
    assert "  B lost 60 of 60 calls (100.0%), A 0 of 59 calls (0.0%). [E1] [E2]" in out
    assert "instance (5 values)  max |Δ| 1.4" in out
    assert [line.split(":")[0] for line in err.splitlines() if line.startswith("-- E")] == [
        f"-- E{number}" for number in range(1, 7)
    ]
    assert not {"\x1b", "\x07", "\u202e"} & set(out + err)


def test_programs_get_the_sentences_with_their_numbers(
    rollout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = run(capsys, "compare", rollout, "-k", "a.Get", "--b", "+60s..+120s", "--json")
    document = json.loads(out)

    assert document["policy"][0] == {"field": "max_attempts", "a": 2, "b": 1}
    assert document["policy_versions"] == {"a": "v1", "b": HOSTILE}
    lost = document["reading"]["sentences"][0]
    assert lost["values"] == {"a_calls": 59, "a_lost": 0, "b_calls": 60, "b_lost": 60}
    named = {one["name"] for one in document["reading"]["evidence"]}
    assert {name for one in document["reading"]["sentences"] for name in one["evidence"]} == named
    assert {"instance", "service"} <= {one["dimension"] for one in document["folded"]}


def test_why_shows_its_queries_and_says_which_side_is_which(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = run(capsys, "why", outage, "--explain")
    nobody, warned = run(capsys, "why", outage, "-k", "no.Such")

    assert "READING  A is BEFORE, B is DURING" in out
    assert "-- E1: measures of A" in err
    assert "One side has no call" in nobody
    assert "key 'no.Such' made no call during it" in warned
