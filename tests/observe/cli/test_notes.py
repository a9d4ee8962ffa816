"""`recourse notes`: what people kept, and one more."""

import json
from pathlib import Path

import pytest

from recourse_observe.cli import main


def run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = main([str(one) for one in argv])
    captured = capsys.readouterr()
    return int(code), captured.out, captured.err


def test_a_note_is_written_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "notes", tmp_path)[1].startswith("no notes; in the screens b keeps")

    code, out, err = run(capsys, "notes", tmp_path, "--add", "it \x1b[31mbegan")
    _, document, _ = run(capsys, "notes", tmp_path, "--json")

    assert (code, out, err) == (0, "note      it ·[31mbegan\n", "")
    assert json.loads(document)["notes"][0]["text"] == "it \x1b[31mbegan"
    assert "\x1b" not in document


def test_a_note_can_be_about_a_moment(outage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "notes", outage, "--add", "here", "--at", "10:01:30")
    (outage / "notes.jsonl").unlink()

    assert out == "2026-11-21 10:01:30  note      here\n"


def test_a_bookmark_is_the_command_that_shows_it_and_broken_lines_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {
        "kind": "bookmark",
        "text": "",
        "name": "calls",
        "argv": ["calls", "--where", "lost a>1"],
    }
    (tmp_path / "notes.jsonl").write_text(f"{json.dumps(kept)}\nbroken\n")

    _, out, err = run(capsys, "notes", tmp_path)

    assert out == f"bookmark  calls: \n    recourse calls {tmp_path} --where 'lost a>1'\n"
    assert err == "recourse: 1 line of notes.jsonl could not be read\n"


def test_a_file_that_is_too_long_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "notes.jsonl").open("wb") as file:
        file.truncate(9 << 20)

    _, _, err = run(capsys, "notes", tmp_path)

    assert "notes.jsonl is too long; only its first 0 notes are shown" in err


def test_a_place_that_refuses_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.jsonl").mkdir()

    code, _, err = run(capsys, "notes", tmp_path, "--add", "x")

    assert code == 1
    assert "cannot be written" in err
