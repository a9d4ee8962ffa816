"""What holds for all commands: options, one JSON document, exit codes, help that fits, pipes that close."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from recourse_observe.cli import main
from recourse_observe.cli.examples import EXAMPLES
from recourse_observe.cli.output import terminal_width
from recourse_observe.cli.root import COMMANDS, group

ASKED = {
    "bundle": "bundle ARCHIVE -o OUT/x.rarc",
    "call": "call ARCHIVE 000600",
    "calls": "calls ARCHIVE --limit 3",
    "check": "check ARCHIVE",
    "compact": "compact ARCHIVE",
    "compare": "compare ARCHIVE --b 10:01..10:02",
    "doctor": "doctor",
    "key": "key ARCHIVE payments.Charge",
    "lab list": "lab list",
    "notes": "notes ARCHIVE",
    "prune": "prune ARCHIVE --before 2020-01-01 --dry-run",
    "replay": "replay ARCHIVE --limit 3",
    "sql": "sql ARCHIVE 'SELECT 1 AS one'",
    "story": "story ARCHIVE",
    "tail": "tail ARCHIVE --once --from-start",
    "triage": "triage ARCHIVE",
    "whatif": "whatif ARCHIVE -k payments.Charge --set retry.max_attempts=1",
    "why": "why ARCHIVE",
}
"""One line for each command that reads without more; those of policies and of the laboratory have tests of their own."""
WITHOUT_AN_ARCHIVE = {"doctor", "lab list"}
TWINS = ("call", "calls", "compare", "key", "replay", "sql", "story", "triage", "whatif", "why")
NO_DOCUMENT = {"tui", "web", "shot", "lab", "policy", "policy schema"}
"""They show screens, hold other commands, or print a document of somebody else's schema."""


def every() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in command.commands.items())


ALL = dict(every())


def options(command: click.Command) -> set[str]:
    return {name for one in command.params for name in one.opts}


@pytest.fixture
def place(outage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the archive, as some commands write."""
    monkeypatch.delenv("RECOURSE_ARCHIVE", raising=False)
    shutil.copytree(outage, tmp_path / "outage")
    return tmp_path


def argv(name: str, place: Path, archive: str = "outage") -> list[str]:
    line = ASKED[name].replace("ARCHIVE", str(place / archive)).replace("OUT", str(place))
    return shlex.split(line)


def test_all_commands_are_looked_at() -> None:
    names = set(ALL)
    elsewhere = {name for name in names if name.startswith(("policy", "lab"))} | {
        "tui",
        "web",
        "shot",
    }

    assert set(ASKED) | elsewhere == names
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("name", ALL)
def test_a_command_that_answers_gives_json_too(name: str) -> None:
    assert ("--json" in options(ALL[name])) == (name not in NO_DOCUMENT)


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_shows_its_sql_and_ends_in_time(name: str) -> None:
    assert {"--explain", "--timeout", "--local", "--archive", "--trust"} <= options(ALL[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", ASKED)
def test_json_is_one_document_with_its_schema(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--explain"] if name in TWINS else []

    code = main([*argv(name, place), "--json", *more])
    captured = capsys.readouterr()

    assert code == 0
    assert json.loads(captured.out)["schema"].startswith("recourse.")
    assert ("SELECT" in captured.err) == (name in TWINS)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock, nine hours before UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.slow
@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize("name", sorted({*TWINS, "tail"} - {"sql"}))
def test_local_times_are_those_of_this_machine_except_in_documents(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = argv(name, place)
    line += ["--at", "10:01"] if name == "replay" else []

    main(line)
    utc = capsys.readouterr().out
    main([*line, "--local"])
    local = capsys.readouterr().out
    main([*line, "--json"])
    document = capsys.readouterr().out
    main([*line, "--json", "--local"])

    assert "10:0" in utc
    assert "19:0" not in utc
    assert "19:0" in local
    assert " UTC" not in local
    assert capsys.readouterr().out == document


@pytest.mark.parametrize("name", sorted(set(ASKED) - WITHOUT_AN_ARCHIVE))
def test_an_archive_that_is_missing_is_5(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv(name, tmp_path, "nowhere")) == 5

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("recourse: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ALL)
def test_an_option_that_is_none_is_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--no-such-option"]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert "--no-such-option" in err


@pytest.mark.parametrize("name", ALL)
def test_help_fits_into_80_columns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0

    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if len(line) > 80] == []
    if name in COMMANDS:
        assert f"Example:\n    recourse {EXAMPLES[name]}" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_is_understood(name: str) -> None:
    command, *words = shlex.split(EXAMPLES[name])
    found = ALL[command]
    if isinstance(found, click.Group):
        found = found.commands[words.pop(0)]
    known = options(found)

    assert command == name
    assert [word for word in words if word.startswith("-") and word not in known] == []


@pytest.mark.slow
def test_a_strange_screen_is_2_for_pictures_as_for_screens(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = ["-o", str(place / "x.svg")]

    assert main(["shot", str(place / "outage"), "--screen", "nope", *picture]) == 2
    assert "screen 'nope' is not there; use one of triage" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["calls", "story"])
def test_a_pipe_that_closes_ends_it_quietly(name: str, place: Path) -> None:
    first, second = os.pipe()
    os.close(first)
    code = "import sys; from recourse_observe.cli import main; sys.exit(main())"
    line = [sys.executable, "-c", code, *argv(name, place)]

    done = subprocess.run(line, stdout=second, stderr=subprocess.PIPE, check=False)
    os.close(second)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("200", 100)])
def test_text_is_as_wide_as_the_terminal_up_to_100(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal_width() == 80

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert terminal_width() == width
