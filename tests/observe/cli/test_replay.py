"""`recourse replay`: events with their pauses, a state, a search."""

import json
from pathlib import Path

import pytest

from recourse_observe.cli import main

START = "2026-11-21T10:01:30"


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = main([str(one) for one in argv])
    captured = capsys.readouterr()
    return int(code), captured.out, captured.err


@pytest.mark.parametrize("pace", [["--no-wait"], ["--speed", "100000"]])
def test_events_come_one_by_one_at_whatever_pace(
    pace: list[str], outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(
        capsys, "replay", outage, "--until", "10:00:01", "--probe", "inflight", "--limit", 3, *pace
    )

    assert code == 0
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "10:00:00.000 ○ payments.Charge 000000 call begins inflight = 1",
        "10:00:00.000 ↻ payments.Charge 000000 att 0 start inflight = 1",
        "10:00:00.020 ● payments.Charge 000000 att 0 success 20 ms inflight = 0",
    ]
    assert err == "recourse: the first 3 events shown; raise --limit for more\n"


def test_a_query_is_a_probe_of_the_moment(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = "SELECT count(*) FROM attempts WHERE started_at <= $at"
    last = "select max(key) from calls"
    none = "SELECT key FROM calls WHERE false"
    probes = [word for text in (begun, last, none) for word in ("--probe", text)]
    _, text, _ = run(capsys, "replay", outage, "--at", "10:00:00", *probes)
    _, out, _ = run(capsys, "replay", outage, "--at", "10:00:00", *probes, "--json")
    _, later, _ = run(capsys, "replay", outage, "--at", "10:00:05", *probes, "--json")

    assert text.splitlines()[-3:] == [
        f"{begun} = 1", f"{last} = search.Query", f"{none} = —",
    ]  # fmt: skip
    values = [probe["value"] for probe in json.loads(out)["probes"]]
    assert values == [1, "search.Query", None]
    assert json.loads(later)["probes"][0]["value"] > 1


def test_a_query_that_does_more_than_read_is_refused(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(
        capsys, "replay", outage, "--at", "10:00:00", "--probe", "SELECT 1; DROP TABLE calls"
    )

    assert code != 0
    assert "write one SELECT" in err


def test_a_filter_chooses_the_calls_of_the_events(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "replay", outage, "--no-wait", "--where", "call:000003")

    assert code == 0
    assert {line.split()[3] for line in out.splitlines()} == {"000003"}


def test_the_events_are_one_document(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = run(capsys, "replay", outage, "--json", "--until", "10:00:01")

    document = json.loads(out)
    assert document["schema"] == "recourse.replay/1"
    assert document["events"][0]["kind"] == "call_start"
    assert len(document["events"]) == 24
    assert err == ""


def test_a_moment_is_the_exact_state(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--at", "10:00:00.01", "--probe", "inflight(payments.Charge)")
    _, text, _ = run(capsys, "replay", outage, *at)
    _, out, _ = run(capsys, "replay", outage, *at, "--json")

    document = json.loads(out)
    assert text.startswith("10:00:00.010000 UTC, after 2 events\n")
    assert text.endswith("inflight(payments.Charge) = 1\n")
    assert document["keys"]["payments.Charge"]["attempts_open"] == 1
    assert document["probes"] == [{"probe": "inflight(payments.Charge)", "value": 1}]


def test_the_search_says_when_or_never(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, found, _ = run(capsys, "replay", outage, "--bisect", "lost>0")
    _, never, _ = run(capsys, "replay", outage, "--bisect", "inflight>9000")
    _, out, _ = run(capsys, "replay", outage, "--bisect", "lost>0", "--json")
    _, nothing, _ = run(capsys, "replay", outage, "--bisect", "inflight>9000", "--json")

    assert found.startswith(f"lost>0 held first in --since {START}")
    assert never == "inflight>9000 never held\n"
    assert json.loads(out)["since"] in found
    assert json.loads(nothing)["since"] is None


def test_a_probe_that_is_none_is_a_usage_error(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "replay", outage, "--probe", "what")

    assert code == 2
    assert err.startswith("recourse: probe 'what' cannot be read; use inflight")
