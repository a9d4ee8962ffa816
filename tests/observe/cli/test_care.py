"""Commands that look after an archive: check, compact, bundle, prune, tail, and sql's formats."""

import io
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recourse_observe.archive import write_archive
from recourse_observe.cli import main
from recourse_observe.cli.output import size
from recourse_observe.cli.progress import Progress

T0 = 1_795_255_200_000_000  # 2026-11-21T10:00:00Z
S = 1_000_000
SAMPLED = (
    "of the calls that went well at once one in 10 was kept; counts weigh them, rollups are exact"
)


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = main([str(part) for part in argv])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def archive(outage: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(outage, tmp_path / "archive"))


def first_file(archive: Path) -> Path:
    return min((archive / "calls").rglob("*.parquet"))


# ------------------------------------------------------------ check


def test_a_whole_archive_is_whole(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", archive)

    assert (code, err) == (0, "")
    assert out.startswith(f"{archive}: 4 files whole, 2,3")


def test_a_damaged_file_is_named_and_set_aside(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_archive(archive, {"calls": [{"call_id": "x", "key": "k", "started_at": T0}]})
    bad = first_file(archive)
    bad.write_bytes(b"")

    code, out, err = run(capsys, "check", archive, "--json")
    assert code == 5
    assert json.loads(out)["damaged"] == {str(bad): "is empty (0 bytes)"}
    assert f"{bad.name} is empty (0 bytes); it was skipped" in err

    code, out, _ = run(capsys, "check", archive, "--repair")
    assert code == 5
    assert "1 file damaged, 1 set aside in _quarantine" in out
    assert (archive / "_index.parquet").exists()
    assert run(capsys, "check", archive)[0] == 0


def test_nothing_readable_is_damage(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in archive.rglob("*.parquet"):
        file.write_bytes(b"PAR1")

    code, out, err = run(capsys, "check", archive)

    assert (code, out) == (5, "")
    assert "has no readable file among 4" in err


def test_what_an_archive_may_miss_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signs: list[dict[str, Any]] = [
        {"recorded_at": T0, "event": "started", "instance": f"web-{i}"} for i in range(8)
    ]
    signs[0]["detail"], signs[1]["detail"] = {"flush_ms": 20}, "{nonsense"
    signs += [
        {"recorded_at": T0 + S, "event": "dropped", "dropped_events": 3, "instance": "web-0"},
        {"recorded_at": T0 + S, "event": "closed", "instance": "web-7"},
    ]
    calls = [
        {"call_id": "1", "key": "k", "started_at": T0, "instance": "web-0", "sample_weight": 10},
        {"call_id": "2", "key": "k", "started_at": T0, "instance": "web-0", "success": False,
         "disposition": "unfinished", "final_outcome": "abandoned", "final_reason": "unfinished",
         "duration_us": S + 1_000},
    ]  # fmt: skip
    archive = write_archive(tmp_path / "a", {"recorder": signs, "calls": calls})

    _, out, _ = run(capsys, "check", archive)
    _, _, err = run(capsys, "triage", archive)

    lines = out.splitlines()
    assert lines[1] == (
        "web-0 died at 2026-11-21 10:00:01.001 UTC with up to 20 ms missing and 1 call in flight"
    )
    assert lines[2] == (
        "web-1 died at 2026-11-21 10:00:00.000 UTC with up to 50 ms missing and 0 calls in flight"
    )
    assert lines[6:] == [
        "2 more writers died",
        "3 events were dropped by 1 writer, most by web-0",
        SAMPLED,
    ]
    assert [line.removeprefix("recourse: ") for line in err.splitlines()] == lines[1:]


# ------------------------------------------------------------ compact, bundle, prune


def test_small_files_become_few(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(3):
        write_archive(archive, {"hedges": [hedge(i)]}, instance=f"web-{i}")

    code, out, _ = run(capsys, "compact", archive)
    _, document, _ = run(capsys, "compact", archive, "--json")

    assert code == 0
    assert out.startswith("4 files became 1: 4 rows, ")
    assert json.loads(document)["files_before"] == 0
    assert run(capsys, "check", archive)[0] == 0


def hedge(number: int) -> dict[str, Any]:
    return {"call_id": str(number), "key": "k", "attempt": 0, "hedge_index": 1, "spawned_at": T0}


def test_dead_writers_are_published_by_compaction(
    archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recourse_observe.archive.compact.recover", lambda *_: {"web": 7})

    assert "; 7 rows of dead writers first" in run(capsys, "compact", archive)[1]
    monkeypatch.setattr("recourse_observe.archive.check.recover", lambda *_: {"web": 7})
    assert "7 rows of dead writers published" in run(capsys, "check", archive, "--repair")[1]


def test_an_archive_goes_into_one_file_and_back(
    archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    first_file(archive).with_name("bad.parquet").write_bytes(b"")

    code, out, err = run(capsys, "bundle", archive, "--notes", "see 10:01")

    assert code == 0
    assert out.startswith("archive.rarc: 4 files, ")
    assert "bad.parquet is empty (0 bytes)" in err
    code, _, err = run(capsys, "bundle", archive)
    assert code == 2
    assert "bundle 'archive.rarc' is there already; give another -o, or --force" in err
    assert run(capsys, "bundle", archive, "--force")[1] == out
    assert run(capsys, "check", "archive.rarc")[0] == 0
    assert (
        run(capsys, "story", "archive.rarc")[1].split("\n", 1)[1]
        == (run(capsys, "story", archive)[1].split("\n", 1)[1])
    )


def test_what_is_old_is_removed(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = ["prune", archive, "--before", "2026-11-21T11:00"]
    code, out, _ = run(capsys, *before, "--dry-run")
    assert code == 0
    said = "4 files that ended before 2026-11-21T11:00:00Z, 2,3"
    assert out.startswith(f"would be removed: {said}")
    assert (
        json.loads(run(capsys, "prune", archive, "--older-than", "100w", "--json")[1])["files"] == 0
    )

    assert run(capsys, *before)[1].startswith(f"removed: {said}")
    assert run(capsys, "check", archive)[0] == 5


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "give --older-than or --before"),
        (["--older-than", "3d", "--before", "2026-01-01"], "give --older-than or --before"),
        (["--older-than", "3y"], "age '3y' is none; give a number with h, d or w"),
        (["--before", "soon"], "'soon'"),
        (["--before", "+2h"], "time '+2h' counts from the archive's first moment, which goes"),
        (["--before", "9999-12-31T23:59-14:00"], "use a moment before the year 10000"),
    ],
)
def test_an_age_has_to_be_said(
    archive: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    code, _, err = run(capsys, "prune", archive, *argv)

    assert code == 2
    assert said in err


@pytest.mark.slow
def test_a_time_of_day_is_one_of_the_archive_s_day(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early, late = (["prune", archive, "--before", at, "--json"] for at in ("09:59", "11:00"))
    said = [json.loads(run(capsys, *argv, "--dry-run")[1]) for argv in (early, late)]

    assert [one["before"][:16] for one in said] == ["2026-11-21T09:59", "2026-11-21T11:00"]
    assert [one["files"] for one in said] == [0, 4]


@pytest.mark.slow
def test_a_time_of_day_of_an_archive_of_many_days_is_refused(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = {"call_id": "z", "key": "k", "started_at": T0 + 3 * 86_400 * S}
    write_archive(archive, {"calls": [late]}, instance="late")
    names = sorted(archive.rglob("*.parquet"))

    code, out, err = run(capsys, "prune", archive, "--before", "11:00")

    assert (code, out) == (2, "")
    assert "'11:00' may be of any day from 2026-11-21T10:00:00Z to 2026-11-24T10:00:00Z" in err
    assert "give its day, for example 2026-11-21T10:02" in err
    assert sorted(archive.rglob("*.parquet")) == names


def test_a_person_is_asked_before_anything_is_removed(
    archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Person(io.StringIO):
        def isatty(self) -> bool:
            return True

    until = ("--before", "2026-11-21T11:00")
    names = sorted(archive.rglob("*.parquet"))
    monkeypatch.setattr(sys, "stdin", Person("n\n"))
    code, out, err = run(capsys, "prune", archive, *until)
    assert (code, out[:16]) == (0, "would be removed")
    assert "4 files that ended before 2026-11-21T11:00:00Z" in err
    assert sorted(archive.rglob("*.parquet")) == names

    monkeypatch.setattr(sys, "stdin", Person(""))
    assert run(capsys, "prune", archive, *until)[0] == 130
    assert sorted(archive.rglob("*.parquet")) == names

    monkeypatch.setattr(sys, "stdin", Person("y\n"))
    assert run(capsys, "prune", archive, *until)[1].startswith("removed: 4 files")
    assert run(capsys, "prune", archive, "--older-than", "1h", "--yes")[0] == 5


# ------------------------------------------------------------ tail


@pytest.mark.slow
def test_what_is_there_is_told_in_order(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extra = {
        "circuit_transitions": [
            {"changed_at": T0 + S, "key": "k", "from_state": "closed", "to_state": "open",
             "cause": "failure_rate"}
        ],
        "policies": [{"applied_at": T0, "key": "k\x1b[2J", "policy_version": "v1"}],
    }  # fmt: skip
    write_archive(archive, extra)

    code, out, _ = run(capsys, "tail", archive, "--from-start", "--once")

    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "10:00:00.000  · k·[2J  policy applied  static v1"
    assert "10:00:01.000  ○ k  breaker closed → open  failure_rate" in lines
    assert any("✗ payments.Charge  exhausted connection_error  2 attempts" in x for x in lines)
    assert any("● search.Query  success  1 attempt  20 ms  000005" in x for x in lines)


@pytest.mark.slow
def test_rows_are_told_as_json_and_damage_on_the_side(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first_file(archive).with_name("bad.parquet").write_bytes(b"")
    argv = ["tail", archive, "--from-start", "--timeout", "0.7", "--every", "0.01", "-t", "hedges"]

    code, out, err = run(capsys, *argv, "--format", "ndjson")
    _, lines, _ = run(capsys, *argv)

    assert code == 0
    assert [json.loads(line)["call_id"] for line in out.splitlines()] == ["000600"]
    assert err.count("bad.parquet is empty (0 bytes)") == 1
    assert "call_id=000600" in lines


def test_nothing_cannot_be_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "tail", tmp_path / "nowhere")

    assert code == 5
    assert "does not exist; give a directory" in err


# ------------------------------------------------------------ sql


QUERY = "SELECT call_id, duration_us FROM calls WHERE $brush ORDER BY call_id LIMIT 2"


def test_rows_are_a_document(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(run(capsys, "sql", archive, QUERY, "--format", "json")[1])

    assert document == json.loads(run(capsys, "sql", archive, QUERY, "--json")[1])
    assert document["schema"] == "recourse.rows/1"
    assert document["rows"][0] == {"call_id": "000000", "duration_us": 20_000}


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_rows_are_bytes_for_other_tools(
    archive: Path, capfdbinary: pytest.CaptureFixture[bytes], form: str
) -> None:
    assert main(["sql", str(archive), QUERY, "--format", form]) == 0

    data = pa.BufferReader(capfdbinary.readouterr().out)
    table = pq.read_table(data) if form == "parquet" else pa.ipc.open_stream(data).read_all()
    assert table["call_id"].to_pylist() == ["000000", "000001"]


def test_bytes_do_not_go_to_a_terminal(
    archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    code, _, err = run(capsys, "sql", archive, QUERY, "--format", "arrow")

    assert code == 2
    assert "format 'arrow' is bytes, and this is a terminal; send them to a file" in err


def test_how_a_query_is_answered_is_shown(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, err = run(capsys, "sql", archive, QUERY, "--explain")
    _, _, other = run(capsys, "sql", archive, "EXPLAIN SELECT 1", "--explain")

    assert "call_id IN (WITH members" in err
    assert "PARQUET" in err.upper()
    assert other.startswith("EXPLAIN SELECT 1")


@pytest.mark.slow
def test_a_slow_query_is_stopped_in_the_worker_too(
    archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECOURSE_TRUST")
    slow = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"

    code, _, err = run(capsys, "sql", archive, slow, "--timeout", "0.05")

    assert code == 4
    assert "the query took too long" in err


# ------------------------------------------------------------ progress, sizes


class Ticks:
    """A clock that is a second later each time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic_s(self) -> float:
        self.now += 1.0
        return self.now


def test_progress_is_for_a_person_and_is_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    with Progress("checking", Ticks()) as nobody:  # type: ignore[arg-type]  # as much of a clock as it needs
        nobody.step("x")
    assert shown.getvalue() == ""

    monkeypatch.setattr(shown, "isatty", lambda: True)
    with Progress("checking", Ticks()) as progress:  # type: ignore[arg-type]  # as above
        progress.step("a\x1b")
        progress.reach(2, 4_000)

    assert shown.getvalue() == "\r\x1b[Kchecking 1 a·\r\x1b[Kchecking 2 of 4,000\r\x1b[K"


def test_progress_of_what_is_done_at_once_is_not_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Progress("checking") as progress:
        progress.reach(1, 2)

    assert capsys.readouterr().err == ""


def test_sizes_have_three_digits() -> None:
    assert [size(n) for n in (0, 999, 1_000, 12_345_678, 9.9e9, 1e13)] == [
        "0 B", "999 B", "1 kB", "12.3 MB", "9.9 GB", "10 TB",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_command_that_is_interrupted_leaves_the_archive_whole(archive: Path) -> None:
    """A compaction ended by a signal at any of its steps: the next one finds every row."""
    rows = [{"call_id": f"x{i}", "key": "k", "started_at": T0} for i in range(50)]
    for i in range(6):
        write_archive(archive, {"calls": rows[i::6]}, instance=f"web-{i}")
    for step in (1, 3, 6, 9):
        code = (
            "import os, pathlib, sys\n"
            "from recourse_observe.cli import main\n"
            f"left = [{step}]\n"
            "def hook(event, args):\n"
            "    if event in ('os.rename', 'os.remove') and 'archive' in str(args[0]):\n"
            "        left[0] -= 1\n"
            "        if not left[0]: os.kill(os.getpid(), 9)\n"
            "sys.addaudithook(hook)\n"
            f"main(['compact', {str(archive)!r}])\n"
        )
        subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
        count = "SELECT count(*) AS n, count(DISTINCT call_id) AS ids FROM calls"
        from recourse_observe import open_archive

        with open_archive(archive, trusted=True) as opened:
            assert opened.sql(count).to_pylist() == [{"n": 1130, "ids": 1130}]


def test_the_time_of_a_row_is_its_day_in_utc() -> None:
    assert datetime.fromtimestamp(T0 / 1e6, UTC).hour == 10


@pytest.mark.parametrize("command", [("compact",), ("prune", "--older-than", "1d")])
def test_what_is_no_archive_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    name, *options = command
    (tmp_path / "home").mkdir()

    assert run(capsys, name, tmp_path / "home", *options)[0] == 5
    assert run(capsys, name, tmp_path / "typo", *options)[0] == 5

    assert [path.name for path in tmp_path.rglob("*")] == ["home"]


def test_an_age_before_all_calendars_is_refused(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "prune", archive, "--older-than", "99999999999w")

    assert code == 2
    assert "reaches back before all calendars" in err


def test_a_bundle_is_followed_and_is_not_repaired(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = tmp_path / "a.rarc"
    run(capsys, "bundle", archive, "-o", packed)

    code, out, _ = run(capsys, "tail", packed, "--once", "--from-start")

    assert code == 0
    assert "payments.Charge" in out
    assert run(capsys, "check", packed, "--repair")[0] == 2
