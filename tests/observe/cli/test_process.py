"""The command as its own process: what an operating system sees of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RECOURSE = [
    sys.executable,
    "-c",
    "import sys; from recourse_observe.cli import main; sys.exit(main())",
]


def test_a_closed_pipe_ends_quietly(outage: Path) -> None:
    command = [*RECOURSE, "calls", str(outage), "--limit", "1000", "--format", "ndjson"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert process.returncode == 0
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said


@pytest.mark.slow
def test_the_archive_may_come_from_the_environment(quiet: Path) -> None:
    result = subprocess.run(
        [*RECOURSE, "story", "--exit-code"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"RECOURSE_ARCHIVE": str(quiet)},
    )

    assert result.returncode == 0
    assert "No incident." in result.stdout
    assert result.stderr == ""


@pytest.mark.slow
def test_without_click_the_command_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['click'] = None\n"
        "from recourse_observe.cli import main; sys.exit(main([]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert result.returncode == 2
    assert "pip install 'recourse-observe[cli]'" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("argv", [["--help"], ["calls", "--help"], ["triage", "--help"]])
def test_help_loads_neither_a_database_nor_a_screen(argv: list[str]) -> None:
    code = (
        f"import sys; from recourse_observe.cli import main; main({argv!r})\n"
        "print([m for m in ('duckdb', 'pyarrow', 'textual') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_a_twin_does_not_load_the_screens(quiet: Path) -> None:
    code = (
        f"import sys; from recourse_observe.cli import main; main(['calls', {str(quiet)!r}])\n"
        "print('textual' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.splitlines()[-1] == "False"
