"""What people type by mistake, and what they are told."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from recourse_observe.cli import main
from recourse_observe.cli.root import group


@pytest.fixture(autouse=True)
def _no_archive_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOURSE_ARCHIVE", raising=False)


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (
            "storry {outage}",
            2,
            "command 'storry' is not known, and no archive has that name; did you mean 'story'?",
        ),
        (
            "no-archive-yet",
            2,
            "command 'no-archive-yet' is not known, and no archive has that name; see `recourse --help`",
        ),
        ("notes {outage} --at 10:01", 2, "--at is the moment of a new note; give its text with"),
        ("notes /not/there", 5, "archive '/not/there' does not exist"),
        ("web /not/there", 5, "archive '/not/there' does not exist"),
        ("tui {outage}", 2, "screens need a terminal; `recourse story` and `recourse shot` do"),
        ("--nope", 2, "No such option '--nope'"),
        (
            "calls {outage} --baseline nonsense",
            2,
            "baseline 'nonsense' cannot be read; use before, yesterday, others, successes, or two",
        ),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(
    argv: str, code: int, said: str, outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    got = main([one.replace("{outage}", str(outage)) for one in argv.split()])

    captured = capsys.readouterr()
    assert (got, captured.out) == (code, "")
    assert said in captured.err


def test_a_window_that_ends_before_it_begins_is_said(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["calls", str(outage), "--since", "10:02", "--until", "10:01"])

    said = capsys.readouterr().err
    assert said == "recourse: --until 10:01 is not after --since 10:02: nothing lies between\n"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("triage {outage} --since 2030-01-01", "no call starts in this scope; the incidents are"),
        ("replay {outage} --at 2030-01-01", "--at 2030-01-01 lies outside of what was recorded, 1"),
        ("compare {outage} -k none --b 10:01..10:02", "B has no call: 10:01:00 to 10:02:00 UTC  n"),
    ],
)
def test_a_scope_without_calls_is_said(
    argv: str, said: str, outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([one.replace("{outage}", str(outage)) for one in argv.split()])

    assert code == 0
    assert f"recourse: {said}" in capsys.readouterr().err


def test_a_note_without_words_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["notes", str(tmp_path), "--add", " "]) == 2

    assert "note ' ' says nothing; give its text" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_shapes_are_data_in_every_format_and_explain_themselves(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["calls", str(outage), "--shapes", "--format", "csv", "--limit", "1", "--explain"])
    rows, said = capsys.readouterr()
    main(["calls", str(outage), "--shapes", "--format", "ndjson", "--where", "key:none"])
    nothing, _ = capsys.readouterr()
    main(["calls", str(outage), "--shapes", "--format", "csv", "--where", "key:none"])
    head, _ = capsys.readouterr()

    assert rows.splitlines()[0].startswith("shape,")
    assert len(rows.splitlines()) == 2
    assert "SELECT" in said
    assert (nothing, head) == ("", "shape\n")


def test_a_path_alone_is_its_story_when_keys_cannot_be_pressed(
    quiet: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    code = main([str(quiet)])

    assert code == 0
    assert "No incident." in capsys.readouterr().out


def test_a_key_that_an_incident_does_not_have_is_said(
    outage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["why", str(outage), "--key", "none"])

    said = capsys.readouterr().err
    assert said == "recourse: key 'none' made no call during it; take one of payments.Charge\n"


def options(command: click.Command) -> Iterator[tuple[str | None, click.Option]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            assert one is not None
            yield from options(one)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield command.name, parameter


def test_every_option_says_what_it_is_for() -> None:
    assert [(name, one.opts) for name, one in options(group) if not one.help] == []
