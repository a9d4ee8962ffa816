"""What people type, pipe and redirect around `recourse sql`."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from recourse_observe.cli import main

RECOURSE = [
    sys.executable,
    "-c",
    "import sys; from recourse_observe.cli import main; sys.exit(main())",
]


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = main([str(arg) for arg in argv])
    out, err = capsys.readouterr()
    return code, out, err


def answer(capsys: pytest.CaptureFixture[str], archive: Path, query: str) -> object:
    code, out, err = run(capsys, "sql", archive, query, "--format", "ndjson", "--trust")
    assert (code, err) == (0, "")
    return json.loads(out)["v"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS v; -- done",
        "SELECT 1 AS v;; /* done; */ ;\n-- really",
        "SELECT 1 AS v -- ; not yet",
        "SELECT /* ; */ 1 AS v",
    ],
)
def test_remarks_may_follow_the_end_of_a_query(
    capsys: pytest.CaptureFixture[str], quiet: Path, query: str
) -> None:
    assert answer(capsys, quiet, query) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'$brush; -- x'", "$brush; -- x"),
        ("$$ $brush; $$", " $brush; "),
        ("$a$ it's $brush $a$", " it's $brush "),
        (r"E'\'$brush'", "'$brush"),
        ('1 AS "$brush;", 2', 2),
    ],
)
def test_texts_stay_what_they_are(
    capsys: pytest.CaptureFixture[str], quiet: Path, text: str, value: object
) -> None:
    assert answer(capsys, quiet, f"SELECT {text} AS v") == value


def test_two_statements_are_refused_whatever_is_remarked_between(
    capsys: pytest.CaptureFixture[str], quiet: Path
) -> None:
    code, _, err = run(capsys, "sql", quiet, "SELECT 1; -- and\nSELECT 2", "--trust")

    assert code == 1
    assert "2 statements is refused" in err


def test_sums_and_differences_of_times_are_what_a_program_expects(
    capsys: pytest.CaptureFixture[str], quiet: Path
) -> None:
    assert answer(capsys, quiet, "SELECT sum(attempts_run) AS v FROM calls") == 1080
    assert answer(capsys, quiet, "SELECT max(ended_at - started_at) AS v FROM calls") == (
        "00:00:00.02"
    )


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "table"])
def test_a_time_beyond_the_calendar_is_told(
    capsys: pytest.CaptureFixture[str], quiet: Path, form: str
) -> None:
    query = "SELECT 'infinity'::TIMESTAMP AS v"

    code, out, _ = run(capsys, "sql", quiet, query, "--format", form)

    assert code == 0
    assert "infinity" in out


@pytest.mark.parametrize("seconds", ["nan", "0", "-1", "soon"])
def test_a_span_that_is_none_is_refused(
    capsys: pytest.CaptureFixture[str], quiet: Path, seconds: str
) -> None:
    code, _, err = run(capsys, "sql", quiet, "SELECT 1", "--timeout", seconds, "--trust")

    assert code == 2
    assert "--timeout" in err


@pytest.mark.parametrize("seconds", ["inf", "1e300"])
def test_any_longer_span_is_a_year(
    capsys: pytest.CaptureFixture[str], quiet: Path, seconds: str
) -> None:
    query = "SELECT 1 AS v"

    assert run(capsys, "sql", quiet, query, "--timeout", seconds, "--trust") == (0, "v\n1\n", "")


def test_a_query_that_is_no_text_is_refused(
    capsys: pytest.CaptureFixture[str], quiet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), "utf-8"))

    code, _, err = run(capsys, "sql", quiet, "--trust")

    assert code == 2
    assert "no text in UTF-8" in err


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "arrow"])
def test_a_full_disk_is_told_in_a_sentence(quiet: Path, form: str) -> None:
    command = [*RECOURSE, "sql", str(quiet), "FROM calls", "--format", form, "--trust"]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)

    assert ended.returncode == 1
    assert ended.stderr == b"recourse: input or output failed (No space left on device)\n"


def test_a_folder_that_refuses_is_told_in_a_sentence(
    capsys: pytest.CaptureFixture[str], quiet: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()

    code, _, err = run(capsys, "bundle", quiet, "-o", tmp_path / "folder", "--force")

    assert code == 1
    assert err.endswith("cannot be read or written (Is a directory)\n")
