"""`recourse why` and `recourse compare`: what differs, as tables and for programs."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from recourse_observe.archive.build import write_archive
from recourse_observe.cli import main

T0 = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
S = 1_000_000


@pytest.fixture(autouse=True)
def _no_archive_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOURSE_ARCHIVE", raising=False)


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = main([str(one) for one in argv])
    captured = capsys.readouterr()
    return int(code), captured.out, captured.err


@pytest.fixture(scope="module")
def rollout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two keys take version v2 after a minute; only one of them fails with it."""
    tables: dict[str, list[dict[str, Any]]] = {"calls": [], "attempts": [], "policies": []}
    for i in range(240):
        key, version = ("a.Get", "b.Get")[i % 2], "v1" if i < 120 else "v2"
        bad = key == "a.Get" and version == "v2"
        common: dict[str, Any] = {"call_id": f"{i:04d}", "key": key, "policy_version": version}
        common |= {"started_at": T0 + i * S // 2, "duration_us": 9_000}
        tables["attempts"].append(
            common | ({"outcome": "retryable", "reason": "http_503", "status": 503} if bad else {})
        )
        lost = {"success": False, "disposition": "exhausted", "final_outcome": "retryable"}
        tables["calls"].append(common | (lost | {"final_reason": "http_503"} if bad else {}))
    for key in ("a.Get", "b.Get"):
        for version, at, attempts in (("v1", T0, 2), ("v2", T0 + 60 * S, 1)):
            tables["policies"].append(
                {"applied_at": at, "key": key, "policy_version": version, "max_attempts": attempts}
            )
    return write_archive(tmp_path_factory.mktemp("a") / "rollout", tables, service="shop")


def contrasts(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["dimension"], one["value"]): one for one in json.loads(text)["contrasts"]}


def test_two_windows_differ_in_what_failed_and_in_the_policy(
    rollout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "compare", rollout, "-k", "a.Get", "--b", "+60s..+120s", "--json")
    document, found = json.loads(out), contrasts(out)

    assert code == 0
    assert document["schema"] == "recourse.compare/1"
    assert document["a"]["end_ns"] == document["b"]["start_ns"] == (T0 + 60 * S) * 1_000
    assert (document["a"]["measures"]["calls lost"], document["b"]["measures"]["calls lost"]) == (
        0,
        60,
    )
    assert found["reason", "http_503"]["difference"] == 1.0
    assert found["policy", "v2"]["note"] == "in time"
    assert document["policy"] == [{"field": "max_attempts", "a": 2, "b": 1}]


def test_two_windows_that_are_both_given(rollout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    windows = ("--a", "10:00..10:00:30", "--b", "10:00:30..10:01")

    _, out, _ = run(capsys, "compare", rollout, *windows)

    assert "A 10:00:00 to 10:00:30 UTC  every key" in out
    assert "B 10:00:30 to 10:01:00 UTC  every key" in out
    assert "POLICY" not in out


@pytest.mark.parametrize(
    "sides",
    [("-k", "a.Get", "--key-b", "b.Get"), ("-k", "a.Get", "--policy-a", "v2", "--policy-b", "v1")],
)
def test_two_keys_and_two_policies(
    sides: tuple[str, ...], rollout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "compare", rollout, *sides, "--json")

    assert contrasts(out)["reason", "http_503"]["share_b"] == 0.0


def test_two_archives(rollout: Path, quiet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "compare", rollout, quiet, "--format", "csv", "--limit", "5")
    rows = list(csv.DictReader(io.StringIO(out)))

    assert len(rows) == 5
    assert {"dimension", "value", "share_a", "share_b"} <= set(rows[0])


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "A and B are the same"),
        (("--b", "10:00"), "window '10:00' cannot be read"),
        (("--b", "x..10:00"), "time 'x' cannot be read"),
    ],
)
def test_sides_that_cannot_be_compared_are_a_usage_error(
    argv: tuple[str, ...], said: str, rollout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "compare", rollout, *argv)

    assert code == 2
    assert said in err


def test_a_side_without_calls_has_no_measures(
    rollout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(capsys, "compare", rollout, "--key-b", "no.Such")

    assert out.splitlines()[4].split() == ["calls", "240", "—"]
    assert "refused by breaker" in out


@pytest.mark.slow
def test_why_tells_what_differs_during_an_incident(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = run(capsys, "why", outage)
    _, document, _ = run(capsys, "why", outage, "-i", "1", "-k", "search.Query", "--json")
    _, rows, _ = run(capsys, "why", outage, "--format", "ndjson", "--limit", "1")

    assert code == 0
    assert text.startswith("#1 payments.Charge  10:01:30 to 10:02:")
    assert "reason=connection_error" in text
    assert json.loads(document)["b"]["key"] == "search.Query"
    assert json.loads(rows)["difference"] in {1.0, -1.0}


def test_why_of_an_incident_that_is_not_there_is_a_usage_error(
    quiet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "why", quiet)

    assert code == 2
    assert "incident '1' is not in this archive; it has none" in err
